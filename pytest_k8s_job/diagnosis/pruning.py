"""Leaves out of a snapshot what a diagnosis must not read: other runs, and what is long over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_k8s_job.cluster.objects import Object, condition, labels_of, name_of, owners
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.containers import containers
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.rules.container_exits import AGENT, RUN_LABEL
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot

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
    others, old_jobs, old_pods = set(), [], []
    for job in snapshot["jobs"]:
        if name_of(job) in ours:
            continue
        over = failed_at(job) or _completed(job)
        if _runs_tests(job) and (over or not scope.everything):
            others.add(name_of(job))
        elif 0 < failed_at(job) < begin:
            old_jobs.append(job)
    gone = others | {name_of(job) for job in old_jobs}
    kept = []
    for pod in snapshot["pods"]:
        top = snapshot.top(pod)
        job = snapshot.named("jobs", top.name) if top.kind == "Job" else None
        if top.kind == "Job" and (top.name in gone or top.name in ours):
            kept += [pod] if top.name in ours else []
        elif RUN_LABEL in labels_of(pod) and (job is None or not scope.everything):
            continue
        elif job is None and _is_left_over(pod, snapshot.namespace, scope) and ended_at(pod) < begin:
            old_pods.append(pod)
        else:
            kept.append(pod)
    jobs = [job for job in snapshot["jobs"] if name_of(job) not in gone]
    return Pruned(_without(snapshot, kept, jobs, scope.since), tuple(old_pods), tuple(old_jobs))


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


def _completed(job: Object) -> bool:
    return condition(job, "Complete").get("status") == "True"


def _is_left_over(pod: Object, namespace: str, scope: Scope) -> bool:
    """Whether a pod failed and is only left over; a bare pod may be the target itself."""
    if (pod.get("status") or {}).get("phase") != "Failed":
        return False
    key = (namespace, "pod", name_of(pod))
    return bool(owners(pod)) or scope.target.workload(key) is None


def _runs_tests(job: Object) -> bool:
    """Whether a Job is the run of a suite."""
    template = job["spec"].get("template") or {}
    labels = {**labels_of(job), **((template.get("metadata") or {}).get("labels") or {})}
    words = [
        str(word)
        for container in (template.get("spec") or {}).get("containers") or ()
        for word in container.get("command") or ()
    ]
    return RUN_LABEL in labels or AGENT in " ".join(words)


def _without(
    snapshot: Snapshot, pods: list[Object], jobs: list[Object], since: float
) -> Snapshot:
    """Return the snapshot with these pods and Jobs only, and with their logs and events."""
    names = {name_of(pod) for pod in pods}
    dropped = {Ref("Pod", name_of(pod)) for pod in snapshot["pods"]} - {
        Ref("Pod", name) for name in names
    }
    kept_jobs = {name_of(job) for job in jobs}
    dropped |= {
        Ref("Job", name_of(job)) for job in snapshot["jobs"] if name_of(job) not in kept_jobs
    }
    logs = {place: text for place, text in snapshot.logs.items() if place.split("/")[0] in names}
    known = set(snapshot.objects)
    changed: Mapping[str, list[Object]] = {
        "pods": pods,
        "jobs": jobs,
        "events": [each for each in snapshot["events"] if _counts(snapshot, each, dropped)],
    }
    changed = {name: objects for name, objects in changed.items() if name in known}
    return replace(snapshot, objects={**snapshot.objects, **changed}, logs=logs, since=since)


def _counts(snapshot: Snapshot, event: Object, dropped: set[Ref]) -> bool:
    """Whether an event is about an object that counts, not about an earlier one of its name."""
    about = event["involvedObject"]
    kind, name = str(about.get("kind")), str(about.get("name"))
    if Ref(kind, name) in dropped:
        return False
    there = snapshot.named(RESOURCES[kind], name) if kind in RESOURCES else None
    uids = (about.get("uid"), there["metadata"].get("uid") if there is not None else None)
    return not all(uids) or uids[0] == uids[1]
