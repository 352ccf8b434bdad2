"""Which addresses each test connects to, noted by a plugin of the pod."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pytest_k8s_job.pod.connections import Connections
from pytest_k8s_job.wire.records import Kind, decode, encode

LOCAL = "127.0.0.1"
Peer = tuple[str, int, str]


class Noted:
    """The plugin, its records, and the hooks that pytest calls for a test."""

    def __init__(self) -> None:
        self.records: list[tuple[Any, ...]] = []
        self.plugin = Connections(lambda *fields: self.records.append(fields))

    def phase(self, action: Callable[[], object], when: str = "call") -> list[Peer]:
        """Run a phase of a test; return what was sent of it."""
        self.records.clear()
        action()
        report = pytest.TestReport("t.py::t", ("t.py", 1, "t"), {}, "passed", None, when)  # type: ignore[arg-type]
        self.plugin.pytest_runtest_logreport(report)
        if not self.records:
            return []
        ((kind, nodeid, peers),) = self.records
        assert peers
        assert (kind, nodeid) == (Kind.CONNECTIONS, "t.py::t")
        assert list(decode(encode(kind, nodeid, peers))) == [[kind, nodeid, [[*p] for p in peers]]]
        return list(peers)

    def test(self, action: Callable[[], object]) -> list[Peer]:
        """Run a test; return what was sent of it."""
        self.plugin.pytest_runtest_logstart()
        return self.phase(action)


@pytest.fixture(scope="module")
def noting() -> Noted:
    """One plugin: an audit hook stays for the life of the process."""
    return Noted()


@pytest.fixture
def noted(noting: Noted) -> Noted:
    """The plugin before its first test."""
    noting.test(lambda: socket.getaddrinfo(LOCAL, 1))  # forgets the name that was asked for
    return noting


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers each GET and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An HTTP server on this machine."""
    with http.server.ThreadingHTTPServer((LOCAL, 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def connect(*address: Any) -> None:
    """Connect by a plain socket, without asking for a name."""
    with socket.socket() as made:
        made.connect(address)


def test_nothing_is_sent_for_a_test_that_connects_to_nothing(noted: Noted) -> None:
    """A trivial test costs no record."""
    assert noted.test(lambda: None) == []


@pytest.mark.parametrize("host", ["localhost", "LocalHost", LOCAL])
def test_urllib(noted: Noted, port: int, host: str) -> None:
    """The name is told as it was asked for, with the address that it led to."""
    url = f"http://{host}:{port}/"
    assert noted.test(lambda: urllib.request.urlopen(url).close()) == [(host, port, LOCAL)]


def test_a_session_that_stays_connected(noted: Noted, port: int) -> None:
    """Each test that sends a request is noted, though only the first connects."""
    with requests.Session() as session:
        session.trust_env = False
        expected = [("localhost", port, LOCAL)]
        for _ in range(3):
            answer = noted.test(lambda: session.get(f"http://localhost:{port}/", timeout=5))
            assert answer == expected
        assert noted.test(lambda: None) == []


def test_a_name_with_a_period_at_its_end(noted: Noted, port: int) -> None:
    """Libraries ask with it and tell without: it is one peer."""

    def ask() -> None:
        with contextlib.suppress(OSError):  # not every resolver knows this one
            socket.getaddrinfo("localhost.", port)
        connect(LOCAL, port)

    assert noted.test(ask) == [("localhost", port, LOCAL)]


def test_each_phase_sends_what_is_new(noted: Noted, port: int) -> None:
    """What the set-up connected to is not sent again by the call."""

    def call() -> None:
        urllib.request.urlopen(f"http://{LOCAL}:{port}/").close()

    noted.plugin.pytest_runtest_logstart()
    assert noted.phase(call, "setup") == [(LOCAL, port, LOCAL)]
    assert noted.phase(call, "call") == []
    assert noted.phase(lambda: connect("localhost", port), "teardown") == [("localhost", port, "")]
    assert noted.phase(lambda: socket.create_connection(("localhost", port)).close()) == [
        ("localhost", port, LOCAL)
    ]


def test_a_socket_by_address_and_by_name(noted: Noted, port: int) -> None:
    """A plain socket resolves a name without telling the address."""
    assert noted.test(lambda: connect(LOCAL, port)) == [(LOCAL, port, LOCAL)]
    assert noted.test(lambda: connect("localhost", port)) == [("localhost", port, "")]


def test_an_address_is_not_given_to_a_name_of_before(noted: Noted, port: int) -> None:
    """Who connects by address afterwards has asked for no name."""

    def both() -> None:
        socket.create_connection(("localhost", port)).close()
        socket.create_connection((LOCAL, port)).close()

    assert noted.test(both) == [("localhost", port, LOCAL), (LOCAL, port, LOCAL)]


@pytest.mark.parametrize("host", [LOCAL, "::1", None])
def test_what_is_no_name_is_not_noted(noted: Noted, host: str | None) -> None:
    """An address is noted when something connects to it."""
    assert noted.test(lambda: socket.getaddrinfo(host, 80)) == []


def test_a_name_of_another_port_is_not_meant(noted: Noted, port: int) -> None:
    """A name that was asked for with another port led elsewhere."""

    def both() -> None:
        socket.getaddrinfo("localhost", port + 1)
        connect(LOCAL, port)

    assert noted.test(both) == [("localhost", port + 1, ""), (LOCAL, port, LOCAL)]


def test_a_name_without_a_port(noted: Noted, port: int) -> None:
    """It is the name of whatever is connected to next."""

    def both() -> None:
        socket.getaddrinfo("localhost", None)
        connect(LOCAL, port)

    assert noted.test(both) == [("localhost", port, LOCAL)]


def test_what_failed_is_noted_too(noted: Noted) -> None:
    """A name that does not resolve, and a port on which nobody listens."""

    def resolve() -> None:
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("no-such-host.invalid", 80)

    def refuse() -> None:
        with pytest.raises(ConnectionRefusedError):
            connect(LOCAL, 1)

    assert noted.test(resolve) == [("no-such-host.invalid", 80, "")]
    assert noted.test(refuse) == [(LOCAL, 1, LOCAL)]


def test_a_socket_in_the_file_system(noted: Noted, tmp_path: Path) -> None:
    """It is no peer, and a request over it goes well."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        class OverFile(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(path)

        def ask() -> None:
            connection = OverFile("ignored")
            connection.request("GET", "/")
            connection.close()

        assert noted.test(ask) == []
        accepted, _ = listener.accept()
        accepted.close()


def test_a_socket_that_was_closed(noted: Noted, port: int) -> None:
    """A request over it fails as it does without the plugin."""

    def ask() -> None:
        connection = http.client.HTTPConnection(LOCAL, port)
        connection.connect()
        connection.sock.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            connection.request("GET", "/")

    assert noted.test(ask) == [(LOCAL, port, LOCAL)]


def test_threads_do_not_share_the_name_they_asked_for(noted: Noted, port: int) -> None:
    """What a thread of the test connects to is the test's."""

    def both() -> None:
        socket.getaddrinfo("localhost", port)
        thread = threading.Thread(target=connect, args=(LOCAL, port))
        thread.start()
        thread.join()

    assert noted.test(both) == [("localhost", port, ""), (LOCAL, port, LOCAL)]


def test_more_peers_than_are_kept(noted: Noted, port: int) -> None:
    """The first are kept, and may still learn their address."""

    def many() -> None:
        for number in range(25):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                made.connect((LOCAL, 1000 + number))

    peers = noted.test(many)
    assert peers == [(LOCAL, 1000 + number, LOCAL) for number in range(20)]

    def early() -> None:
        socket.getaddrinfo("localhost", port)
        many()
        connect(LOCAL, port)

    assert noted.test(early)[0] == ("localhost", port, LOCAL)
