"""Rules for lost nodes, evicted or deleted pods, and Jobs that failed for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import clipped, epoch, listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import finished, pod_words, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_jobs", "check_lost_pods", "check_nodes"]

PRESSURES = {"DiskPressure": "disk", "MemoryPressure": "memory", "PIDPressure": "process ids"}
DISRUPTIONS = {
    "PreemptionByScheduler": (Cause.PREEMPTED, "had to make room for a pod of higher priority"),
    "EvictionByEvictionAPI": (
        Cause.DISRUPTED,
        "was evicted through the API: a drain or autoscaler",
    ),
    "DeletionByTaintManager": (Cause.DISRUPTED, "was deleted for a NoExecute taint of its node"),
    "DeletionByPodGC": (Cause.NODE_LOST, "was on a node that is gone"),
}


def check_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield nodes that are lost or under pressure, if pods here need them."""
    used = {pod["spec"].get("nodeName") for pod in snapshot["pods"] if not finished(pod)}
    waiting = any(not pod["spec"].get("nodeName") for pod in snapshot["pods"])
    for node in snapshot["nodes"]:
        name, ready = name_of(node), condition(node, "Ready")
        if name not in used and not waiting:
            continue
        if ready and ready.get("status") != "True":
            yield _lost_node(snapshot, name, ready)
        for kind, words in PRESSURES.items():
            if condition(node, kind).get("status") == "True":
                yield _node_under_pressure(snapshot, name, words, condition(node, kind))


def _lost_node(snapshot: Snapshot, name: str, ready: Object) -> Finding:
    state = "is not ready" if ready.get("status") == "False" else "does not report any more"
    age = snapshot.age(ready.get("lastTransitionTime"))
    return Finding(
        Cause.NODE_LOST,
        f"node {name} {state} since {age:.0f} s: {clipped(ready.get('message'), 120)}",
        (Ref("Node", name),),
        remedy=f"kubectl describe node {name}    # does its kubelet run?",
        evidence=(f"condition Ready is {ready.get('status')}: {ready.get('reason')}",),
        outlook=Outlook.MAY_HEAL,
    )


def _node_under_pressure(snapshot: Snapshot, name: str, words: str, pressure: Object) -> Finding:
    age = snapshot.age(pressure.get("lastTransitionTime"))
    return Finding(
        Cause.NODE_PRESSURE,
        f"node {name} is short of {words} since {age:.0f} s: it takes no pods and evicts some",
        (Ref("Node", name),),
        remedy=f"kubectl describe node {name}    # free {words} on it",
        evidence=(
            f"condition {pressure['type']}: {pressure.get('reason')}: {pressure.get('message')}",
        ),
        outlook=Outlook.MAY_HEAL,
    )


