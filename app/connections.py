"""Connections that a client cannot keep for nothing: each wait for it has a time-out."""

import asyncio
import logging
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.bridge import PIECE, refusal
from app.errors import Problem

PATIENCE = 10.0
"""Seconds that a client has for a request's head and the first PIECE of its body, for each PIECE
after that, and to take each PIECE of the answer."""

KEPT = 20.0
"""Seconds that a connection may wait for its next request."""

LARGEST_HEAD = 64 * 1024
"""Bytes of request line and headers."""

MOST_OF_A_PEER = 300
"""Connections of one address to a process. Behind a proxy all clients have its address."""

MOST = 900
"""Connections to a process: under the 1,024 files that many systems allow."""

LOOK = 1.0
"""Seconds between two looks at how long a client has been waited for."""

log = logging.getLogger("connections")


class Connection(HttpToolsProtocol):
    """A connection with limits. It answers 408, 429, 431 and 503 itself, and closes."""

    peers: ClassVar[Counter[str]] = Counter()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._receiving: float | None = None
        self._sending: float | None = None
        self._in_head = False
        self._head = 0
        self._body = 0
        self._requests = 0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        self.peers[self._peer] += 1
        self._receiving = self.loop.time()
        self._watch = self.loop.call_later(LOOK, self._look)
        if self.peers.total() > MOST:
            self._refuse(Problem(503, "too many connections", headers={"Retry-After": "2"}))
        elif self.peers[self._peer] > MOST_OF_A_PEER:
            detail = f"more than {MOST_OF_A_PEER} connections from {self._peer}"
            self._refuse(Problem(429, detail, headers={"Retry-After": "2"}))

    def connection_lost(self, exc: Exception | None) -> None:
        self.peers[self._peer] -= 1
        if not self.peers[self._peer]:
            del self.peers[self._peer]
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._receiving is None and (self.cycle is None or self.cycle.response_complete):
            self._receiving = self.loop.time()  # whatever it is, a request must come of it
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._refuse(Problem(431, f"the head has more than {LARGEST_HEAD} bytes"))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving = self.loop.time()
        self._in_head, self._head, self._body = True, 0, 0
        self._requests += 1

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self.send_400_response("")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        super().on_body(body)
        self._body += len(body)
        if self._body >= PIECE:
            self._body = 0
            self._receiving = self.loop.time()

    def on_message_complete(self) -> None:
        if self.transport.is_closing():
            return
        super().on_message_complete()
        self._receiving = None

    def on_response_complete(self) -> None:
        if self.transport.get_write_buffer_size():
            self._sending = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sending = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's own text
        self._refuse(Problem(400, "this is not a request of HTTP/1.1"))

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without a new request, once it has taken its last answer."""
        if self.transport.get_write_buffer_size():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _look(self) -> None:
        self._watch = self.loop.call_later(LOOK, self._look)
        now = self.loop.time()
        if not self.transport.get_write_buffer_size():
            self._sending = None
        elif self._sending is not None and now - self._sending > PATIENCE:
            log.info("client takes no answer", extra={"peer": self._peer})
            self.transport.abort()
        if self.flow.read_paused or self._receiving is None or self.transport.is_closing():
            return
        if now - self._receiving > PATIENCE:
            self._refuse(Problem(408, f"the request was not whole after {PATIENCE:g} s"))

    def _refuse(self, problem: Problem) -> None:
        status, headers, text = refusal(problem, "")
        log.info("%s", problem.detail, extra={"peer": self._peer, "status": status})
        if self.transport.is_closing():
            return
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # a status cannot be sent in the middle of an answer
            return
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", text]))
        self.transport.close()
