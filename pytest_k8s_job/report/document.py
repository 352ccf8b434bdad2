"""Everything that a report holds, as frozen values; docs/report-schema.json describes their JSON.

All moments are seconds since the epoch, all durations seconds. Whoever drives a run in a cluster
hands over what only it knows by `config.stash[RUN_DATA] = RunData(...)` before the session
finishes; each of its fields may be left out.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import pytest

__all__ = [
    "RUN_DATA",
    "Cause",
    "Document",
    "Event",
    "Failure",
    "Finding",
    "Mark",
    "Outcome",
    "Place",
    "Repeat",
    "Result",
    "RunData",
    "ShardProof",
    "Workload",
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


# -- what the driver of a run hands over


@dataclass(frozen=True)
class Mark:
    """A step that the run reached: "created", "scheduled", "pulled", "started" ..."""

    name: str
    at: float
    shard: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened to the target or to the Job while the tests ran."""

    at: float
    object: str  # "pod/api-5d9c"
    reason: str  # "Restarted", "BackOff", "EndpointsChanged"
    text: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Workload:
    """A part of the target, as it was when the tests began."""

    name: str  # "deployment/api"
    image: str = ""
    digest: str = ""  # "sha256:..."
    pod_template_hash: str = ""
    node: str = ""
    ready: str = ""  # "2/2"
    restarts: int = 0  # while the tests ran


@dataclass(frozen=True)
class Finding:
    """One cause that the diagnosis names."""

    code: str
    sentence: str
    remedy: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardProof:
    """The proof that nothing of one pod was lost; `problem` says what is missing."""

    shard: str
    pod: str = ""
    node: str = ""
    planned: int | None = None
    reported: int | None = None
    records: int | None = None
    frames: int | None = None
    sha256: str = ""
    exit_code: int | None = None
    problem: str = ""
    note: str = ""  # of a pod whose tests another one ran

    @property
    def whole(self) -> bool:
        """Whether all that was planned came."""
        return not self.problem and self.planned == self.reported


@dataclass(frozen=True)
class Repeat:
    """A test that ran again because the infrastructure failed, not the test."""

    nodeid: str
    reason: str


@dataclass(frozen=True)
class Place:
    """Where the run was."""

    context: str = ""
    server: str = ""
    kubernetes: str = ""  # "v1.36.1"
    namespace: str = ""
    job: str = ""
    run_id: str = ""
    image: str = ""  # of the tests
    image_digest: str = ""


@dataclass(frozen=True)
class RunData:
    """What only the driver of a run in a cluster knows."""

    verdict: str = ""
    exit_code: int | None = None
    first_line: str = ""
    place: Place = Place()
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()
    target: tuple[Workload, ...] = ()
    findings: tuple[Finding, ...] = ()
    shards: tuple[ShardProof, ...] = ()


RUN_DATA = pytest.StashKey[RunData]()


# -- what the session showed


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
        """Whether it speaks against the run."""
        return self.outcome in (Outcome.FAILED, Outcome.ERROR)

    @property
    def telling(self) -> Failure:
        """The failure that began it: the first of the last attempt."""
        last = f"attempt {self.reruns + 1}, "
        return next(
            (each for each in self.failures if each.when.startswith(last)), self.failures[0]
        )


@dataclass(frozen=True)
class Cause:
    """Failures that have one cause, or at least say the same."""

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
    place: Place = Place()
    counts: dict[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    findings: tuple[Finding, ...] = ()
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()
    target: tuple[Workload, ...] = ()
    shards: tuple[ShardProof, ...] = ()
    repeated: tuple[Repeat, ...] = ()
    tests: tuple[Result, ...] = ()
    internal_error: str = ""
    version: int = VERSION

    @property
    def duration(self) -> float:
        """Seconds from its beginning to its end."""
        return max(0.0, self.finished - self.started)

    @property
    def failed(self) -> list[Result]:
        """The tests that speak against the run."""
        return [test for test in self.tests if test.bad]


def count(tests: tuple[Result, ...]) -> dict[str, int]:
    """Return the number of tests by outcome, the worst outcome first, without zeros."""
    counted = Counter(test.outcome for test in tests)
    return {outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]}


def to_json(document: Document) -> str:
    """Return the document as JSON text."""
    return json.dumps(asdict(document), ensure_ascii=False, separators=(",", ":"))
