"""Leaves other runs, and what is long over, out of a snapshot."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pytest_k8s_job.cluster.objects import Object, condition, labels_of, name_of, owners
from pytest_k8s_job.cluster.suite_container import runs_agent
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.containers import containers
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.rules.container_exits import RUN_LABEL
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot, ref

__all__ = ["Pruned", "ended_at", "failed_at", "prune"]

RECENT = 60.0  # seconds for which a Job or pod that failed counts as failed now, without a run
RESOURCES = {"Pod": "pods", "Job": "jobs", "ReplicaSet": "replicasets"}


@dataclass(frozen=True)
class Pruned:
    """A snapshot without what does not count, and what of that is history.

    Attributes:
        snapshot: what the rules read.
        pods: pods that failed before the run's time, and are no other run's.
        jobs: Jobs likewise.
    """

    snapshot: Snapshot
    pods: tuple[Object, ...] = ()
    jobs: tuple[Object, ...] = ()


def prune(snapshot: Snapshot, scope: Scope) -> Pruned:
    """Return the snapshot without other runs, and without what ended before the run's time."""
    begin = math.floor(scope.since) or snapshot.now - RECENT
    ours = scope.jobs if snapshot.namespace == scope.namespace else frozenset()
    jobs: list[Object] = []
    old_jobs: list[Object] = []
    for job in snapshot["jobs"]:
        if name_of(job) in ours:
            jobs.append(job)
        elif not _is_other_run(job, scope):
            (old_jobs if 0 < failed_at(job) < begin else jobs).append(job)
    counted = {name_of(job) for job in jobs} | ours
    pods: list[Object] = []
    old_pods: list[Object] = []
    for pod in snapshot["pods"]:
        if _counts(snapshot, pod, counted):
            old = _is_left_over(snapshot, pod, scope) and ended_at(pod) < begin
            (old_pods if old else pods).append(pod)
    return Pruned(_with(snapshot, pods, jobs, scope.since), tuple(old_pods), tuple(old_jobs))


def ended_at(pod: Object) -> float:
    """Return when a pod ended, in seconds since the epoch."""
    ends = [epoch(each.terminated.get("finishedAt")) for each in containers(pod)]
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ends += [epoch(each.get("lastTransitionTime")) for each in conditions]
    return max(ends, default=0.0) or epoch(pod["metadata"].get("creationTimestamp"))


def failed_at(job: Object) -> float:
    """Return when a Job failed, 0 if it did not."""
    kinds = ("Failed", "FailureTarget")
    found = [each for each in (condition(job, kind) for kind in kinds) if each]
    return max(
        (epoch(each.get("lastTransitionTime")) for each in found if each["status"] == "True"),
        default=0.0,
    )


def _is_other_run(job: Object, scope: Scope) -> bool:
    """Whether a Job is a run of tests that the scope leaves out.

    Where everything counts, only runs that are over are left out.
    """
    over = failed_at(job) or _is_complete(job)
    return _runs_tests(job) and bool(over or not scope.everything)


def _is_complete(job: Object) -> bool:
    return condition(job, "Complete").get("status") == "True"


def _counts(snapshot: Snapshot, pod: Object, jobs: frozenset[str] | set[str]) -> bool:
    """Whether a pod is neither another run's nor of a Job left out."""
    top = snapshot.top(pod)
    if top.kind == "Job" and (top.name in jobs or snapshot.named("jobs", top.name) is not None):
        return top.name in jobs
    return RUN_LABEL not in labels_of(pod)


def _is_left_over(snapshot: Snapshot, pod: Object, scope: Scope) -> bool:
    """Whether a failed pod is only left over, and not the target."""
    if (pod.get("status") or {}).get("phase") != "Failed":
        return False
    top = snapshot.top(pod)
    if top.kind == "Job":
        job = snapshot.named("jobs", top.name)
        return top.name not in scope.jobs and (job is None or _is_complete(job))
    return bool(owners(pod)) or (
        scope.target.workload((snapshot.namespace, "pod", name_of(pod))) is None
    )


def _runs_tests(job: Object) -> bool:
    """Whether a Job is the run of a suite."""
    template = job["spec"].get("template") or {}
    labels = {**labels_of(job), **((template.get("metadata") or {}).get("labels") or {})}
    containers = (template.get("spec") or {}).get("containers") or ()
    return RUN_LABEL in labels or any(map(runs_agent, containers))


def _with(snapshot: Snapshot, pods: list[Object], jobs: list[Object], since: float) -> Snapshot:
    """Return the snapshot with these pods and Jobs only, and with their logs and events."""
    kept = {ref(each) for each in (*pods, *jobs)}
    dropped = {ref(each) for each in (*snapshot["pods"], *snapshot["jobs"])} - kept
    names = {each.name for each in kept if each.kind == "Pod"}
    logs = {place: text for place, text in snapshot.logs.items() if place.split("/")[0] in names}
    events = [each for each in snapshot["events"] if _is_about(snapshot, each, dropped)]
    changed = {"pods": pods, "jobs": jobs, "events": events}
    changed = {name: objects for name, objects in changed.items() if snapshot.knows(name)}
    return replace(snapshot, objects={**snapshot.objects, **changed}, logs=logs, since=since)


def _is_about(snapshot: Snapshot, event: Object, dropped: set[Ref]) -> bool:
    """Whether an event is about an object that counts, not an earlier namesake."""
    about = event["involvedObject"]
    kind, name = str(about.get("kind")), str(about.get("name"))
    if Ref(kind, name) in dropped:
        return False
    there = snapshot.named(RESOURCES[kind], name) if kind in RESOURCES else None
    uids = (about.get("uid"), there["metadata"].get("uid") if there is not None else None)
    return not all(uids) or uids[0] == uids[1]
