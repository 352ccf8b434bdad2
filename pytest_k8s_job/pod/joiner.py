"""Joins its stdin and stdout to the debugger; collectors run it in the pod.

No shell and no terminal is needed. Lines are passed on as they are, but for Ctrl-C, which becomes
a signal for pytest: code that runs reads no socket. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct

from pytest_k8s_job.wire.debugger import KEEP_ALIVE, SOCKET, Message, encode
from pytest_k8s_job.wire.journal import find_folder

__all__ = ["main"]

READ_BYTES = 1 << 16
GONE = "the debugger in the pod does not wait any more\n"
CREDENTIALS = struct.Struct("3i")  # process, user and group of who listens


def main() -> int:
    """Pass on bytes in both directions until one of the two sides ends."""
    folder = find_folder(os.environ)
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            if folder is None:
                raise FileNotFoundError
            connection.connect(str(folder / SOCKET))
        except OSError:
            os.write(1, encode(Message.OUT, GONE))
            return 1
        with contextlib.suppress(OSError):  # either side may go at any time
            _pass_on(connection)
    return 0


def _pass_on(connection: socket.socket) -> None:
    process = _listening_process(connection)
    rest = b""
    while True:
        ready = select.select([0, connection.fileno()], [], [], KEEP_ALIVE)[0]
        if not ready:
            os.write(1, b"\n")
        if connection.fileno() in ready:
            data = connection.recv(READ_BYTES)
            if not data:
                return
            _write_all(data)
        if 0 in ready:
            data = os.read(0, READ_BYTES)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line + b"\n" == encode(Message.INTERRUPT):
                    os.kill(process, signal.SIGINT)
                else:
                    connection.sendall(line + b"\n")


def _listening_process(connection: socket.socket) -> int:
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(found)[0])


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
