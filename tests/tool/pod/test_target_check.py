"""The request to the target from inside the pod: how far it comes, and how a run ends by it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from pytest_k8s_job.pod import target_check
from pytest_k8s_job.pod.target_check import request_target
from pytest_k8s_job.wire.target_check import PREFIX, TargetCheckResult
from tests.tool.conftest import Side

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give each connection to `answer`; yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def saying(status: HTTPStatus, body: str = "fine") -> Callable[[socket.socket], None]:
    """Return what answers every request with `status`."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: {len(body)}\r\n\r\n"

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall((head + body).encode())

    return answer


def reset(connection: socket.socket) -> None:
    """Close the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_target_that_answers_is_ok() -> None:
    """A status below 400 is all that is asked for."""
    with serving(saying(HTTPStatus.OK)) as url:
        assert request_target(url + "/readyz").stage == "ok"


def test_a_target_that_is_not_ready_tells_why() -> None:
    """A 5xx keeps its status and what it said."""
    with serving(saying(HTTPStatus.SERVICE_UNAVAILABLE, "redis is away")) as url:
        seen = request_target(url)
    assert (seen.stage, seen.status, seen.error) == ("http", 503, "redis is away")


def test_a_refused_connection_is_told() -> None:
    """Nothing listens: the request ends at connecting."""
    seen = request_target(f"http://127.0.0.1:{closed_port()}/")
    assert seen.stage == "connect"
    assert "refused" in seen.error


def test_a_reset_connection_is_told() -> None:
    """A connection that is closed before the answer is told apart from one that is refused."""
    with serving(reset) as url:
        assert "reset" in request_target(url).error or "closed" in request_target(url).error


def test_a_silent_target_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that takes the connection and says nothing costs one time-out."""
    monkeypatch.setattr(target_check, "SECONDS", 0.2)
    over = threading.Event()
    with serving(lambda _: bool(over.wait(10))) as url:  # type: ignore[arg-type]
        seen = request_target(url)
        over.set()
    assert (seen.stage, seen.error) == ("answer", "timeout")


def test_plain_http_is_no_tls() -> None:
    """A handshake with a plain server ends at TLS."""
    with serving(saying(HTTPStatus.OK)) as url:
        assert request_target(url.replace("http:", "https:")).stage == "tls"


def test_a_name_that_is_not_resolved_ends_the_request() -> None:
    """The resolver's words are kept."""
    seen = request_target("http://no-such-service.invalid/")
    assert seen.stage == "resolve"
    assert seen.error


def test_only_our_own_message_is_read() -> None:
    """Whatever else ended pytest is not taken for a result."""
    result = TargetCheckResult("http://x", "connect", "refused", pod="suite-1", seconds=0.5)
    assert TargetCheckResult.decode({"message": result.encode()}) == result
    assert TargetCheckResult.decode({"message": PREFIX + "not JSON"}) is None
    assert TargetCheckResult.decode({"message": PREFIX + '{"other": 1}'}) is None
    assert TargetCheckResult.decode({"message": "stopped by a test"}) is None
    assert TargetCheckResult.decode(None) is None


@pytest.fixture
def pod(remote: Side) -> Side:
    """A run whose pod has this package's plugin, as an installed one has."""
    remote.extra = (*remote.extra, "--k8s-env=PYTEST_PLUGINS=pytest_k8s_job.plugin")
    return remote


def configure(side: Side, url: str) -> None:
    """Let the ini file in the pod name the target."""
    (side.suite / "pytest.ini").write_text(
        f"[pytest]\nk8s_target_url = {url}\nk8s_target_wait = 0\n"
    )
    (side.suite / "test_it.py").write_text("def test_it(): pass\n")


def test_no_test_runs_against_a_target_that_is_not_there(pod: Side) -> None:
    """The run ends as NOT_RUN, exit code 10, with the cause in the summary's first line."""
    url = f"http://127.0.0.1:{closed_port()}"
    configure(pod, url)
    result = pod.run("test_it.py")
    assert result.code == 10, result.stdout
    lines = result.stdout.splitlines()
    title = next(n for n, line in enumerate(lines) if "in cluster: NOT_RUN" in line)
    assert lines[title + 1] == f"{url}/: the connection is refused"


def test_tests_run_against_a_target_that_is_there(pod: Side) -> None:
    """A target that answers is not mentioned."""
    with serving(saying(HTTPStatus.OK)) as url:
        configure(pod, url)
        result = pod.run("test_it.py")
    assert result.code == 0, result.stdout
    assert "1 passed" in result.stdout
