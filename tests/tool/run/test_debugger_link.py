"""Connections to a debugger that do not end as they should."""

from __future__ import annotations

import queue
import socket
import threading
from types import SimpleNamespace

import pytest

from pytest_k8s_job.cluster import exec_stream
from pytest_k8s_job.cluster.exec_stream import ExecStream
from pytest_k8s_job.run import debugger_link
from pytest_k8s_job.run.debugger_link import Link
from pytest_k8s_job.wire.debugger import Message, encode

SECONDS = 20  # for a message; the machine may be busy


class Hanging:
    """A stream that gives what is put into `data`, and else waits forever."""

    def __init__(self) -> None:
        self.data: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def send(self, _data: bytes) -> None:
        pass

    def receive(self) -> bytes:
        return self.data.get()

    def close(self) -> None:
        self.data.put(b"")


def test_a_pod_that_has_ended_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream may stay open; who waits at the prompt is woken."""
    monkeypatch.setattr(debugger_link, "WATCH_SECONDS", 0.01)
    woken, lives = threading.Event(), threading.Event()
    lives.set()
    stream = Hanging()
    link = Link(stream, woken.set, lives.is_set)
    stream.data.put(encode(Message.ASK, "(Pdb) "))
    assert link.next(SECONDS) == ["ask", "(Pdb) "]
    assert link.asks
    assert not woken.is_set()
    lives.clear()
    assert link.next(SECONDS) is None
    assert woken.wait(SECONDS)
    assert not link.asks
    link.close()


def test_a_debugger_that_goes_on_wakes_the_prompt() -> None:
    """SIGTERM ends pytest while the user still thinks."""
    woken, stream = threading.Event(), Hanging()
    link = Link(stream, woken.set, lambda: True)
    stream.data.put(encode(Message.ASK, "(Pdb) ") + encode(Message.GO))
    assert woken.wait(SECONDS)
    assert not link.asks
    link.close()


def test_a_silent_stream_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command in the pod says something every 20 s; a dead connection says nothing."""
    monkeypatch.setattr(exec_stream, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(exec_stream, "POLL_SECONDS", 0.01)
    here, there = socket.socketpair()
    dead = SimpleNamespace(
        sock=SimpleNamespace(sock=here),
        is_open=lambda: True,
        update=lambda **_: None,
        read_channel=lambda _: b"",
    )
    with here, there:
        assert ExecStream(dead).receive() == b""
