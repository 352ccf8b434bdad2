"""Rollouts between two readings of a workload."""

from __future__ import annotations

from pytest_k8s_job.target.workload import Pod, Workload

__all__ = ["is_earlier", "is_later", "rolled_back"]


def is_later(then: Workload | None, now: Workload, since: float, until: float) -> bool:
    """Whether it is sure that no pod of another revision answered before `until`.

    Only one rollout may lie in between, and no revision may have come into being in that time.
    """
    if then is not None and (then.uid != now.uid or _rollouts(then, now) != 1):
        return False
    if any(since <= each.created <= until for each in now.replicasets):
        return False
    fresh = [pod for pod in now.pods if pod.version == now.current or not pod.version]
    if fresh and then is None:
        return now.changed > until and all(pod.created > until for pod in fresh)
    if fresh:
        return now.kind == "deployment" and all(pod.created > until for pod in fresh)
    return then is not None and set() < _same(then.pods) <= _same(now.pods)


def is_earlier(then: Workload | None, now: Workload, since: float) -> bool:
    """Whether it is sure that the rollout was over before `since`, the first test."""
    if then is None or then.uid != now.uid or not now.pods:
        return False
    if any(pod.created >= since or pod.version != now.current for pod in now.pods):
        return False
    if now.kind == "deployment":  # an older pod may have stood beside the new ones for a while
        return _rollouts(then, now) == 1 and 0 < now.completed < since
    return now.kind in ("statefulset", "daemonset") and not (now.progress or now.note)


def rolled_back(then: Workload, now: Workload) -> bool:
    """Whether another revision came and went although both readings show the same one."""
    if then.number != now.number and _rollouts(then, now) > 1:
        return True
    if now.kind == "deployment" or then.current != now.current:
        return False
    if now.kind == "statefulset":  # its number is that of the revision, not of the rollout
        names = {pod.name for pod in then.pods}
        again = any(pod.name in names for pod in now.pods if _same([pod]) - _same(then.pods))
        return again and then.templated != now.templated
    unused = {each.name: each.generation for each in then.replicasets if not each.used}
    known = {each.name for each in then.replicasets}
    return bool(known) and any(
        each.name not in known or each.generation > unused.get(each.name, each.generation)
        for each in now.replicasets
    )


def _rollouts(then: Workload, now: Workload) -> int:
    """Return how many rollouts lie between two readings."""
    if then.number.isdecimal() and now.number.isdecimal():
        return int(now.number) - int(then.number)
    return 0 if then.number == now.number else 1


def _same(pods: tuple[Pod, ...] | list[Pod]) -> set[tuple[str, float]]:
    return {(pod.name, pod.created) for pod in pods}
