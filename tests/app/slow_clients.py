"""Clients that hold connections and give nothing back, from addresses of their own."""

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

SMALL_BUFFER = 4096
"""Bytes that the kernel takes for a client that does not read."""

HALF_BODY = (
    b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 60\r\n\r\n{"start"'
)
HALF_HEAD = b"GET /jobs HTTP/1.1\r\nHost: x\r\nX-Half: "
NO_READER = b"GET /data HTTP/1.1\r\nHost: x\r\n\r\n"
IDLE = b""


@contextmanager
def clients(port: int, count: int, sent: bytes, source: str) -> Iterator[list[socket.socket]]:
    """That many connections from the address `source`, each having sent the bytes `sent`."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            client.settimeout(60)
            client.bind((source, 0))
            client.connect(("127.0.0.1", port))
            client.sendall(sent)
            opened.append(client)
        yield opened


@contextmanager
def crowd(port: int, count: int) -> Iterator[dict[bytes, list[socket.socket]]]:
    """As many slow senders, clients that do not read and idle ones, by what they sent."""
    with ExitStack() as stack:
        yield {
            sent: stack.enter_context(clients(port, count, sent, f"127.0.0.{number}"))
            for number, sent in enumerate((HALF_BODY, NO_READER, IDLE), start=2)
        }


def times(port: int, count: int, path: str = "/readyz") -> list[float]:
    """Seconds of so many requests, one after another, each on a connection of its own."""
    found = []
    for _ in range(count):
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
        finally:
            connection.close()
        found.append(time.monotonic() - began)
    return found


def percentile(found: list[float], percent: int) -> float:
    """The time that so many percent of the requests kept."""
    return statistics.quantiles(found, n=100, method="inclusive")[percent - 1]


def rest(client: socket.socket) -> bytes:
    """All that the server still sends, up to its end of the connection."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def exchange(port: int, sent: bytes, receive: Callable[[socket.socket], bytes] = rest) -> bytes:
    """What the server answers to these bytes until it closes."""
    with clients(port, 1, sent, "127.0.0.1") as (client,):
        return receive(client)
