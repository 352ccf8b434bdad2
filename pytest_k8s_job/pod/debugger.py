"""Lets pdb in the pod speak with the terminal of the user.

Pdb's stdin and stdout are messages on a socket in the agent's folder. No thread is needed: while
pdb waits, nothing else of pytest runs. What tests print goes its usual way, through the log. Two
records tell agent and collector when pdb waits and when it lets the code run.
"""

from __future__ import annotations

import functools
import io
import os
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_k8s_job.wire.debugger import Message, Messages, encode
from pytest_k8s_job.wire.records import Kind

__all__ = ["Debugger"]

JOIN_SECONDS = 60.0  # for a terminal to join, and to come back when its connection broke
NOBODY = b"no terminal has joined the debugger within 60 s: it quits\n"
READ_BYTES = 1 << 16
JOINED = "joined"  # stands for a message: a terminal has joined, and knows nothing yet


class Debugger:
    """The plugin that takes over every pdb of this process; `flush` sends what precedes."""

    def __init__(self, path: str, emit: Callable[..., None], flush: Callable[[], None]) -> None:
        self._emit = emit
        self._flush = flush
        self._lock = threading.RLock()
        self._channel = Channel(path)
        self._terminal = Terminal(self._channel)
        emit(Kind.DEBUG, "ready", sys.executable)

    def take(self, pdb: Any) -> None:
        """Give a new pdb our terminal."""
        if self._channel.is_open:
            pdb.stdin = pdb.stdout = self._terminal
            pdb.use_rawinput = False
            pdb.interaction = functools.partial(self._interact, pdb, pdb.interaction)

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector) -> None:
        """Tell that pdb shows the failure: the summary then leaves it out."""
        if getattr(node.config.option, "usepdb", False):
            self._flush()
            self._emit(Kind.DEBUG, "shown", "")

    def pytest_unconfigure(self) -> None:
        """Close the socket."""
        self._channel.close()

    def _interact(self, pdb: Any, interaction: Callable[..., None], *words: Any) -> None:
        """Let pdb wait for the user's commands."""
        if not self._channel.is_open:
            interaction(*words)
            return
        with self._lock, self._terminal.used_by(pdb) as outer:
            if outer is not None:  # a breakpoint in what the user typed
                interaction(*words)
                return
            self._flush()
            self._emit(Kind.DEBUG, "stop", "")
            streams = sys.stdin, sys.stdout, sys.stderr
            try:
                self._channel.wait()
                sys.stdin = sys.stdout = sys.stderr = self._terminal
                interaction(*words)
            finally:
                self._put_back(*streams)
                self._terminal.end_line()
                self._channel.send(Message.GO)
                self._emit(Kind.DEBUG, "go", "quit" if getattr(pdb, "quitting", False) else "")

    def _put_back(self, *streams: Any) -> None:
        """Restore the standard streams, unless pytest captures them again."""
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            if getattr(sys, name) is self._terminal:
                setattr(sys, name, stream)


class Terminal(io.TextIOBase):
    """Stdin and stdout of a pdb: messages on `channel` while it waits for its user."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._text = ""
        self._pdb: Any = None

    @contextmanager
    def used_by(self, pdb: Any) -> Iterator[Any]:
        """Belong to `pdb` meanwhile; yield the one that it belonged to, None for none."""
        outer, self._pdb = self._pdb, pdb
        try:
            yield outer
        finally:
            self._pdb = outer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As for the messages."""
        return "utf-8"

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        """Send whole lines; what follows them may be a prompt."""
        self._text += text
        if self._pdb is not None and "\n" in self._text:
            lines, newline, self._text = self._text.rpartition("\n")
            self._channel.send(Message.OUT, lines + newline)
        return len(text)

    def end_line(self) -> None:
        """Send what is no prompt."""
        if self._text:
            self._channel.send(Message.OUT, self._text)
            self._text = ""

    def readline(self, _size: int | None = -1, /) -> str:  # type: ignore[override]
        """Return a line that the user typed, nothing at the end of the input."""
        prompt, self._text = self._text, ""
        self._channel.send(Message.ASK, prompt)
        while (message := self._receive()) is not None:
            match message:
                case [Message.LINE, str(text)]:
                    return text + "\n"
                case [Message.END]:
                    return ""
                case [Message.CANCEL]:
                    raise KeyboardInterrupt
                case [Message.COMPLETE, *words]:
                    self._channel.send(Message.MATCHES, completions(self._pdb, *words))
                case [kind] if kind == JOINED:
                    self._channel.send(Message.ASK, prompt)
        return ""

    def _receive(self) -> list[Any] | None:
        try:
            return self._channel.receive()
        except KeyboardInterrupt as error:
            if isinstance(error, pytest.exit.Exception):  # pdb would ask again after SIGTERM
                raise pytest.exit.Exception(error.msg, error.returncode) from None
            raise


class Channel:
    """The socket, and on it the connection of the one who joined last."""

    def __init__(self, path: str) -> None:
        self._process = os.getpid()
        self._messages: deque[list[Any]] = deque()
        self._reader = Messages()
        self._connection: socket.socket | None = None
        self._listener: socket.socket | None = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)

    @property
    def is_open(self) -> bool:
        """True in the process that opened it, until nobody joins any more."""
        return self._listener is not None and os.getpid() == self._process

    def wait(self) -> None:
        """Wait until a terminal has joined."""
        if self._connection is None and self.is_open:
            self.receive()

    def send(self, kind: Message, *fields: object) -> None:
        """Send a message; without a connection it is dropped."""
        if self._connection is not None and self.is_open:
            try:
                self._connection.sendall(encode(kind, *fields))
            except OSError:
                self._hang_up()

    def receive(self) -> list[Any] | None:
        """Return the next message, or `JOINED`; None if nobody is there and nobody comes."""
        while self.is_open:
            if self._messages:
                return self._messages.popleft()
            sources = [each for each in (self._listener, self._connection) if each is not None]
            seconds = JOIN_SECONDS if self._connection is None else None
            ready = select.select(sources, [], [], seconds)[0]
            if not ready:
                os.write(2, NOBODY)
                self.close()
            elif self._listener is not None and self._listener in ready:
                self._hang_up()
                self._connection = self._listener.accept()[0]
                return [JOINED]
            else:
                self._read()
        return None

    def _read(self) -> None:
        try:
            data = self._connection.recv(READ_BYTES) if self._connection is not None else b""
        except OSError:
            data = b""
        self._messages.extend(self._reader.feed(data))
        if not data:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._reader = None, Messages()

    def close(self) -> None:
        """Let nobody join any more."""
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
        self._listener = None


def completions(pdb: Any, text: str, line: str, begin: int, end: int) -> list[str]:
    """Return what `cmd.Cmd.complete` would offer, without a readline of its own."""
    left = len(line) - len(line.lstrip())
    line, begin, end = line[left:], begin - left, end - left
    complete = pdb.completenames
    if begin > 0:
        command = pdb.parseline(line)[0]
        complete = getattr(pdb, f"complete_{command}", pdb.completedefault)
    try:
        return [str(each) for each in complete(text, line, begin, end) or ()]
    except Exception:  # whatever the code of the debugged objects raises
        return []
