"""An HTTP server on loopback that does what a test tells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = [
    "Answer",
    "Handler",
    "Receiver",
    "answer",
    "close",
    "drip",
    "hang",
    "receiving",
    "redirect",
]


class Receiver(ThreadingHTTPServer):
    """Answers each POST by the next of `answers`, the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.seen: list[tuple[str, Message, bytes]] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """Its URL, with a path that is a password."""
        return f"http://127.0.0.1:{self.server_port}/services/T0/hunter2hunter2"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.path, self.headers, body))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def do_GET(self) -> None:
        self.do_POST()  # what some clients make of a redirected POST

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


Answer = Callable[[Handler], None]


def answer(status: int, **headers: str) -> Answer:
    """Answer with a status."""

    def send(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


def redirect(status: int, url: str) -> Answer:
    """Send the client elsewhere."""
    return answer(status, Location=url)


def close(handler: Handler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Answer nothing until the test is over."""
    handler.server.ended.wait(60)
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Answer with headers that never end, one in a while."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.ended.is_set():
        handler.wfile.write(b"X-More: x\r\n")
        time.sleep(0.05)


@contextmanager
def receiving(*answers: Answer) -> Iterator[Receiver]:
    """Serve for the time of a test."""
    with Receiver(*answers) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield serving
        finally:
            serving.ended.set()
            serving.shutdown()
