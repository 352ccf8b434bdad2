"""The suite's own instruments say no when they should: waiting, PNG reader, checks, settings."""

import json
import struct
import time
import zlib
from collections.abc import Callable

import pytest
import requests

from tests.incluster.client import Api, describe, expect, json_of, problem
from tests.incluster.png import SIGNATURE, read_png
from tests.incluster.settings import Settings
from tests.incluster.waiting import wait_until


def test_waiting_returns_what_it_waited_for() -> None:
    """The value that satisfied the condition is returned, at the first look if it does."""
    values = iter([1, 2, 3])
    assert wait_until(lambda: next(values), 5, "a two", until=lambda seen: seen == 2) == 2
    assert next(values) == 3


def test_waiting_names_what_it_waited_for_and_the_last_value() -> None:
    """A wait that is over says for what, how long, and what was seen last."""
    begin = time.monotonic()
    with pytest.raises(AssertionError, match=r"waited 0\.1 s for rain; .*: 'sun'"):
        wait_until(lambda: "sun", 0.1, "rain", until=lambda seen: seen == "rain")
    assert time.monotonic() - begin >= 0.1


def test_waiting_looks_once_more_when_the_time_is_up() -> None:
    """A condition that became true while the process stood still counts."""
    calls: list[float] = []

    def look() -> bool:
        calls.append(time.monotonic())
        if len(calls) == 1:
            time.sleep(0.1)
        return len(calls) == 2

    assert wait_until(look, 0.05, "the second look")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 3, 8, 2, 0, 0, 0))
BODY = chunk(b"IDAT", zlib.compress(bytes((1 + 2 * 3) * 3)))
TAIL = chunk(b"IEND", b"")
GOOD = SIGNATURE + HEAD + BODY + TAIL


def test_a_good_png_is_read() -> None:
    """Width, height and rows of a small picture are found."""
    picture = read_png(GOOD)
    assert (picture.width, picture.height, len(picture.rows)) == (2, 3, 21)


BAD_PICTURES = {
    "empty": (b"", "no PNG signature"),
    "jpeg": (b"\xff\xd8\xff\xe0" + GOOD[4:], "no PNG signature"),
    "signature-only": (SIGNATURE, "no chunk"),
    "torn-in-chunk": (GOOD[:-20], "ends within the chunk b'IDAT'"),
    "torn-in-head": (GOOD[:-9], "ends within the head"),
    "without-end": (SIGNATURE + HEAD + BODY, "the chunks are"),
    "without-data": (SIGNATURE + HEAD + TAIL, "the chunks are"),
    "wrong-order": (SIGNATURE + BODY + HEAD + TAIL, "the chunks are"),
    "bit-flipped": (GOOD[:20] + b"\x01" + GOOD[21:], "checksum of the chunk b'IHDR'"),
    "something-after": (GOOD + b"\0", "1 bytes follow the end"),
    "rows-missing": (
        SIGNATURE + HEAD + chunk(b"IDAT", zlib.compress(bytes(14))) + TAIL,
        "needs 21 bytes of rows, not 14",
    ),
}


@pytest.mark.parametrize(("content", "reason"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_bad_png_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    """What is torn, flipped, out of order or not PNG at all is refused, and the reason told."""
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        read_png(content)


Answer = Callable[..., requests.Response]


@pytest.fixture
def answer() -> Answer:
    """Makes an answer as requests would return it."""

    def make(status: int, body: bytes, kind: str, request_id: str = "r1") -> requests.Response:
        made = requests.Response()
        made.status_code, made._content = status, body
        made.headers.update({"Content-Type": kind, "X-Request-ID": request_id})
        made.request = requests.Request("GET", "http://api/x", {"traceparent": "t1"}).prepare()
        made.reason = "Reason"
        return made

    return make


def problem_body(**changes: object) -> bytes:
    """A problem as the contract has it, but for the changes."""
    good = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "d"}
    return json.dumps({**good, "instance": "/x", "request_id": "r1", **changes}).encode()


def test_a_good_problem_is_returned(answer: Answer) -> None:
    """An error in the right shape is returned as a dictionary."""
    made = answer(404, problem_body(), "application/problem+json")
    assert problem(made, 404)["detail"] == "d"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, problem_body(status=400), "application/problem+json"),
        (404, problem_body(), "application/json"),
        (404, b"<html>", "application/problem+json"),
        (404, b"[]", "application/problem+json"),
        (404, b"{}", "application/problem+json"),
        (404, problem_body(status=500), "application/problem+json"),
        (404, problem_body(request_id="another"), "application/problem+json"),
    ],
)
def test_an_error_of_another_shape_is_no_problem(
    answer: Answer, status: int, body: bytes, kind: str
) -> None:
    """An error of another status, type or shape fails, and the failure shows the answer."""
    with pytest.raises(AssertionError, match="GET http://api/x answered"):
        problem(answer(status, body, kind), 404)


def test_a_failure_shows_the_answer(answer: Answer) -> None:
    """Method, address, status, ids and the beginning of the body stand in the message."""
    made = answer(500, b"x" * 5000, "text/plain")
    text = describe(made)
    for part in ("GET http://api/x", "500 Reason", "text/plain", "r1", "t1", "5000 bytes in all"):
        assert part in text
    assert len(text) < 1000
    with pytest.raises(AssertionError, match="expected status 200"):
        expect(made, 200)
    with pytest.raises(AssertionError, match="the body is not JSON"):
        json_of(made, 500)


def test_the_trace_of_the_outside_is_sent_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace header set for this test is used as it is, else each test has a trace of its own."""
    api = Api(Settings())
    monkeypatch.delenv("TRACEPARENT", raising=False)
    first = api.trace.header().split("-")
    api.trace.begin()
    second = api.trace.header().split("-")
    assert [len(part) for part in first] == [2, 32, 16, 2]
    assert first[1] != second[1]
    outside = f"00-{'a' * 32}-{'b' * 16}-01"
    monkeypatch.setenv("TRACEPARENT", outside)
    assert api.trace.header() == outside
    assert "a" * 32 in api.trace.history()


def test_settings_come_from_the_environment() -> None:
    """Each setting has its variable, and an empty one counts as unset."""
    environ = {"API_URL": "http://api.weather.svc/", "API_WAIT": "180", "JOB_TIMEOUT": ""}
    settings = Settings.from_environment(environ)
    assert settings == Settings(url="http://api.weather.svc", wait=180.0)
    assert settings.address == ("api.weather.svc", 80)
    assert not settings.local
    assert Settings.from_environment({}).local
