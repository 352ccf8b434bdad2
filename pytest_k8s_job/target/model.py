"""The target as one value: its workloads, its Services, and how each was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.target.workload import Pod, Workload, digest, short

__all__ = ["LEADS", "Service", "Target"]

LEADS = "leads to the target"  # how a Service was found by which no test is known to go


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
        versions: (key of a workload, hash) of the pods that requests go to.
        routed: when its EndpointSlices were last written, 0 if that is not known.
    """

    namespace: str
    name: str
    found: str
    workloads: tuple[tuple[str, str, str], ...] = ()
    strays: tuple[Pod, ...] = ()
    foreign: tuple[str, ...] = ()
    uid: str = ""
    selected: float = 0.0
    routed: float = 0.0
    versions: frozenset[tuple[tuple[str, str, str], str]] = frozenset()

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
        lacking: (namespace, the rules that a Role there lacks).
        absent: what the user named and is not there.
        unread: namespaces of which not everything was read.
    """

    workloads: tuple[Workload, ...] = ()
    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
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
            "revision": short(self.revision),
            "workloads": [
                {
                    "kind": each.kind,
                    "namespace": each.namespace,
                    "name": each.name,
                    "revision": short(each.revision),
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


def _words(workload: Workload, namespace: str) -> str:
    place = f" in {workload.namespace}" if workload.namespace != namespace else ""
    count = len(workload.pods)
    pods = "1 pod" if count == 1 else f"{count} pods"
    about = listed([workload.found, *filter(None, [workload.note])])
    return f"{workload}{place} {workload.current or short(workload.revision)}, {pods} ({about})"
