"""A workload of the target, its pods and its revisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Pod", "ReplicaSet", "Restart", "Workload", "digest", "short"]

SHOWN = 10  # characters


@dataclass(frozen=True)
class Restart:
    """The newest end of a container: count, time and Kubernetes' reason."""

    container: str
    count: int
    finished: float
    reason: str


@dataclass(frozen=True)
class Pod:
    """One pod of a workload.

    Attributes:
        namespace: its namespace.
        name: its name.
        version: hash of the template that it was made from, as its label says; "" for a bare pod.
        created: when, in seconds since the epoch by the API server's clock.
        ready: whether it is ready.
        address: its IP address, "" before it has one.
        images: (container, image digest) of those that have started.
        restarts: one for each container that has ended before.
    """

    namespace: str
    name: str
    version: str
    created: float
    ready: bool
    address: str
    images: frozenset[tuple[str, str]] = frozenset()
    restarts: tuple[Restart, ...] = ()


@dataclass(frozen=True)
class ReplicaSet:
    """One revision of a workload that keeps its revisions as ReplicaSets.

    Attributes:
        name: its name.
        created: when, in seconds since the epoch.
        generation: how often its spec has changed: each scaling counts.
        used: whether it shall have pods.
    """

    name: str
    created: float
    generation: int
    used: bool


@dataclass(frozen=True)
class Workload:
    """What makes pods of the target, or a bare pod that is one.

    Attributes:
        kind: in lower case, as kubectl takes it: deployment, statefulset, pod ...
        namespace: its namespace.
        name: its name.
        found: how it was found, for people.
        template: digest of its pod template, without the time of a restart; "" if it is not known.
        current: hash that pods of the newest template carry; "" if it is not known.
        number: the rollout's number, as the workload's controller counts; "" if it counts none.
        changed: when the newest template came into being, 0 if that is not known.
        pods: those that are not being deleted.
        wanted: how many pods it shall have; None if it is not known.
        progress: what a rollout still waits for, "" if it is over.
        stalled: whether its controller says that the rollout takes too long.
        note: what a reader should know: paused, or its own way to update.
        configs: (kind, name, resourceVersion) of ConfigMaps and Secrets that the template names.
        selector: labels of its pods.
        uid: of the object, another one if it is made anew under its name; "" if it is not known.
        templated: when somebody last wrote its pod template, 0 if that is not known.
        completed: when its newest rollout was over, 0 if that is not known.
        replicasets: its revisions, as far as they are kept.
    """

    kind: str
    namespace: str
    name: str
    found: str
    template: str = ""
    current: str = ""
    number: str = ""
    changed: float = 0.0
    pods: tuple[Pod, ...] = ()
    wanted: int | None = None
    progress: str = ""
    stalled: bool = False
    note: str = ""
    configs: frozenset[tuple[str, str, str]] = frozenset()
    selector: frozenset[tuple[str, str]] = frozenset()
    uid: str = ""
    templated: float = 0.0
    completed: float = 0.0
    replicasets: tuple[ReplicaSet, ...] = ()

    def makes(self, pod: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod with this name and these labels is its own."""
        if not self.selector:
            return pod in {each.name for each in self.pods}
        return self.selector <= labels.items()

    @property
    def key(self) -> tuple[str, str, str]:
        """Namespace, kind and name."""
        return self.namespace, self.kind, self.name

    @property
    def outdated(self) -> tuple[Pod, ...]:
        """Ready pods of an older template, unless its way to update lets them stay."""
        if not self.current or self.note:
            return ()
        return tuple(
            pod for pod in self.pods if pod.ready and pod.version not in ("", self.current)
        )

    @property
    def images(self) -> frozenset[tuple[str, str]]:
        """(container, image digest) of all its pods."""
        return frozenset().union(*(pod.images for pod in self.pods))

    @property
    def revision(self) -> str:
        """Digest of what it runs: template and images."""
        return digest([*self.key, self.template or self.current, sorted(self.images)])

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def short(revision: str) -> str:
    """Return as much of a revision as header, report and messages show."""
    return revision[:SHOWN]


def digest(value: object) -> str:
    """Return the sha256 of a JSON value, the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