def check_lost_pods(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield evicted, preempted or drained pods that were not replaced."""
    for pod in snapshot["pods"]:
        status, top = pod.get("status") or {}, snapshot.top(pod)
        # In a run's time it disturbed the tests, even if it was mended since.
        if not snapshot.since and top.kind not in ("Job", "Pod") and _replaced(snapshot, top):
            continue
        disrupted = condition(pod, "DisruptionTarget")
        reason = str(disrupted.get("reason") or "")
        if status.get("reason") == "Evicted" or reason == "TerminationByKubelet":
            yield _evicted(snapshot, pod, str(status.get("message") or disrupted.get("message")))
        elif disrupted.get("status") == "True" and reason in DISRUPTIONS:
            cause, words = DISRUPTIONS[reason]
            yield Finding(
                cause,
                f"{pod_words(snapshot, pod)} {words}",
                (Ref("Pod", name_of(pod)),),
                evidence=(f"DisruptionTarget: {reason}: {clipped(disrupted.get('message'))}",),
                outlook=Outlook.FINAL,
                group=str(top),
                at=epoch(disrupted.get("lastTransitionTime")),
            )


def _evicted(snapshot: Snapshot, pod: Object, text: str) -> Finding:
    node = str(pod["spec"].get("nodeName"))
    own = re.search(r"ephemeral local storage usage exceeds|Usage of EmptyDir", text)
    return Finding(
        Cause.EVICTED,
        f"{pod_words(snapshot, pod)} was evicted by the kubelet: {clipped(text)}",
        (Ref("Pod", name_of(pod)),),
        remedy="resources: {limits: {ephemeral-storage: 1Gi}}    # or sizeLimit of the emptyDir"
        if own
        else f"kubectl describe node {node}    # what is it short of?",
        evidence=(
            f"pod status: {(pod.get('status') or {}).get('reason')}: {clipped(text)}",
            *map(snapshot.event_line, snapshot.events("Pod", name_of(pod), "Evicted")[:1]),
        ),
        outlook=Outlook.FINAL,
        blames=frozenset() if own else frozenset({Ref("Node", node)}),
        group=str(snapshot.top(pod)),
        at=epoch(condition(pod, "DisruptionTarget").get("lastTransitionTime")),
    )


def _replaced(snapshot: Snapshot, top: Ref) -> bool:
    """Whether the workload has all of its pods ready again."""
    owner = snapshot.named(top.kind.lower() + "s", top.name)
    if owner is None:
        return False
    wanted, status = owner["spec"].get("replicas", 1), owner.get("status") or {}
    return bool((status.get("readyReplicas") or status.get("numberReady") or 0) >= wanted)


def check_jobs(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield Jobs that failed by their deadline or because their pod was deleted."""
    for job in snapshot["jobs"]:
        ends = [condition(job, kind) for kind in ("Failed", "FailureTarget")]
        failed: Object = next((each for each in ends if each.get("status") == "True"), {})
        pods = list(snapshot.owned("pods", job))
        if failed.get("reason") == "DeadlineExceeded":
            yield _deadline(snapshot, job, failed)
        elif failed and _deleted(pods):
            yield _deletion(snapshot, job, failed)


def _deadline(snapshot: Snapshot, job: Object, failed: Object) -> Finding:
    name, seconds = name_of(job), job["spec"].get("activeDeadlineSeconds")
    pods = [
        each
        for each in snapshot["events"]
        if each["involvedObject"].get("kind") == "Pod"
        and str(each["involvedObject"].get("name")).startswith(f"{name}-")
        and each.get("type") == "Warning"
    ]
    last = pods[-1:]
    why = (
        f"; its pod last had {last[0].get('reason')}: {clipped(last[0].get('message'), 160)}"
        if last
        else ""
    )
    return Finding(
        Cause.DEADLINE,
        f"Job {name} was ended by its activeDeadlineSeconds of {seconds}, and its pod deleted{why}",
        (Ref("Job", name),),
        remedy="activeDeadlineSeconds: ...    # in the Job's spec",
        evidence=(
            f"condition {failed['type']}: {failed.get('reason')}",
            *map(snapshot.event_line, last),
        ),
        outlook=Outlook.FINAL,
        blames=frozenset(Ref("Pod", name_of(pod)) for pod in snapshot.owned("pods", job)),
        at=epoch(failed.get("lastTransitionTime")),
    )


def _deleted(pods: list[Object]) -> bool:
    """Whether all pods left were deleted, and not by the cluster itself."""
    return all(terminating(pod) and not condition(pod, "DisruptionTarget") for pod in pods)


def _deletion(snapshot: Snapshot, job: Object, failed: Object) -> Finding:
    name = name_of(job)
    return Finding(
        Cause.POD_DELETED,
        f"the pod of Job {name} was deleted while it ran, by somebody or by an eviction, and its"
        " log with it",
        (Ref("Job", name),),
        remedy=f"kubectl -n {snapshot.namespace} get events | grep {name}    # who was it?",
        evidence=(
            f"condition {failed['type']}: {failed.get('reason')}: {clipped(failed.get('message'))}",
            f"pods left: {listed(map(name_of, snapshot.owned('pods', job))) or 'none'}",
        ),
        outlook=Outlook.FINAL,
        at=epoch(failed.get("lastTransitionTime")),
    )
