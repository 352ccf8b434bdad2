"""Collects what the records of one pod say, for the verdict."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_k8s_job.wire.records import plan_digest

__all__ = ["RERUN", "Ledger"]

RERUN = "rerun"  # outcome that pytest-rerunfailures gives to a try that it repeats
OUTCOMES = frozenset({"passed", "failed", "skipped"})  # pytest's own
_END = b'["end",'


@dataclass
class Ledger:
    """What the records of one pod said so far.

    The replay fills it in while records come, the verdict reads it.
    """

    hello: bool = False
    sent_files: str = ""
    """Digest of the files that the pod must run; nothing if they are its image's."""
    session: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    collected: Sequence[str] = ()
    """Node ids of all tests that the pod selected, those of other shards too."""
    planned: Counter[str] = field(default_factory=Counter)
    """Those that this pod runs."""
    finished: Counter[str] = field(default_factory=Counter)
    started: str | None = None
    """Node id of the test that has begun and not finished."""
    phases: dict[str, str] = field(default_factory=dict)
    """Outcomes of that test's phases so far."""
    ran: int = 0
    """Tests of which more was seen than a skip."""
    failed: int = 0
    """Failed reports that stand."""
    superseded: int = 0
    """Failed reports of tries that a plugin of the pod repeated: subtests, say."""
    interrupt: dict[str, Any] | None = None
    internal: str | None = None
    debugger_quit: bool = False
    """True if the user left a debugger by quitting it."""
    done: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    records: int = 0
    """Records before `end`."""
    _failed_before: int = 0
    """Failed reports before the open test."""
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Digest over the payloads before the one with `end`, as hex."""
        return str(self._digest.hexdigest())

    @property
    def plan_holds(self) -> bool:
        """True if the node ids that came are those that the pod planned."""
        return self.plan is not None and self.plan["sha256"] == plan_digest(self.collected)

    @property
    def unreported(self) -> list[str]:
        """Planned tests without a report, in the order of the plan."""
        return list((self.planned - self.finished).elements())

    @property
    def repeated(self) -> list[str]:
        """Planned tests that were reported more often than planned."""
        return [each for each in self.planned if self.finished[each] > self.planned[each]]

    @property
    def stopped_early(self) -> bool:
        """True if pytest ended the session itself before the last test."""
        done = self.done or {}
        early = done.get("shouldfail") or done.get("shouldstop") or self.interrupt or self.internal
        return bool(early)

    @property
    def progress(self) -> str:
        """How far the run came, as the end of a sentence."""
        if self.plan is None:
            return ", before the tests were collected"
        done = f", after {self.finished.total()} of {self.planned.total()} tests"
        return done + (f", in {self.started}" if self.started else "")

    def count(self, payload: bytes) -> None:
        """Add a payload to number and digest, unless it holds the `end` record."""
        if payload.startswith(_END):
            return
        self.records += payload.count(b"\n")
        self._digest.update(payload)

    @property
    def is_repeated(self) -> bool:
        """True if a plugin of the pod will run the open test once more."""
        return not OUTCOMES.issuperset(self.phases.values())

    def start(self, nodeid: str) -> None:
        """Note that a test has begun."""
        self.started = nodeid
        self.phases = {}
        self._failed_before = self.failed

    def report(self, when: str, outcome: str) -> None:
        """Note the report of a phase of the open test."""
        self.phases[when] = outcome
        self.failed += outcome == "failed"

    def finish(self, nodeid: str) -> None:
        """Note that all phases of a test, or of a try, were reported."""
        if self.is_repeated:
            self.superseded += self.failed - self._failed_before
            self.failed = self._failed_before
        else:
            self.finished[nodeid] += 1
        self.started = None
