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
    """Return the stdout of the command behind `socket`, bounded in time and size.

    Frames are read here: the client adds each to all that it holds, 78 s long for 48 MiB.
    """
    from websocket import ABNF, WebSocketException  # noqa: PLC0415 (as the client that needs it)

    output, status = bytearray(), bytearray()
    end = time.monotonic() + EXEC_SECONDS
    try:
        while (left := end - time.monotonic()) > 0 and len(output) <= EXEC_BYTES:
            socket.sock.settimeout(left)
            opcode, frame = socket.sock.recv_data_frame(True)
            if opcode == ABNF.OPCODE_CLOSE:
                break
            if frame.data[:1] == bytes([STDOUT]):
                output += memoryview(frame.data)[1:]
            elif frame.data[:1] == bytes([ERRORS]):
                status += frame.data[1:]
        else:
            raise ClusterError("a command in the container said too much or took too long")
    except WebSocketException as error:
        raise ClusterError(f"a command in the container was cut off: {error}") from error
    ended = json.loads(status or b"{}")
    if ended.get("status") != "Success":
        raise ClusterError(f"a command in the container failed: {ended.get('message')}")
    return bytes(output)
