"""What a follower sees of its pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pytest_k8s_job.cluster.pods import PodState

__all__ = ["Broken", "Event", "LogRead", "Payload", "PodSeen", "Sink"]


@dataclass(frozen=True)
class PodSeen:
    """The pod has this state, None while there is none."""

    pod: PodState | None


@dataclass(frozen=True)
class Payload:
    """The next payload of the run, in order."""

    data: bytes


@dataclass(frozen=True)
class LogRead:
    """The log of the ended container has been read; `gap` if frames are still missing."""

    gap: bool


@dataclass(frozen=True)
class Broken:
    """Following is over before its time, for this reason."""

    reason: str


Event = PodSeen | Payload | LogRead | Broken


class Sink(Protocol):
    """Where events go: a queue, or what puts them into one."""

    def put(self, event: Event, /) -> None:
        """Take one event; called by either thread."""
