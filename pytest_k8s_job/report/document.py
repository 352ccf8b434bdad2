"""Everything that a report holds, as frozen values.

docs/report-schema.json describes their JSON. All times are seconds since the epoch, all durations
seconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from pytest_k8s_job.report.run_data import (
    Artifact,
    Event,
    Finding,
    Mark,
    NotBrought,
    Place,
    ShardProof,
    Workload,
)

__all__ = [
    "Cause",
    "Document",
    "Failure",
    "Outcome",
    "Repeat",
    "Result",
    "to_json",
]

VERSION = 1  # raised when a reader of report.json would have to change


class Outcome(StrEnum):
    """How a test ended, the worst first."""

    FAILED = "failed"
    ERROR = "error"  # in set-up, tear-down or collection
    XPASSED = "xpassed"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    PASSED = "passed"


@dataclass(frozen=True)
class Repeat:
    """A test that ran again because the infrastructure failed, not the test."""

    nodeid: str
    reason: str


@dataclass(frozen=True)
class Failure:
    """One failed phase of a test."""

    when: str  # "setup", "call", "teardown", "collect", or the description of a subtest
    headline: str
    traceback: str
    file: str = ""  # where it failed, from the root directory
    line: int | None = None
    likely_cause: str = ""
    sections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Result:
    """A test, or a module that could not be collected."""

    nodeid: str
    outcome: Outcome
    file: str = ""
    line: int | None = None
    shard: str = ""
    started: float | None = None
    duration: float = 0.0
    reruns: int = 0
    reason: str = ""  # of a skip or an expected failure
    failures: tuple[Failure, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether the test failed or had an error."""
        return self.outcome in (Outcome.FAILED, Outcome.ERROR)

    @property
    def main_failure(self) -> Failure:
        """The first failure of the last attempt."""
        last = f"attempt {self.reruns + 1}, "
        return next(
            (each for each in self.failures if each.when.startswith(last)), self.failures[0]
        )


@dataclass(frozen=True)
class Cause:
    """Failures with one cause, or at least with the same message."""

    text: str
    nodeids: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """The report of one session."""

    verdict: str
    exit_code: int
    first_line: str
    started: float
    finished: float
    target_line: str = ""
    tested: Mapping[str, Any] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    counts: dict[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    findings: tuple[Finding, ...] = ()
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()
    target: tuple[Workload, ...] = ()
    shards: tuple[ShardProof, ...] = ()
    repeated: tuple[Repeat, ...] = ()
    tests: tuple[Result, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    not_brought: tuple[NotBrought, ...] = ()
    internal_error: str = ""
    version: int = VERSION

    @property
    def duration(self) -> float:
        """Seconds from its beginning to its end."""
        return max(0.0, self.finished - self.started)

    @property
    def failed(self) -> list[Result]:
        """The tests that failed or had an error."""
        return [test for test in self.tests if test.bad]


def count(tests: tuple[Result, ...]) -> dict[str, int]:
    """Return the number of tests by outcome, the worst outcome first, without zeros."""
    counted = Counter(test.outcome for test in tests)
    return {outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]}


def to_json(document: Document) -> str:
    """Return the document as JSON text."""
    return json.dumps(asdict(document), ensure_ascii=False, separators=(",", ":"))
