"""What only the run in a cluster knows of itself, for the report.

The collector sets `config.stash[RUN_DATA] = RunData(...)` before the session finishes. All times
are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

__all__ = [
    "REPORT_BUILDER",
    "RUN_DATA",
    "Artifact",
    "Event",
    "Finding",
    "Mark",
    "NotBrought",
    "Place",
    "RunData",
    "ShardProof",
    "Workload",
]


@dataclass(frozen=True)
class Mark:
    """A step that the run reached, such as `created`, `scheduled`, `pulled` or `started`."""

    name: str
    at: float
    shard: str = ""


@dataclass(frozen=True)
class Event:
    """An event of the target or the Job while the tests ran."""

    at: float
    object: str  # "pod/api-5d9c"
    reason: str  # "Restarted", "BackOff", "EndpointsChanged"
    text: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Workload:
    """A part of the target, as it was when the tests began."""

    name: str  # "deployment/api"
    namespace: str = ""
    image: str = ""
    digest: str = ""  # "sha256:..."
    pod_template_hash: str = ""
    node: str = ""
    ready: str = ""  # "2/2"
    restarts: int = 0  # while the tests ran


@dataclass(frozen=True)
class Finding:
    """One cause that the diagnosis names.

    Attributes:
        code: of the cause.
        sentence: what is wrong.
        remedy: a command, or a line of YAML.
        evidence: lines that show it.
        circle: whether it concerns the "run" or its "target".
        age: seconds since it was so, when the report was written; None: it was true then.
    """

    code: str
    sentence: str
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    circle: str = "run"
    age: float | None = None


@dataclass(frozen=True)
class ShardProof:
    """The proof that no result of one pod was lost, or its `problem`."""

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
        """Whether every planned test was reported."""
        return not self.problem and self.planned == self.reported


@dataclass(frozen=True)
class Place:
    """Cluster, namespace, Job and image of the run."""

    context: str = ""
    server: str = ""
    kubernetes: str = ""  # "v1.36.1"
    namespace: str = ""
    job: str = ""
    run_id: str = ""
    image: str = ""  # of the tests
    image_digest: str = ""
    files: str = ""  # that --sync brought: how many, with their digest


@dataclass(frozen=True)
class Artifact:
    """A file that came out of a pod."""

    file: str  # from the report's folder
    path: str  # in the pod
    size: int  # bytes
    sha256: str
    shard: str = ""
    test: str = ""  # node id of the test that wrote it, if it is known


@dataclass(frozen=True)
class NotBrought:
    """A file of a pod that was asked for and did not come."""

    path: str
    reason: str
    shard: str = ""


@dataclass(frozen=True)
class RunData:
    """What only the run in a cluster knows; each field is optional."""

    verdict: str = ""
    exit_code: int | None = None
    first_line: str = ""
    target_line: str = ""  # as the session's header shows it
    tested: Mapping[str, Any] = field(
        default_factory=dict
    )  # the target, as Target.as_json() has it
    shared_line: str = ""  # what the target logged in most of the failed tests
    place: Place = Place()
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()
    target: tuple[Workload, ...] = ()
    findings: tuple[Finding, ...] = ()
    shards: tuple[ShardProof, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    not_brought: tuple[NotBrought, ...] = ()


REPORT_BUILDER = "k8s_job_report_builder"  # name of the plugin that wants the data
RUN_DATA = pytest.StashKey[RunData]()
