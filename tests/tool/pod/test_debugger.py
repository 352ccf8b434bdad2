"""The pod's end of a debugger: who joins, who comes back, and what nobody answers."""

from __future__ import annotations

import os
import pdb
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.pod import debugger
from pytest_k8s_job.pod.debugger import Channel, Terminal, completions
from pytest_k8s_job.pod.emitter import Terminated
from pytest_k8s_job.pod.joiner import GONE
from pytest_k8s_job.wire.debugger import Message, Messages, encode, join_command
from tests.checkout import CHECKOUT

SECONDS = 20  # for a message; the machine may be busy


class Joined:
    """A terminal that has joined the socket at `path`."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(path))
        self._reader = Messages()

    def send(self, kind: Message, *fields: object) -> None:
        self._socket.sendall(encode(kind, *fields))

    def next(self) -> list[Any]:
        """Return the next message."""
        while True:
            for message in self._reader.feed(self._socket.recv(1)):
                return message

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of the socket; a long one would not fit."""
    return Path(os.path.relpath(tmp_path / "debugger"))


@pytest.fixture
def channel(path: Path) -> Iterator[Channel]:
    """A channel that terminals can join."""
    made = Channel(str(path))
    yield made
    made.close()


def read_line(terminal: Terminal) -> tuple[threading.Thread, list[str]]:
    """Let another thread read a line from `terminal` into the list."""
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.append(terminal.readline()))
    thread.start()
    return thread, lines


def test_the_last_who_joined_is_asked(channel: Channel, path: Path) -> None:
    """Whether the first connection has ended is not always known."""
    terminal = Terminal(channel)
    first = Joined(path)
    channel.wait()
    terminal.write("(Pdb) ")
    thread, lines = read_line(terminal)
    assert first.next() == ["ask", "(Pdb) "]
    second = Joined(path)
    assert second.next() == ["ask", "(Pdb) "]
    second.send(Message.LINE, "p 1")
    thread.join(SECONDS)
    assert lines == ["p 1\n"]
    first.close()
    second.close()


def test_who_goes_is_waited_for(channel: Channel, path: Path) -> None:
    """A broken connection is not the end of the input."""
    first = Joined(path)
    channel.wait()
    first.close()
    thread, lines = read_line(Terminal(channel))
    second = Joined(path)
    assert second.next() == ["ask", ""]
    second.send(Message.END)
    thread.join(SECONDS)
    assert lines == [""]
    second.close()


def test_nobody_joins(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Then the input ends, which makes pdb quit, and no later pdb waits again."""
    monkeypatch.setattr(debugger, "JOIN_SECONDS", 0.01)
    assert Terminal(channel).readline() == ""
    assert "no terminal has joined the debugger" in capfd.readouterr().err
    assert not channel.is_open


def test_a_child_process_has_no_debugger(
    channel: Channel, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits the connection, and must not mix its words into it."""
    joined = Joined(path)
    channel.wait()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not channel.is_open
    assert Terminal(channel).readline() == ""
    monkeypatch.undo()
    channel.send(Message.GO)
    assert joined.next() == ["go"]
    joined.close()


def test_sigterm_is_no_ctrl_c(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pdb asks again after a KeyboardInterrupt, and the one of SIGTERM is one."""

    def terminated() -> None:
        raise Terminated("the pod was told to stop", returncode=143)

    monkeypatch.setattr(channel, "receive", terminated)
    with pytest.raises(pytest.exit.Exception, match="told to stop") as caught:
        Terminal(channel).readline()
    assert not isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.returncode == 143


def test_lines_are_sent_at_once_and_prompts_are_not(channel: Channel, path: Path) -> None:
    """What is written while nobody waits comes with the next stop."""
    terminal, joined = Terminal(channel), Joined(path)
    channel.wait()
    terminal.write("--Return--\n")
    with terminal.used_by("a pdb"):
        terminal.write("> here\n(P")
        terminal.write("db) ")
        assert joined.next() == ["out", "--Return--\n> here\n"]
        terminal.end_line()
    assert joined.next() == ["out", "(Pdb) "]
    joined.close()


class Odd:
    """An object whose attributes cannot be listed."""

    def __dir__(self) -> list[str]:
        raise RuntimeError


@pytest.mark.parametrize(
    ("line", "begin", "found"),
    [
        ("unti", 0, ["until"]),
        ("  unti", 2, ["until"]),
        ("p some.real", 2, ["some.real"]),
        ("p odd.", 2, []),
        ("nothing_like_it x", 16, []),
    ],
)
def test_completions(line: str, begin: int, found: list[str]) -> None:
    """Commands at the beginning of a line, names behind it; errors offer nothing."""
    made = pdb.Pdb(readrc=False)
    made.curframe = sys._getframe()
    made.curframe_locals = {"some": 1, "odd": Odd()}
    made.curframe.f_locals.update(made.curframe_locals)
    assert completions(made, line[begin:], line, begin, len(line)) == found


def test_joining_too_late_is_said(tmp_path: Path) -> None:
    """The command in the pod finds no debugger that waits."""
    done = subprocess.run(
        join_command(sys.executable),
        cwd=CHECKOUT,
        env={"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert list(Messages().feed(done.stdout)) == [["out", GONE]]
