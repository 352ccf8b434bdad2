"""ASGI in front, WSGI behind: a thread of the application never waits for a client.

The whole body is read before a thread is taken, and the answer is sent after it is given back.
"""

import asyncio
import contextvars
import io
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

import orjson

from app.errors import MEDIA_TYPE, Problem

Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

THREADS = 4
"""Threads of a process: they wait for Redis, and compute one at a time."""

PIECE = 64 * 1024
"""Bytes of an answer that the connection gets at once; it waits before it takes more."""

LARGEST_DROPPED = 16_000_000
"""Bytes of a body too large that are read and dropped. A server that closes with bytes unread
resets the connection, and the client then may never see why it was refused."""

MOST_HELD = 32_000_000
"""Bytes of bodies and of large answers that a process holds; above it new ones get 503."""

CLOSE = (b"connection", b"close")


class Bridge:
    """The ASGI application that runs `app`, with bodies of up to `largest` bytes.

    Of a larger body `app` sees the first `largest` bytes, and the length that was announced.
    """

    def __init__(self, app: WSGIApplication, largest: int) -> None:
        self._app = app
        self._largest = largest
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._held = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request; return without an answer when the client is gone."""
        hold = _Hold(self)
        try:
            body, whole = await self._read(receive, hold)
            answer = _Answer(self._app, _environ(scope, body))
            await self._in_thread(answer.begin)
            if len(answer.piece) > PIECE:
                hold.add(len(answer.piece))
        except _GoneError:
            hold.release()
            return
        except _FullError:
            hold.release()
            problem = Problem(503, "the server holds too much", headers={"Retry-After": "2"})
            status, headers, text = refusal(problem, scope["path"])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": text})
            return
        try:
            headers = answer.headers if whole else [*answer.headers, CLOSE]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await self._send(answer, send)
        finally:
            hold.release()

    async def _read(self, receive: Receive, hold: "_Hold") -> tuple[bytes, bool]:
        body, dropped, more = bytearray(), 0, True
        while more and dropped < LARGEST_DROPPED:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            piece, more = message.get("body", b""), message.get("more_body", False)
            kept = piece[: self._largest - len(body)]
            hold.add(len(kept))
            body += kept
            dropped += len(piece) - len(kept)
        return bytes(body), not more

    async def _send(self, answer: "_Answer", send: Send) -> None:
        try:
            while True:
                view, last = memoryview(answer.piece), answer.complete
                for start in range(0, len(view) or 1, PIECE):
                    more = not last or start + PIECE < len(view)
                    part = view[start : start + PIECE]
                    await send({"type": "http.response.body", "body": part, "more_body": more})
                if last:
                    return
                await self._in_thread(answer.go_on)
        finally:
            if not answer.complete:
                await self._in_thread(answer.close)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, call)


def refusal(problem: Problem, path: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a refusal that the application does not see."""
    request_id = uuid.uuid4().hex
    text = orjson.dumps(problem.body(path, request_id))
    fields = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(text)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": request_id,
        **problem.headers,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    return problem.status, [*headers, CLOSE], text


class _GoneError(Exception):
    """The client closed its connection before its request was whole."""


class _FullError(Exception):
    """The process holds as much as it may."""


class _Hold:
    """What one request has of the bytes that a process may hold."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._size = 0

    def add(self, size: int) -> None:
        if self._bridge._held + size > MOST_HELD:
            raise _FullError
        self._bridge._held += size
        self._size += size

    def release(self) -> None:
        self._bridge._held -= self._size
        self._size = 0


class _Answer:
    """A WSGI answer, a piece of at least PIECE bytes at a time; all in one context."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        self._app = app
        self._environ = environ
        self._context = contextvars.copy_context()
        self._iterable: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] = iter(())
        self.status = 500
        self.headers: Headers = []
        self.piece = b""
        self.complete = False

    def begin(self) -> None:
        """Run the application up to the first piece."""
        self._context.run(self._begin)

    def go_on(self) -> None:
        """Put the next piece in place of the last."""
        self._context.run(self._go_on)

    def close(self) -> None:
        """Tell the application that no more is wanted."""
        self._context.run(self._close)

    def _begin(self) -> None:
        self._iterable = self._app(self._environ, self._start)
        self._chunks = iter(self._iterable)
        self._go_on()

    def _start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]

    def _go_on(self) -> None:
        chunks, size = [], 0
        for chunk in self._chunks:
            chunks.append(chunk)
            size += len(chunk)
            if size >= PIECE:
                break
        else:
            self._close()
        self.piece = chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _close(self) -> None:
        self.complete = True
        close = getattr(self._iterable, "close", None)
        if close is not None:
            close()


def _environ(scope: Any, body: bytes) -> WSGIEnvironment:
    host, port = scope["server"] or ("", None)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": (scope["client"] or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ
