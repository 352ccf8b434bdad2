"""Without its service the suite says why in one line and never exits 0, nor with forty errors."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.checkout import CHECKOUT

NOT_READY = 3
LEFT_OUT = "left out: tests/incluster, because nothing listens at "


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the checkout with these settings of the suite, and with our plugin alone."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_k8s_job.plugin"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=CHECKOUT,
        env=clean | alone | environ,
        capture_output=True,
        text=True,
        timeout=120,  # it may collect all tests on a busy machine
        check=False,
    )


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line with which the suite ended, if it ended as it must without a service."""
    text = ended.stdout + ended.stderr
    assert ended.returncode == NOT_READY, text
    assert " passed" not in text, text
    lines = [line for line in text.splitlines() if "no test was run: " in line]
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def deaf() -> str:
    """The address of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[], tuple[int, bytes]]], str]]:
    """Starts a server that gives every GET the status and body of a function."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[], tuple[int, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send(*answer())

            def do_PUT(self) -> None:
                self.send(201, b"{}")  # the suite's own data set

            def do_DELETE(self) -> None:
                self.send(204, b"")

            def send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if body:  # with 204 there is none, and no length of it
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the test's own output is enough."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_refused_connection_is_told(deaf: str) -> None:
    """With nothing at the address the run ends at once, and the line has address and remedy."""
    line = refusal(run("tests/incluster", API_URL=deaf))
    assert f"{deaf}/readyz: connection refused, at the first try" in line
    assert "make serve" in line


def test_a_name_without_address_is_told() -> None:
    """A host that is not in the DNS is told by name; a remote one is not told to `make serve`."""
    line = refusal(run("tests/incluster", API_URL="http://api.nowhere.invalid"))
    assert "the name api.nowhere.invalid is not resolved" in line
    assert "make serve" not in line


def test_a_service_that_is_not_ready_is_told_with_its_reason(
    answering: Callable[[Callable[[], tuple[int, bytes]]], str],
) -> None:
    """A service that answers 503 is told with the detail of its answer."""
    url = answering(lambda: (503, b'{"detail": "the store does not answer"}'))
    assert "HTTP 503: the store does not answer" in refusal(run("tests/incluster", API_URL=url))


def test_another_service_is_told(
    answering: Callable[[Callable[[], tuple[int, bytes]]], str],
) -> None:
    """Something else at the address is told by its status."""
    url = answering(lambda: (404, b"nothing here"))
    assert "HTTP 404: nothing here" in refusal(run("tests/incluster", API_URL=url))


def test_a_silent_service_is_told(deaf: str) -> None:
    """A service that accepts and never answers is told after the time of a request."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        line = refusal(run("tests/incluster", API_URL=url, API_TIMEOUT="0.5"))
    assert "no answer within 0.5 s" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [("API_URL", "localhost:5000"), ("API_URL", "http://"), ("API_WAIT", "long"),
     ("JOB_TIMEOUT", "-1"), ("API_TIMEOUT", "nan")],
)  # fmt: skip
def test_a_setting_without_sense_is_named(name: str, value: str) -> None:
    """A setting that cannot be used is told by its name."""
    assert f"{name}={value!r}" in refusal(run("tests/incluster", **{name: value}))


def test_waiting_is_told_and_bounded(deaf: str) -> None:
    """A longer wait says once what it waits for, and ends after its time."""
    ended = run("tests/incluster", API_URL=deaf, API_WAIT="4")
    assert "after 4 s of waiting" in refusal(ended)
    waiting = f"waiting for {deaf}/readyz, up to 4 s: connection refused"
    assert ended.stdout.count(waiting) == 1, ended.stdout


def test_a_service_that_comes_late_is_waited_for(
    answering: Callable[[Callable[[], tuple[int, bytes]]], str],
) -> None:
    """Once the service is ready the tests begin, within the time to wait."""
    tries: list[int] = []

    def answer() -> tuple[int, bytes]:
        tries.append(1)
        return (503, b"") if len(tries) < 3 else (200, b'{"status": "ready"}')

    url = answering(answer)
    ended = run("tests/incluster", "-k", "test_service_is_ready", API_URL=url, API_WAIT="20")
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


def test_collection_needs_no_service(deaf: str) -> None:
    """The tests can be listed while the service is away."""
    ended = run("tests/incluster", "--collect-only", "-q", API_URL=deaf)
    assert ended.returncode == 0, ended.stdout
    count = re.search(r"(\d+) tests collected", ended.stdout)
    assert count, ended.stdout
    assert int(count[1]) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["tests"]])
def test_a_suite_that_nobody_named_is_left_out(words: list[str], deaf: str) -> None:
    """Without a service the other tests are there, and one line says why the suite is not."""
    ended = run(*words, "--collect-only", "-q", API_URL=deaf)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "tests/app/" in ended.stdout
    assert "tests/incluster/" not in ended.stdout
    lines = [line for line in ended.stdout.splitlines() if line.startswith(LEFT_OUT)]
    assert len(lines) == 1, ended.stdout
    assert deaf in lines[0]
    assert "make serve" in lines[0]


@pytest.mark.slow
def test_plain_pytest_includes_the_suite_when_something_listens(
    answering: Callable[[Callable[[], tuple[int, bytes]]], str],
) -> None:
    """Without arguments the suite is there as soon as something listens at its address."""
    ended = run("--collect-only", "-q", API_URL=answering(lambda: (200, b"")))
    assert "tests/incluster/" in ended.stdout
    assert "left out" not in ended.stdout


def test_a_named_suite_is_never_left_out(deaf: str) -> None:
    """A named suite gives its own message; other folders do not speak of it."""
    assert "left out" not in run("tests/incluster", API_URL=deaf).stdout
    assert "left out" not in run("tests/docs", "--collect-only", "-q", API_URL=deaf).stdout
