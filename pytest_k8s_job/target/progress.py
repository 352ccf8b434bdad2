"""What the rollout of a workload still waits for, by what its controller writes."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_k8s_job.cluster.objects import Object, condition
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.target.workload import Pod

__all__ = ["completed_at", "is_stalled", "note_of", "progress_of", "wanted_of"]


def wanted_of(obj: Object | None, kind: str) -> int | None:
    """Return how many pods it shall have; None if it may not be read."""
    return None if obj is None else _wanted(obj, kind)


def note_of(obj: Object | None) -> str:
    """Return in which way it has its own way to update, if it has."""
    if obj is None:
        return ""
    if obj["spec"].get("paused"):
        return "paused"
    if _strategy(obj).get("type") == "OnDelete":
        return "updates on delete"
    partition = _partition(obj)
    return f"partition {partition}" if partition else ""


def progress_of(obj: Object | None, kind: str, pods: Sequence[Pod], current: str = "") -> str:
    """Return what the rollout still waits for, or ""."""
    if obj is None:
        return "" if all(pod.ready for pod in pods) else "its pods are not ready"
    if kind == "pod":
        return "" if condition(obj, "Ready").get("status") == "True" else "it is not ready"
    status = obj.get("status") or {}
    if _is_unseen(obj):
        return "its controller has not seen the newest change"
    new = [pod.ready for pod in pods if pod.version == current] if current else None
    return _counted(obj, status, kind, sum(new) if new else None)


def completed_at(obj: Object | None) -> float:
    """Return when its controller found the newest rollout over, or 0."""
    if obj is None or _is_unseen(obj):
        return 0.0
    progressing = condition(obj, "Progressing")
    over = progressing.get("reason") == "NewReplicaSetAvailable"
    return epoch(progressing.get("lastUpdateTime")) if over else 0.0


def is_stalled(obj: Object | None) -> bool:
    """Whether the controller itself says that the rollout takes too long."""
    if obj is None or _is_unseen(obj):
        return False
    return condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded"


def _is_unseen(obj: Object) -> bool:
    """Whether its controller has not seen the newest change yet."""
    seen = _count(obj.get("status") or {}, "observedGeneration")
    return seen < int(obj["metadata"].get("generation", 0))


def _counted(obj: Object, status: Object, kind: str, new: int | None) -> str:
    """Return what the rollout still waits for, given the ready new pods."""
    wanted, updated, present, ready = _counts(obj, status, kind)
    if obj["spec"].get("paused"):
        return "" if ready >= wanted else f"{ready} of {wanted} pods ready"
    if updated == ready == present == wanted:
        return ""
    if ready >= wanted and updated >= wanted and (new is None or new >= wanted):
        many = present - wanted
        return "1 old pod still goes" if many == 1 else f"{many} old pods still go"
    if new is None:  # at the least: all that is not new may be ready
        new = min(updated, max(0, ready - max(0, present - updated)))
    return f"{min(new, updated)} of {wanted} new pods ready"


def _counts(obj: Object, status: Object, kind: str) -> tuple[int, int, int, int]:
    """Return how many pods are wanted, updated, present and available."""
    wanted = _wanted(obj, kind)
    if kind == "daemonset":
        updated, present = _count(status, "updatedNumberScheduled"), wanted
        ready = _count(status, "numberAvailable")
    else:
        updated, present = _count(status, "updatedReplicas"), _count(status, "replicas")
        ready = min(_count(status, "readyReplicas"), _count(status, "availableReplicas"))
    if kind == "replicaset" or _strategy(obj).get("type") == "OnDelete":
        return wanted, wanted, present, ready
    return wanted, min(wanted, updated + _partition(obj)), present, ready


def _wanted(obj: Object, kind: str) -> int:
    if kind == "daemonset":
        return _count(obj.get("status") or {}, "desiredNumberScheduled")
    return int(obj["spec"].get("replicas", 1))


def _count(status: Object, name: str) -> int:
    return int(status.get(name, 0))  # the API server leaves out what is 0


def _strategy(obj: Object) -> Object:
    strategy: Object = obj["spec"].get("updateStrategy") or {}
    return strategy


def _partition(obj: Object) -> int:
    return int((_strategy(obj).get("rollingUpdate") or {}).get("partition") or 0)
