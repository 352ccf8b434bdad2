"""Stdin and stdout of a command in a container, over a websocket."""

from __future__ import annotations

import json
import select
import ssl
import threading
import time
from typing import Any

from pytest_k8s_job.errors import ClusterError

__all__ = ["ExecStream", "read_all"]

STDOUT, ERRORS = 1, 3  # channels; the second says how the command ended
EXEC_SECONDS = 30.0  # for a command that is awaited
EXEC_BYTES = 64 << 20  # of its output; the journal answers in pieces far below that
POLL_SECONDS = 1.0
SILENCE_SECONDS = 60.0  # of a command that must say something every 20 s


class ExecStream:
    """`Stream` to a command; `socket` is the client library's websocket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._lock = threading.Lock()  # one thread reads, another writes: TLS allows one at a time

    def send(self, data: bytes) -> None:
        with self._lock:
            try:
                self._socket.write_stdin(data)
            except Exception as error:  # of sockets, TLS or the websocket library
                raise ClusterError(f"the connection to a command in the pod: {error}") from error

    def receive(self) -> bytes:
        end = time.monotonic() + SILENCE_SECONDS
        try:
            while self._socket.is_open() and time.monotonic() < end:
                self._wait()
                with self._lock:
                    self._socket.update(timeout=0)
                    if data := self._socket.read_channel(STDOUT):
                        return bytes(data)
            return bytes(self._socket.read_channel(STDOUT))
        except Exception:  # as above: however it ended, nothing more comes
            return b""

    def _wait(self) -> None:
        """Wait for bytes, without the lock."""
        raw = self._socket.sock.sock
        if not (isinstance(raw, ssl.SSLSocket) and raw.pending()):
            poll = select.poll()
            poll.register(raw, select.POLLIN)
            poll.poll(POLL_SECONDS * 1000)

    def close(self) -> None:
        with self._lock:
            self._socket.close()


def read_all(socket: Any) -> bytes:
    """Return the stdout of the command behind `socket`, bounded in time and size."""
    output = bytearray()
    end = time.monotonic() + EXEC_SECONDS
    while socket.is_open():
        left = end - time.monotonic()
        if left <= 0 or len(output) > EXEC_BYTES:
            raise ClusterError("a command in the container said too much or took too long")
        socket.update(timeout=left)
        output += socket.read_channel(STDOUT)
    status = json.loads(socket.read_channel(ERRORS) or b"{}")
    if status.get("status") != "Success":
        raise ClusterError(f"a command in the container failed: {status.get('message')}")
    return bytes(output)
