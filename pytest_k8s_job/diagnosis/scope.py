"""What a diagnosis is for: a run, its target, and their time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pytest_k8s_job.target.model import Target

__all__ = ["Circle", "Scope"]


class Circle(StrEnum):
    """How near the objects of a finding are to the run."""

    RUN = "run"
    TARGET = "target"
    REST = "rest"


@dataclass(frozen=True)
class Scope:
    """What a diagnosis is for; without one, everything in the namespace counts.

    Attributes:
        namespace: the run's.
        jobs: names of the run's Jobs.
        target: what is tested.
        since: when the run began to wait for its target, in seconds since the epoch; what ended
            before is history. 0: only what is wrong now counts.
    """

    namespace: str
    jobs: frozenset[str] = frozenset()
    target: Target = field(default_factory=Target)
    since: float = 0.0

    @property
    def everything(self) -> bool:
        """Whether nothing is named, so that all of the namespace counts."""
        return not (self.jobs or self.target.workloads or self.target.services)
