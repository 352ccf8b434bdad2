"""Notices, sent to a real HTTP server on loopback that fails in each way."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.validation import notify as module
from pytest_k8s_job.validation.events import verdict_text
from pytest_k8s_job.validation.notify import SIGNATURE, TIMESTAMP, notify
from pytest_k8s_job.validation.record import Validation
from tests.tool.validation.receiver import Answer, answer, close, drip, hang, receiving, redirect
from tests.tool.validation.runs import run

SECRET = b"the key"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times shortened."""
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "SECONDS", 0.3)
    monkeypatch.setattr(module, "MOST_SECONDS", 5.0)


def test_the_verdict_arrives_as_documented() -> None:
    """The body is the verdict's own JSON with version and text; the path is the URL's."""
    failed = run("FAILED")
    with receiving(answer(200)) as receiver:
        assert notify(receiver.url + "?x=1", failed, None) == ""
    ((path, headers, body),) = receiver.seen
    posted = json.loads(body)
    assert path == "/services/T0/hunter2hunter2?x=1"
    assert headers["Content-Type"] == "application/json"
    assert SIGNATURE not in headers
    assert posted.pop("version") == 1
    assert posted.pop("text") == verdict_text(failed)
    assert Validation.of_json(posted) == failed


def test_a_receiver_can_check_the_signature() -> None:
    """The signature is that of time and body by the secret, and of no other."""
    with receiving(answer(204)) as receiver:
        assert notify(receiver.url, run(), SECRET) == ""
    ((_, headers, body),) = receiver.seen
    assert abs(time.time() - int(headers[TIMESTAMP])) < 60

    def signature(secret: bytes, stamp: str, text: bytes) -> str:
        return (
            f"sha256={hmac.new(secret, stamp.encode() + b'.' + text, hashlib.sha256).hexdigest()}"
        )

    assert headers[SIGNATURE] == signature(SECRET, headers[TIMESTAMP], body)
    assert headers[SIGNATURE] != signature(b"another", headers[TIMESTAMP], body)
    assert headers[SIGNATURE] != signature(SECRET, headers[TIMESTAMP], body + b" ")
    assert headers[SIGNATURE] != signature(SECRET, "1", body)


def test_what_fails_twice_is_tried_again() -> None:
    """An answer 503 and a closed connection are followed by a third try, under the same key."""
    with receiving(answer(503), close, answer(200)) as receiver:
        assert notify(receiver.url, run(), None) == ""
    assert len(receiver.seen) == 3
    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.seen}) == 1


@pytest.mark.parametrize(
    ("does", "said", "tries"),
    [
        (answer(500), "it answered 500, 4 times", 4),
        (close, "it closed the connection without an answer, 4 times", 4),
        (hang, "no answer within 0 s, 4 times", 4),
        (answer(403), "it answered 403", 1),
        (answer(404), "it answered 404", 1),
    ],
)
def test_who_does_not_take_it_is_named_without_the_path(
    does: Answer, said: str, tries: int
) -> None:
    """The reason is in one line, with the host and not the password that a webhook's path is."""
    with receiving(does) as receiver:
        failed = notify(receiver.url, run(), None)
    assert failed == f"http://127.0.0.1:{receiver.server_port} was not notified: {said}"
    assert len(receiver.seen) == tries


def test_nobody_listens() -> None:
    """A port that nobody listens at is said, and the password of the URL is not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        failed = notify(f"http://me:hunter2hunter2@127.0.0.1:{port}/hunter2hunter2", run(), None)
    assert failed == f"http://127.0.0.1:{port} was not notified: connection refused, 4 times"


def test_an_answer_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that come one by one for ever hold nobody up: the whole has its own limit."""
    monkeypatch.setattr(module, "MOST_SECONDS", 0.5)
    began = time.monotonic()
    with receiving(drip) as receiver:
        failed = notify(receiver.url, run(), None)
    assert failed.endswith("no answer within 0 s")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """Neither verdict nor signature goes to a host that the user did not name."""
    with receiving(answer(200)) as other, receiving(redirect(status, other.url)) as receiver:
        failed = notify(receiver.url, run(), SECRET)
    assert f"it answered {status}, and redirects are not followed" in failed
    assert not other.seen
    assert len(receiver.seen) == 1


def test_user_and_password_of_the_url_become_a_header() -> None:
    """Credentials go where HTTP has them, decoded."""
    with receiving(answer(200)) as receiver:
        url = receiver.url.replace("http://", "http://me:p%40ss@")
        assert notify(url, run(), None) == ""
    ((_, headers, _),) = receiver.seen
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="
    assert "@" not in headers["Host"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "ftp://h/hunter2",
        "https:///hunter2",
        "http://h:hunter2/",
        "http://h/hunter2 x",
    ],
)
def test_what_is_no_url_is_an_error_that_does_not_show_it(url: str) -> None:
    """A wrong URL is refused with a remedy; it may hold a password all the same."""
    with pytest.raises(UsageError, match=r"write it as https://hooks\.example\.com/path") as error:
        notify(url, run(), None)
    assert "hunter2" not in str(error.value)
