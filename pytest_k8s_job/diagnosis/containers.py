"""Containers of pods, as rules look at them: settings and status side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["Container", "containers", "finished", "pod_words", "terminating"]


@dataclass(frozen=True)
class Container:
    """One container of a pod; `status` is empty until the kubelet has taken the pod."""

    pod: Object
    spec: Object
    status: Object
    init: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec["name"])

    @property
    def words(self) -> str:
        """How a sentence calls it."""
        return f"{'init container' if self.init else 'container'} {self.name}"

    @property
    def waiting(self) -> Object:
        """Why it waits."""
        return self._state("state", "waiting")

    @property
    def running(self) -> Object:
        """Since when it runs."""
        return self._state("state", "running")

    @property
    def terminated(self) -> Object:
        """How it ended, if it has not been started again."""
        return self._state("state", "terminated")

    @property
    def ended(self) -> Object:
        """How it ended last, whether it has been started again or not."""
        return self.terminated or self._state("lastState", "terminated")

    @property
    def restarts(self) -> int:
        """How often it was restarted."""
        return int(self.status.get("restartCount") or 0)

    @property
    def pod_ref(self) -> Ref:
        """Its pod."""
        return Ref("Pod", name_of(self.pod))

    def _state(self, which: str, kind: str) -> Object:
        state: Object = (self.status.get(which) or {}).get(kind) or {}
        return state


def containers(pod: Object) -> Iterator[Container]:
    """Yield the containers of a pod, those that initialize it first."""
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
    """How a sentence calls a pod: by the workload that it belongs to."""
    top = snapshot.top(pod)
    own = f"pod {name_of(pod)}"
    return own if top.kind == "Pod" else f"{own} of {top.kind} {top.name}"
