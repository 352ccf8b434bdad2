"""Whether a rollout of the target is over."""

from __future__ import annotations

from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload

__all__ = ["scaled_to_zero", "unsettled"]


def unsettled(target: Target) -> list[str]:
    """Return what the rollouts still wait for, a line for each workload; empty once settled."""
    waiting = ((each, _progress(each)) for each in target.workloads)
    return [*target.failed, *(f"{each}: {progress}" for each, progress in waiting if progress)]


def scaled_to_zero(target: Target) -> list[Workload]:
    """Return the workloads that shall have no pod at all: waiting does not help."""
    return [each for each in target.workloads if each.wanted == 0 and each.kind != "daemonset"]


def _progress(workload: Workload) -> str:
    old = workload.outdated
    if workload.progress or not old:
        return workload.progress
    if len(old) == 1:
        (pod,) = old
        return f"pod {pod.name} of an older revision still answers"
    return f"{len(old)} pods of an older revision still answer"
