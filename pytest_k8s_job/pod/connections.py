"""Notes which addresses each test connects to, by Python's audit events.

What C libraries and child processes do raises no such event and is not seen. Of a connection that
is kept open, each request of `http.client` (so of requests and urllib3 too) is an event of its own.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_k8s_job.wire.records import Kind

__all__ = ["Connections"]

NETWORK = (socket.AF_INET, socket.AF_INET6)
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
            self._connect(*words)
        elif event == "http.client.send":
            self._request(words[0])
        elif event == "socket.getaddrinfo":
            self._resolve(words[0], words[1])

    def _resolve(self, name: object, port: object) -> None:
        if not isinstance(name, str) or _is_address(name):
            self._resolved.name = None
            return
        self._resolved.name = name, port
        if isinstance(port, int):
            self._note(name, port, "")  # it may be in vain

    def _connect(self, made: socket.socket, address: tuple[Any, ...]) -> None:
        if made.family not in NETWORK:
            return
        host, port, *_ = address
        if not _is_address(host):
            self._note(host, port, "")
            return
        name, asked = getattr(self._resolved, "name", None) or ("", None)
        self._note(name if name and asked in (port, None) else host, port, host)

    def _request(self, connection: Any) -> None:
        try:
            sock = connection.sock
            address, port, *_ = sock.getpeername() if sock.family in NETWORK else ("", 0)
        except (AttributeError, OSError):
            return  # not connected yet: that will be an event too
        if address:
            self._note(connection.host, port, address)

    def _note(self, name: str, port: int, address: str) -> None:
        peer = (str(name).rstrip("."), port)  # urllib3 asks with the period, and tells without
        if address if peer in self._peers else len(self._peers) < MOST:
            self._peers[peer] = address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
