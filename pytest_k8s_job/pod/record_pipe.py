"""The emitter's end of the pipe to the agent.

What tests print past pytest's capturing goes straight to the agent, on pipes of its own. Before
each record the emitter waits until the agent has read all of that, so that it learns of both in
the order in which they were written.
"""

from __future__ import annotations

import fcntl
import os
import sys
import termios
import time

from pytest_k8s_job.wire.records import Kind, encode

__all__ = ["RecordPipe"]

PATIENCE = 2.0  # seconds for an agent that a busy node keeps from reading
LITTLE_PATIENCE = 0.02  # from then on: a child that never stops printing must not stop the tests
PAUSE = 0.0001  # seconds between two polls of a pipe that is being read

_NOTHING = b"\0\0\0\0"  # what the system says of a pipe from which all has been read
_UNREAD = termios.FIONREAD
_ioctl = fcntl.ioctl


class RecordPipe:
    """Writes records to the descriptor `fd`, after what was printed before."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._write = os.write  # tests replace the module's function, or the whole module
        self._sleep = time.sleep
        self._clock = time.monotonic
        self._patience = PATIENCE
        self._printed = [os.dup(each) for each in (1, 2)]  # pytest's capturing redirects 1 and 2

    def emit(self, kind: Kind, *fields: object) -> None:
        """Write one record."""
        data = encode(kind, *fields)
        # A test may close the pipes; the agent then misses `done` and nothing passes by silence.
        try:
            self._let_agent_read()
            while data:
                data = data[self._write(self._fd, data) :]
        except OSError:
            pass

    def _let_agent_read(self) -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            try:  # noqa: SIM105 (twice for each test: a context manager costs as much as all this)
                stream.flush()  # type: ignore[union-attr]
            except (AttributeError, OSError, ValueError):
                pass  # a test has closed it, or put nothing in its place
        end = 0.0
        for descriptor in self._printed:
            while _ioctl(descriptor, _UNREAD, _NOTHING) != _NOTHING:
                now = self._clock()
                end = end or now + self._patience
                if now > end:
                    self._patience = LITTLE_PATIENCE
                    return
                self._sleep(PAUSE)
