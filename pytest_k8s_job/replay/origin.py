"""Where the reports of a run come from: which of its pods, and why that one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Origin", "ShardNode"]


class ShardGateway(NamedTuple):
    """What reporters print of a shard."""

    id: str


class ShardNode:
    """Where a report comes from; reporters know this shape from pytest-xdist's workers."""

    def __init__(self, number: int) -> None:
        self.gateway = ShardGateway(f"shard {number}")
        self.workerinfo: dict[str, Any] = {}

    def describe(self, about: dict[str, Any]) -> None:
        """Take what a failure's first line says of the shard's Python."""
        self.workerinfo = {
            "id": self.gateway.id,
            "sysplatform": about["platform"],
            "version_info": tuple(about["python"].split(".")),
            "executable": "in its pod",
        }


@dataclass(frozen=True)
class Origin:
    """What is said of a pod's reports.

    Attributes:
        node: the shard, None in a run of one pod.
        repeats: why these tests run in another pod than first planned.
        already: phases (node id, when) that passed in that pod and were reported.
    """

    node: ShardNode | None = None
    repeats: str = ""
    already: frozenset[tuple[str, str]] = frozenset()
