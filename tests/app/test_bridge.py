"""The bridge from ASGI to WSGI: bodies, pieces, limits, clients that go away."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from app import bridge
from app.bridge import PIECE, Bridge

SCOPE = {
    "method": "POST",
    "raw_path": b"/a%20b/%ff",
    "path": "/a b",
    "query_string": b"x=1",
    "http_version": "1.1",
    "scheme": "http",
    "server": ("127.0.0.1", 5000),
    "client": ("10.0.0.9", 4711),
    "headers": [(b"content-type", b"text/csv"), (b"x-a", b"1"), (b"x-a", b"2")],
}
DISCONNECT = {"type": "http.disconnect"}


class App:
    """A WSGI application that remembers its request and answers with the chunks it is given."""

    def __init__(self, chunks: Iterable[bytes] = (b"done",)) -> None:
        self.chunks = chunks
        self.environ: WSGIEnvironment = {}
        self.body: bytes | None = None
        self.closed = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environ, self.body = environ, environ["wsgi.input"].read()
        start_response("201 Created", [("X-Kind", "test")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        """Note that the server wants no more."""
        self.closed = True


def run(made: Bridge, *messages: dict[str, Any], gone: int = 1000) -> list[dict[str, Any]]:
    """What the bridge sends for a request in these messages; sending fails after `gone`."""
    waiting = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if len(sent) == gone:
            raise ConnectionError
        sent.append(message)

    asyncio.run(made(SCOPE, receive, send))
    return sent


def body(*pieces: bytes) -> list[dict[str, Any]]:
    """The messages of a body."""
    return [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]


def test_a_request_reaches_the_application_whole() -> None:
    """Path, query, headers and body are those of the request; the answer is that of the app."""
    app = App()
    start, answer = run(Bridge(app, 100), *body(b"ab", b"", b"cd"))
    assert app.body == b"abcd"
    assert app.environ["PATH_INFO"] == "/a b/\xff"
    assert app.environ["QUERY_STRING"] == "x=1"
    assert app.environ["CONTENT_TYPE"] == "text/csv"
    assert app.environ["HTTP_X_A"] == "1,2"
    assert app.environ["REMOTE_ADDR"] == "10.0.0.9"
    assert (start["status"], start["headers"]) == (201, [(b"x-kind", b"test")])
    assert (bytes(answer["body"]), answer["more_body"]) == (b"done", False)
    assert app.closed


def test_of_a_body_too_large_the_application_sees_the_beginning() -> None:
    """The rest is dropped, so that the client can read why; the connection goes on."""
    app = App()
    start, _ = run(Bridge(app, 3), *body(b"ab", b"cdef", b"gh"))
    assert app.body == b"abc"
    assert bridge.CLOSE not in start["headers"]


def test_an_endless_body_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is too much only so much is dropped; then the answer closes the connection."""
    monkeypatch.setattr(bridge, "LARGEST_DROPPED", 10)
    start, _ = run(Bridge(App(), 3), *body(b"x" * 20, b"never read"))
    assert bridge.CLOSE in start["headers"]


def test_a_client_that_goes_away_costs_no_thread() -> None:
    """When the body breaks off, the application is not called."""
    app = App()
    assert run(Bridge(app, 100), body(b"ab", b"")[0], DISCONNECT) == []
    assert app.body is None


def test_a_large_answer_goes_in_pieces() -> None:
    """The connection gets a piece at a time, also of one large chunk."""
    whole = bytes(range(256)) * (PIECE // 100)
    _, *pieces = run(Bridge(App([whole]), 100), *body(b""))
    assert max(len(piece["body"]) for piece in pieces) == PIECE
    assert b"".join(piece["body"] for piece in pieces) == whole
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_an_answer_is_made_while_it_is_sent() -> None:
    """A generator runs only as far as its client takes, and is closed when the client goes."""
    made = []

    def chunks() -> Iterator[bytes]:
        for number in range(10):
            made.append(number)
            yield b"x" * PIECE

    app = App(chunks())
    with pytest.raises(ConnectionError):
        run(Bridge(app, 100), *body(b""), gone=3)
    assert len(made) == 3
    assert app.closed


@pytest.mark.parametrize(("sent", "answered"), [(b"x" * 50, b"done"), (b"", b"y" * 2 * PIECE)])
def test_a_full_server_says_so(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answered: bytes
) -> None:
    """Bodies and large answers that do not fit are 503; nothing of them stays held."""
    monkeypatch.setattr(bridge, "MOST_HELD", 40)
    made = Bridge(App([answered]), 100)
    for _ in range(2):
        start, refused = run(made, *body(sent))
        assert start["status"] == 503
        assert (b"retry-after", b"2") in start["headers"]
        assert json.loads(refused["body"])["status"] == 503
    start, _ = run(Bridge(App(), 100), *body(b"x" * 40))
    assert start["status"] == 201
