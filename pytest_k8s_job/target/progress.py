"""What the rollout of a workload still waits for, by what its controller writes."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_k8s_job.cluster.objects import Object, condition
from pytest_k8s_job.target.model import Pod

__all__ = ["note_of", "progress_of", "wanted_of"]


def wanted_of(obj: Object | None, kind: str) -> int | None:
    """Return how many pods it shall have; None if it may not be read."""
    if obj is None:
        return None
    if kind == "daemonset":
        return int((obj.get("status") or {}).get("desiredNumberScheduled") or 0)
    return 1 if kind == "pod" else int(obj["spec"].get("replicas", 1))


def note_of(obj: Object | None, kind: str) -> str:
    """Return in which way it has its own way to update, if it has."""
    if obj is None or kind == "pod":
        return ""
    if obj["spec"].get("paused"):
        return "paused"
    if _strategy(obj).get("type") == "OnDelete":
        return "updates on delete"
    partition = _partition(obj)
    return f"partition {partition}" if partition else ""


def progress_of(obj: Object | None, kind: str, pods: Sequence[Pod]) -> str:
    """Return what the rollout still waits for; "" if it is over or cannot be seen."""
    if obj is None:
        return "" if all(pod.ready for pod in pods) else "its pods are not ready"
    if kind == "pod":
        return "" if condition(obj, "Ready").get("status") == "True" else "it is not ready"
    status = obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "its controller has not seen the newest change"
    return _counted(obj, status, kind)


def _counted(obj: Object, status: Object, kind: str) -> str:
    wanted, updated, present, ready = _counts(obj, status, kind)
    if obj["spec"].get("paused"):
        return "" if ready >= wanted else f"{ready} of {wanted} pods ready"
    if updated == ready == present == wanted:
        return ""
    if ready >= wanted and updated >= wanted:
        many = present - wanted
        return "1 old pod still goes" if many == 1 else f"{many} old pods still go"
    new_ready = min(updated, max(0, ready - max(0, present - updated)))
    return f"{new_ready} of {wanted} new pods ready"


def _counts(obj: Object, status: Object, kind: str) -> tuple[int, int, int, int]:
    """Return how many pods are wanted, updated, present and available."""
    wanted = wanted_of(obj, kind) or 0
    if kind == "daemonset":
        updated, present = status.get("updatedNumberScheduled", 0), wanted
        ready = status.get("numberAvailable", 0)
    else:
        updated, present = status.get("updatedReplicas", 0), status.get("replicas", 0)
        ready = min(status.get("readyReplicas", 0), status.get("availableReplicas", 0))
    if kind == "replicaset" or _strategy(obj).get("type") == "OnDelete":
        updated = wanted
    elif kind == "statefulset":
        updated = min(wanted, updated + _partition(obj))
    return wanted, updated, present, ready


def _strategy(obj: Object) -> Object:
    strategy: Object = obj["spec"].get("updateStrategy") or {}
    return strategy


def _partition(obj: Object) -> int:
    return int((_strategy(obj).get("rollingUpdate") or {}).get("partition") or 0)
