"""The verdict of one validation run as one value, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Validation"]

PAIRS = ("workloads", "versions", "images")  # JSON has lists in place of their tuples


@dataclass(frozen=True)
class Validation:
    """One run's verdict on one rollout of a target.

    Attributes:
        name: of the template, which names the series: "integration-test".
        namespace: of the template and its Jobs.
        key: of the rollout, 10 characters: the end of the Job's name. See validation/key.py.
        number: 1 for the first run on this rollout, 2 for the one that `--again` asked for ...
        revision: of the target, as Target.revision has it.
        job: name of the Job.
        run_id: of the run, as the header shows it.
        verdict: PASSED, FAILED, VOID, NOT_RUN or INCOMPLETE.
        exit_code: of the verdict.
        first_line: the root cause in one line, "" for PASSED.
        target_line: the target, as the session's header shows it.
        workloads: (kind, namespace, name) of the target.
        versions: (kind, namespace, name, hash of the pod template) of the target.
        images: (kind/name/container, image digest) that ran.
        counts: by outcome: passed, failed, skipped, error, xfailed, xpassed.
        failed: node ids of the tests that failed, in the order of the plan.
        started: when the Job was created, in seconds since the epoch by the API server's clock.
        seconds: from there to the end of the Job.
        periodic: whether a CronJob's own schedule started it: it replaces no verdict.
        note: what else a reader should know, as "rolled back to 3f2a, PASSED".
    """

    name: str
    namespace: str
    key: str
    number: int
    revision: str
    job: str
    run_id: str
    verdict: str
    exit_code: int
    first_line: str = ""
    target_line: str = ""
    workloads: tuple[tuple[str, str, str], ...] = ()
    versions: tuple[tuple[str, str, str, str], ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    periodic: bool = False
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the rollout may be trusted."""
        return self.verdict == "PASSED"

    def as_json(self) -> dict[str, Any]:
        """Return the form in which it is kept, posted and printed."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Validation:
        """Read that form; KeyError, TypeError or ValueError if it is not one."""
        pairs = {each: tuple(map(tuple, value[each])) for each in PAIRS}
        return cls(**{**value, **pairs, "failed": tuple(value["failed"])})
