"""The target as one value: its workloads, its Services, and how each was found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.text import listed

__all__ = ["LEADS", "Pod", "ReplicaSet", "Restart", "Service", "Target", "Workload"]

LEADS = "leads to the target"  # how a Service was found by which no test is known to go
SHOWN = 10  # characters of a digest that a sentence shows


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


@dataclass(frozen=True)
class Service:
    """A Service by which the target is reached.

    Attributes:
        namespace: its namespace.
        name: its name.
        found: how it was found, for people.
        workloads: keys of the workloads behind it.
        strays: bare pods that answer behind it although it has workloads.
        foreign: addresses that it leads to and that no pod of its namespace has.
        uid: of the object, another one if it is made anew under its name.
        selected: when somebody last wrote its selector, 0 if that is not known.
    """

    namespace: str
    name: str
    found: str
    workloads: tuple[tuple[str, str, str], ...] = ()
    strays: tuple[Pod, ...] = ()
    foreign: tuple[str, ...] = ()
    uid: str = ""
    selected: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True)
class Target:
    """What is tested; everything that asks for the target gets this value.

    Attributes:
        workloads: sorted by how they were found, then by name.
        services: the Services by which they are reached.
        unknown: what was not read: the rules that a Role lacks, and what failed.
        failed: the part of it that failed, and may be read a moment later.
        absent: what the user named and is not there.
        unread: namespaces of which not everything was read.
    """

    workloads: tuple[Workload, ...] = ()
    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()

    @property
    def revision(self) -> str:
        """Digest of the revisions of all its workloads; "" without any."""
        parts = sorted(each.revision for each in self.workloads)
        return digest(parts) if parts else ""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of its workloads and Services."""
        found = {each.namespace for each in self.workloads}
        return tuple(sorted(found | {each.namespace for each in self.services}))

    @property
    def pods(self) -> Iterator[Pod]:
        """All its pods."""
        return (pod for each in self.workloads for pod in each.pods)

    def service(self, key: tuple[str, str]) -> Service | None:
        """Return the Service with this namespace and name."""
        return next((each for each in self.services if each.key == key), None)

    def workload(self, key: tuple[str, str, str]) -> Workload | None:
        """Return the workload with this key."""
        return next((each for each in self.workloads if each.key == key), None)

    def as_json(self) -> dict[str, Any]:
        """Return what report.json says of it."""
        return {
            "revision": self.revision[:SHOWN],
            "workloads": [
                {
                    "kind": each.kind,
                    "namespace": each.namespace,
                    "name": each.name,
                    "revision": each.revision[:SHOWN],
                    "pods": len(each.pods),
                    "found": each.found,
                    "note": each.note,
                }
                for each in self.workloads
            ],
            "services": [f"{each.namespace}/{each.name}" for each in self.services],
            "unknown": list(self.unknown),
        }

    def describe(self, namespace: str) -> str:
        """Return the line that header and report of a run in `namespace` show."""
        words = [_words(each, namespace) for each in self.workloads]
        words += [f"unknown: {each}" for each in self.unknown]
        return "; ".join(words) if words else "none seen"


def digest(value: object) -> str:
    """Return the sha256 of a JSON value, the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _words(workload: Workload, namespace: str) -> str:
    place = f" in {workload.namespace}" if workload.namespace != namespace else ""
    count = len(workload.pods)
    pods = "1 pod" if count == 1 else f"{count} pods"
    about = listed([workload.found, *filter(None, [workload.note])])
    return f"{workload}{place} {workload.current or workload.revision[:SHOWN]}, {pods} ({about})"
