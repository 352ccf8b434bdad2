"""What the annotations of a template ask for: its target and its policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_k8s_job.errors import UsageError

__all__ = ["ON_FAILURE", "RERUN", "TARGET", "Policy"]

TARGET = "pytest-k8s-job/target"  # "deployment/api, deployment/worker"; labels: one line each
ON_FAILURE = "pytest-k8s-job/on-failure"
RERUN = "pytest-k8s-job/after-rollback"  # arguments of the run after a rollback
CHOICES = ("report", "rollback")


@dataclass(frozen=True)
class Policy:
    """What the annotations ask for.

    Attributes:
        target: what they say the target is; empty: as the manifest's environment shows.
        on_failure: "report", or "rollback" to the revision that passed last.
        after_rollback: arguments of the run after a rollback; empty: those of the template.
    """

    target: tuple[str, ...] = ()
    on_failure: str = "report"
    after_rollback: str = ""

    @classmethod
    def read(cls, annotations: Mapping[str, str], where: str) -> Policy:
        """Read it; `where` names the object in errors."""
        on_failure = annotations.get(ON_FAILURE, "report")
        if on_failure not in CHOICES:
            remedy = "write " + " or ".join(CHOICES)
            raise UsageError(f"{where}: annotation {ON_FAILURE} is {on_failure!r}; {remedy}")
        said = tuple(_words(annotations.get(TARGET, "")))
        return cls(said, on_failure, annotations.get(RERUN, ""))


def _words(text: str) -> Iterator[str]:
    """Yield what names a target: parts between commas, or a line of labels."""
    for line in filter(None, map(str.strip, text.splitlines())):
        if "=" in line or line.startswith("-l"):
            yield line
        else:
            yield from filter(None, map(str.strip, line.split(",")))
