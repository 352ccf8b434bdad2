"""Whether a rollout of the target is over: nothing older serves, and all of the new is ready."""

from __future__ import annotations

from pytest_k8s_job.target.model import Target, Workload

__all__ = ["scaled_to_zero", "unsettled"]


def unsettled(target: Target) -> list[str]:
    """Return what the rollouts still wait for, a line for each workload; empty once settled."""
    return [f"{each}: {progress}" for each in target.workloads if (progress := _progress(each))]


def scaled_to_zero(target: Target) -> list[Workload]:
    """Return the workloads that shall have no pod at all: waiting does not help."""
    return [each for each in target.workloads if each.wanted == 0 and each.kind != "daemonset"]


def _progress(workload: Workload) -> str:
    if workload.progress or workload.note:
        return workload.progress
    old = [pod.name for pod in workload.pods if pod.version not in ("", workload.current)]
    if workload.current and any(pod.ready for pod in workload.pods if pod.name in old):
        return f"{len(old)} pods of an older revision still answer"
    return ""
