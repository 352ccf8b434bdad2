"""Pods as this package sees them, and the edge behind which every cluster stands.

`Cluster` has one real implementation (`cluster.KubernetesCluster`) and one double that needs no
cluster (`local_pod.LocalCluster`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

from pytest_k8s_job.errors import ClusterError

__all__ = [
    "NAMES_ONLY",
    "Cluster",
    "Conversing",
    "JobFinder",
    "JobRef",
    "Phase",
    "PodState",
    "Readable",
    "Reader",
    "Stream",
    "pod_of",
    "read_list",
    "read_pod",
]

NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What `read` accepts where the objects' metadata is enough."""

Object = Mapping[str, Any]


class Phase(IntEnum):
    """How far the container of the tests has come; it never goes back."""

    CREATED = 0  # the Job exists, its pod is not on a node
    SCHEDULED = 1  # on a node: image, volumes, network
    RUNNING = 2
    TERMINATED = 3


@dataclass(frozen=True)
class JobRef:
    """One pod of a created Job, and the container that runs the tests.

    `shard` is the completion index in an Indexed Job, None in a Job of one pod. Only a Job that
    was just created has its `uid`.
    """

    namespace: str
    name: str
    container: str
    shard: int | None = None
    uid: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class PodState:
    """What decides in a pod's status; `reason` and `message` are Kubernetes' own words."""

    name: str
    phase: Phase
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    termination_message: str = ""
    disrupted: str = ""
    """Why the infrastructure takes the pod away (drain, preemption ...), if it does."""


class Readable(Protocol):
    """What answers a GET."""

    def read(self, path: str, accept: str, /) -> tuple[bytes, float]:
        """Return the answer to a GET, and the server's clock; raise `ClusterError` for others."""


class Reader(Readable, Protocol):
    """What a diagnosis needs of a cluster."""

    @property
    def server(self) -> str:
        """Address of the API server."""

    def describe(self) -> str:
        """Say in a few words where this is."""


class Cluster(Reader, Protocol):
    """What the collector needs of a cluster. Every method may raise `ClusterError`."""

    def create(self, job: Object, /) -> JobRef:
        """Create the Job from its object."""

    def pods(self, jobs: Sequence[JobRef], /) -> Mapping[JobRef, PodState]:
        """Return the states of pods in one namespace, by one request."""

    def log(self, job: JobRef, pod: str, since: int | None, /) -> Iterator[bytes]:
        """Follow the log of the pod's container, from `since` seconds ago, over one connection.

        The end of the stream says nothing about the container: connections break.
        """

    def exec(self, job: JobRef, pod: str, command: Sequence[str], /) -> bytes:
        """Run `command` in the pod's container, and return what it wrote to stdout."""

    def delete(self, job: JobRef, /) -> None:
        """Delete the Job and its pods; one that is gone is fine."""


class Stream(Protocol):
    """Stdin and stdout of a command in a container."""

    def send(self, data: bytes, /) -> None:
        """Write to its stdin; raise `ClusterError` if that is not possible any more."""

    def receive(self) -> bytes:
        """Wait for bytes of its stdout; nothing at the end."""

    def close(self) -> None:
        """End the command."""


@runtime_checkable
class Conversing(Protocol):
    """A cluster whose containers can be spoken with, as a debugger needs."""

    def converse(self, job: JobRef, pod: str, command: Sequence[str], /) -> Stream:
        """Begin to run `command` in the pod's container."""


class JobFinder(Cluster, Protocol):
    """What joining a Job needs beyond following it."""

    @property
    def namespace(self) -> str:
        """The namespace that counts where none is named."""

    def find(self, namespace: str | None, name: str, /) -> Object:
        """Return the Job object `name`; without a namespace, the context's counts."""

    def jobs(self, namespace: str | None, /) -> Sequence[Object]:
        """Return all Job objects of the namespace."""

    def send(self, method: str, path: str, body: object = None, /) -> Object:
        """Return the API server's answer to any request; a PATCH is a merge patch."""


def read_list(reader: Readable, path: str, accept: str = "application/json") -> list[Object]:
    """Return the objects of the list at `path`; an empty one may be null.

    Raises ClusterError, also for an answer that is none of an API server.
    """
    body, _ = reader.read(path, accept)
    try:
        return list(json.loads(body)["items"] or ())
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"the answer to {path} is no list of objects: {error}") from error


def pod_of(cluster: Cluster, job: JobRef) -> PodState | None:
    """Return the state of the pod of `job`, None while there is none."""
    return cluster.pods([job]).get(job)


def read_pod(pod: Object, container: str) -> PodState:
    """Return the state of `container` in the pod object `pod`."""
    name = pod["metadata"]["name"]
    status = pod.get("status") or {}
    disrupted = _condition(status, "DisruptionTarget")
    state = _container_state(name, status, container)
    if disrupted.get("status") != "True":
        return state
    return replace(state, disrupted=disrupted.get("reason") or "DisruptionTarget")


def _container_state(name: str, status: Object, container: str) -> PodState:
    main = _find(status.get("containerStatuses"), container)
    state = main.get("state") or {}
    if ended := state.get("terminated"):
        return PodState(
            name,
            Phase.TERMINATED,
            ended.get("reason") or "",
            _ended_message(ended, status),
            ended.get("exitCode"),
            ended.get("message") or "",
        )
    if status.get("phase") in ("Failed", "Succeeded"):
        # Evicted, or an init container failed: the container itself has no status of its own.
        return PodState(name, Phase.TERMINATED, *_why_failed(status))
    if "running" in state:
        return PodState(name, Phase.RUNNING)
    return _waiting(name, status, state.get("waiting") or {})


def _waiting(name: str, status: Object, waiting: Object) -> PodState:
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        reason, message = scheduled.get("reason") or "", scheduled.get("message") or ""
        return PodState(name, Phase.CREATED, reason, message)
    phase = Phase.SCHEDULED if scheduled.get("status") == "True" else Phase.CREATED
    return PodState(name, phase, waiting.get("reason") or "", waiting.get("message") or "")


def _ended_message(ended: Object, status: Object) -> str:
    """Return why the container ended; the container's own termination message is no reason."""
    if ended.get("reason") in ("StartError", "ContainerCannotRun"):
        return ended.get("message") or ""
    return status.get("message") or ""


def _why_failed(status: Object) -> tuple[str, str]:
    for init in status.get("initContainerStatuses") or ():
        ended = (init.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            text = f"init container {init['name']} ended with exit code {ended['exitCode']}"
            return "InitContainerFailed", text
    return status.get("reason") or "Failed", status.get("message") or ""


def _find(statuses: object, container: str) -> Object:
    for each in statuses if isinstance(statuses, list) else ():
        if each.get("name") == container:
            return dict(each)
    return {}


def _condition(status: Object, kind: str) -> Object:
    for each in status.get("conditions") or ():
        if each.get("type") == kind:
            return dict(each)
    return {}
