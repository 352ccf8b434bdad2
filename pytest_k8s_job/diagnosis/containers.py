"""Containers of pods, with their settings and their status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["Container", "containers", "finished", "pod_words", "terminating"]


@dataclass(frozen=True)
class Container:
    """One container of a pod; `status` is empty until the kubelet reports."""

    pod: Object
    spec: Object
    status: Object
    init: bool

    @property
    def name(self) -> str:
        """Name of the container."""
        return str(self.spec["name"])

    @property
    def words(self) -> str:
        """Kind and name of the container, for a sentence."""
        return f"{'init container' if self.init else 'container'} {self.name}"

    @property
    def waiting(self) -> Object:
        """Its waiting state, with the reason."""
        return self._state("state", "waiting")

    @property
    def running(self) -> Object:
        """Its running state, with the start time."""
        return self._state("state", "running")

    @property
    def terminated(self) -> Object:
        """Its terminated state, if it was not started again."""
        return self._state("state", "terminated")

    @property
    def ended(self) -> Object:
        """Its last terminated state, even if it was started again."""
        return self.terminated or self.ended_before

    @property
    def ended_before(self) -> Object:
        """The terminated state from before its last restart."""
        return self._state("lastState", "terminated")

    @property
    def restarts(self) -> int:
        """Number of its restarts."""
        return int(self.status.get("restartCount") or 0)

    @property
    def pod_ref(self) -> Ref:
        """Reference to its pod."""
        return Ref("Pod", name_of(self.pod))

    def _state(self, which: str, kind: str) -> Object:
        state: Object = (self.status.get(which) or {}).get(kind) or {}
        return state


def containers(pod: Object) -> Iterator[Container]:
    """Yield the containers of a pod, init containers first."""
    spec, status = pod["spec"], pod.get("status") or {}
    for key, statuses, init in (
        ("initContainers", "initContainerStatuses", True),
        ("containers", "containerStatuses", False),
    ):
        known = {each["name"]: each for each in status.get(statuses) or ()}
        for each in spec.get(key) or ():
            yield Container(pod, each, known.get(each["name"], {}), init)


def terminating(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def finished(pod: Object) -> bool:
    """Whether the pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def pod_words(snapshot: Snapshot, pod: Object) -> str:
    """Return the names of pod and workload, for a sentence."""
    top = snapshot.top(pod)
    own = f"pod {name_of(pod)}"
    return own if top.kind == "Pod" else f"{own} of {top.kind} {top.name}"
