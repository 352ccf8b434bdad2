"""Names the pod of a run that a report comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

__all__ = ["Origin", "ShardNode", "shard_of"]


class ShardGateway(NamedTuple):
    """The part of a shard that reporters print."""

    id: str


class ShardNode:
    """A shard in the shape of pytest-xdist's workers, which reporters know."""

    def __init__(self, number: int) -> None:
        self.gateway = ShardGateway(f"shard {number}")
        self.workerinfo: dict[str, Any] = {}

    def describe(self, about: dict[str, Any]) -> None:
        """Set what the first line of a failure says of the shard's Python."""
        self.workerinfo = {
            "id": self.gateway.id,
            "sysplatform": about["platform"],
            "version_info": tuple(about["python"].split(".")),
            "executable": "in its pod",
        }


def shard_of(node: Any) -> str:
    """Return the name of a report's shard as a folder has it; nothing without shards."""
    return str(node.gateway.id).replace(" ", "-") if node is not None else ""


@dataclass(frozen=True)
class Origin:
    """The pod that reports come from.

    Attributes:
        node: the shard, None in a run of one pod.
        repeats: why these tests run in another pod than first planned.
        already: phases (node id, when) that passed in that pod and were reported.
    """

    node: ShardNode | None = None
    repeats: str = ""
    already: frozenset[tuple[str, str]] = frozenset()

    @property
    def shard(self) -> str:
        """Name of the shard as a folder has it; nothing without shards."""
        return shard_of(self.node)

    def mark(self, report: pytest.TestReport) -> None:
        """Write into a report which shard it comes from."""
        if self.node is not None:
            report.__dict__["node"] = self.node
