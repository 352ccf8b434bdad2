"""Ends a pytest that takes too long, after a dump of its stacks.

Before the end, `faulthandler` writes the stack of every thread to a file of the agent: the
emitter registers it for a signal, so this works also when no Python code runs any more. Then pytest
gets SIGTERM, which ends its session in its own way, and at last SIGKILL. Standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

from pytest_k8s_job.wire.limits import Limits
from pytest_k8s_job.wire.records import STACKS_SIGNAL

__all__ = ["Watchdog"]

STACKS_SECONDS = 1.0  # until the stacks are there; a process that is stopped writes none
STACKS_BYTES = 64 << 10


class Watchdog:
    """Watches the time of one run; call `tick` a few times a second."""

    def __init__(self, limits: Limits, stacks: int) -> None:
        self.why = ""
        """Why pytest was ended; empty if it was not."""
        self.seconds: float | None = None
        """How long the open test had run when it was ended; None if none was open."""
        self._limits = limits
        self._stacks = stacks
        self._began = time.monotonic()
        self._test_began: float | None = None
        self._debugged: float | None = None
        self._stopping = self._dumped = self._killed = 0.0
        self._has_records = False
        self.is_told_to_stop = False
        """True once the pod was sent SIGTERM: then it has little time left."""
        self._process: subprocess.Popen[bytes] | None = None

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Watch `process`; pass SIGTERM on to it."""
        self._process = process
        signal.signal(signal.SIGTERM, lambda *_: self._obey())

    def see(self, record: bytes) -> None:
        """Note when tests begin and end."""
        self._has_records = True
        if record.startswith(b'["start",'):
            self._test_began = time.monotonic()
        elif record.startswith(b'["finish",') or (
            record.startswith(b'["plain",') and record.endswith(b",1]\n")
        ):
            self._test_began = None
        elif record.startswith(b'["debug",'):
            self._see_debugger(waits=record.startswith(b'["debug","stop"'))

    def _see_debugger(self, *, waits: bool) -> None:
        """Let the time of the test stand still while a debugger waits for its user."""
        now = time.monotonic()
        if self._debugged is not None and self._test_began is not None:
            self._test_began += now - self._debugged
        self._debugged = now if waits else None

    @property
    def stacks(self) -> str:
        """What the threads were doing when pytest was ended."""
        return os.pread(self._stacks, STACKS_BYTES, 0).decode("utf-8", "replace")

    @property
    def left(self) -> float:
        """Seconds that the agent may still linger."""
        return self._began + self._limits.linger - time.monotonic()

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._killed or self._process is None:
            return
        if self._stopping and now >= self._stopping + self._limits.reaction:
            self._stop(now, f"pytest did not end within {self._limits.reaction:g} s of SIGTERM")
            if self._has_stacks(now):
                self._killed = now
                self._process.kill()
        elif not self._stopping:
            self._check(now)
            if self.why and self._has_stacks(now):
                self._send_sigterm()

    def _check(self, now: float) -> None:
        run, test, began = self._limits.run, self._limits.test, self._test_began
        began = None if self._debugged is not None else began
        if test is not None and began is not None and now >= began + test:
            self._stop(now, f"one test took longer than --k8s-test-timeout={test:g}")
        elif run is not None and now >= self._began + run:
            why = f"{run:g} s were over, and the Job's deadline of {self._limits.deadline:g} s near"
            self._stop(now, why)

    def _stop(self, now: float, why: str) -> None:
        """Note why pytest is ended and ask for the stacks, once."""
        if self._dumped:
            return
        self._dumped = now
        self.why = why
        if self._test_began is not None:
            self.seconds = round(now - self._test_began, 1)
        # Before its first record pytest has no handler yet, and the signal would kill it.
        if self._has_records and self._process is not None:
            self._process.send_signal(STACKS_SIGNAL)

    def _has_stacks(self, now: float) -> bool:
        """Return True when the stacks are written, or never will be."""
        written = b"most recent call first" in os.pread(self._stacks, STACKS_BYTES, 0)
        late = now >= self._dumped + STACKS_SECONDS
        return late or (written and now >= self._dumped + STACKS_SECONDS / 4)

    def _obey(self) -> None:
        self.is_told_to_stop = True
        self._send_sigterm()

    def _send_sigterm(self) -> None:
        self._stopping = time.monotonic()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
