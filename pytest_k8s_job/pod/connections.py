"""Notes which addresses each test connects to, by Python's audit events.

What C libraries and child processes do raises no such event and is not seen. Of a connection that
is kept open, each request of `http.client` (so of requests and urllib3 too) is an event of its own.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_k8s_job.wire.records import Kind

__all__ = ["Connections"]

MOST = 20  # addresses of one test; who calls more is a load generator


class Connections:
    """A pytest plugin that sends a `connections` record before the report of each phase."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit
        self._peers: dict[tuple[str, int], str] = {}  # (name or address, port) -> address
        self._sent: dict[tuple[str, int], str] = {}
        self._resolved = threading.local()  # the name that a thread asked for last
        sys.addaudithook(self._audit)  # for the whole life of the process: there is no way back

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Begin a test."""
        self._peers, self._sent = {}, {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send what this phase connected to and the ones before did not."""
        now = dict(self._peers)
        new = [(*peer, address) for peer, address in now.items() if self._sent.get(peer) != address]
        if new:
            self._sent = now
            self._emit(Kind.CONNECTIONS, report.nodeid, new)

    def _audit(self, event: str, words: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self._connect(words[1])
        elif event == "http.client.send":
            self._request(words[0])
        elif event == "socket.getaddrinfo":
            self._resolve(words[0], words[1])

    def _resolve(self, name: object, port: object) -> None:
        if isinstance(name, str) and isinstance(port, int) and not _is_address(name):
            self._resolved.name = name, port
            self._note(name, port, "")  # it may be in vain

    def _connect(self, address: object) -> None:
        if not isinstance(address, tuple) or len(address) < 2:
            return  # a socket in the file system
        host, port = str(address[0]), int(address[1])
        name, asked = getattr(self._resolved, "name", ("", 0))
        self._note(name if name and asked == port else host, port, host)

    def _request(self, connection: Any) -> None:
        try:
            address, port, *_ = connection.sock.getpeername()
        except (AttributeError, OSError, ValueError):
            return  # not connected yet: that will be an event too
        self._note(str(connection.host), int(port), str(address))

    def _note(self, name: str, port: int, address: str) -> None:
        peer = (name, port)
        if address if peer in self._peers else len(self._peers) < MOST:
            self._peers[peer] = address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
