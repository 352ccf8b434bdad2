"""A finding: one cause with its effects, remedy and evidence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.scope import Circle

__all__ = ["Finding", "Outlook", "Ref"]


class Outlook(StrEnum):
    """Whether waiting helps against a cause."""

    FINAL = "final"  # nothing: the pod or the Job has to be made anew
    STUCK = "stuck"  # nothing until somebody acts; then it goes on by itself
    MAY_HEAL = "may heal"  # it may go away, and often does
    HELPED = "helped"  # something of the cluster is mending it: an autoscaler


@dataclass(frozen=True, order=True)
class Ref:
    """An object by kind and name; its namespace is that of the snapshot unless given."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.kind} {self.name}{place}"

    def as_json(self) -> dict[str, str]:
        """Return kind and name, and the namespace if it is another."""
        place = {"namespace": self.namespace} if self.namespace else {}
        return {"kind": self.kind, "name": self.name, **place}


@dataclass(frozen=True)
class Finding:
    """A cause that was found.

    Attributes:
        cause: the code of the cause.
        sentence: what is wrong, with names and numbers.
        objects: what it is about, the first foremost; several if replicas share it.
        remedy: a command, or a line of YAML.
        evidence: lines that show it.
        outlook: what waiting will do about it.
        blames: objects whose findings explain this one: then it is an effect, no cause.
        group: findings of one cause and one group are the same thing seen on several objects.
        effects: findings that this one explains, the nearest first.
        at: when it was, in seconds since the epoch; 0: it is true now.
        circle: how near its objects are to the run.
    """

    cause: Cause
    sentence: str
    objects: tuple[Ref, ...]
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    outlook: Outlook = Outlook.STUCK
    blames: frozenset[Ref] = frozenset()
    group: str = ""
    effects: tuple[Finding, ...] = field(default=())
    at: float = 0.0
    circle: Circle = Circle.RUN

    @property
    def about(self) -> set[Ref]:
        """All objects that the finding or one of its effects is about."""
        return set(self.objects).union(*(each.about for each in self.effects))

    def with_effects(self, effects: tuple[Finding, ...]) -> Finding:
        """Return this finding with `effects`."""
        return replace(self, effects=effects)

    def as_json(self, now: float = 0.0) -> dict[str, Any]:
        """Return the finding as `k8s-job diagnose --json` prints it; `now` tells its age."""
        past = {"age": round(max(now - self.at, 0.0))} if self.at and now else {}
        return {
            "cause": self.cause.value,
            "sentence": self.sentence,
            "outlook": self.outlook.value,
            "circle": self.circle.value,
            "at": self.at,
            **past,
            "objects": [ref.as_json() for ref in self.objects],
            "remedy": self.remedy,
            "evidence": list(self.evidence),
            "effects": [each.as_json(now) for each in self.effects],
        }
