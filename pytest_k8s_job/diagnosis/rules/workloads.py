"""Rules for workloads that do not run as specified, or are missing."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import clipped, listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import containers, finished, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot, ref

__all__ = ["check_workloads"]

RESOURCES = ("deployments", "statefulsets", "daemonsets")
SETTLED = 15.0  # seconds after which a pod that says nothing is odd


def check_workloads(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield workloads that are scaled to 0, not rolled out, or missing."""
    there = [each for resource in RESOURCES for each in snapshot[resource]]
    known = all(map(snapshot.knows, (*RESOURCES, "pods", "jobs")))
    if known and not there and not snapshot["pods"] and not snapshot["jobs"]:
        yield Finding(
            Cause.NOTHING_DEPLOYED,
            f"nothing is deployed in namespace {snapshot.namespace} of {snapshot.context}",
            (Ref("Namespace", snapshot.namespace),),
            f"kubectl -n {snapshot.namespace} apply -f ...    # or another namespace: -n",
            ("no Deployment, StatefulSet, DaemonSet, Job or pod",),
        )
    for owner in there:
        if owner["spec"].get("replicas") == 0:
            yield _scaled_to_zero(snapshot, owner)
        else:
            yield from _rollout(snapshot, owner)
    yield from _stuck_pods(snapshot)


def _scaled_to_zero(snapshot: Snapshot, owner: Object) -> Finding:
    kind, name = str(owner["kind"]), name_of(owner)
    return Finding(
        Cause.SCALED_TO_ZERO,
        f"{kind} {name} is scaled to 0",
        (Ref(kind, name),),
        f"kubectl -n {snapshot.namespace} scale {kind.lower()} {name} --replicas=1",
        ("spec.replicas: 0",),
    )


def _rollout(snapshot: Snapshot, owner: Object) -> Iterator[Finding]:
    kind, name, status = str(owner["kind"]), name_of(owner), owner.get("status") or {}
    wanted, updated, ready, there = _counts(owner)
    current = status.get("observedGeneration", 0) >= owner["metadata"].get("generation", 0)
    if current and updated == ready == there == wanted:
        return
    pods = [each for each in snapshot["pods"] if snapshot.top(each) == ref(owner)]
    paused = bool(owner["spec"].get("paused")) and updated < wanted
    late = condition(owner, "Progressing").get("reason") == "ProgressDeadlineExceeded"
    blamed = {Ref("Pod", name_of(pod)) for pod in pods}
    blamed |= {Ref("Node", str(pod["spec"].get("nodeName"))) for pod in pods}
    old = f", {there - updated} of an old version" if there > updated else ""
    words = f"{ready} of {wanted} pods are ready, {updated} of the newest version{old}"
    if late:
        words += "; its progressDeadlineSeconds are over"
    yield Finding(
        Cause.ROLLOUT_PAUSED if paused else Cause.ROLLOUT_UNFINISHED,
        f"the rollout of {kind} {name} is {'paused' if paused else 'not finished'}: {words}",
        (Ref(kind, name),),
        f"kubectl -n {snapshot.namespace} rollout"
        f" {'resume' if paused else 'status'} {kind.lower()}/{name}",
        tuple(
            f"condition {each['type']} is {each['status']}: {each.get('reason')}:"
            f" {clipped(each.get('message'))}"
            for each in status.get("conditions") or ()
        ),
        Outlook.STUCK if paused else Outlook.MAY_HEAL,
        frozenset(blamed | ({Ref(kind, name)} if not paused else set())),
    )


def _counts(owner: Object) -> tuple[int, int, int, int]:
    """Return the numbers of pods wanted, updated, ready, and existing."""
    spec, status = owner["spec"], owner.get("status") or {}
    if owner["kind"] == "DaemonSet":
        keys = (
            "desiredNumberScheduled",
            "updatedNumberScheduled",
            "numberReady",
            "currentNumberScheduled",
        )
        wanted, updated, ready, there = (int(status.get(key) or 0) for key in keys)
        return wanted, updated, ready, there
    wanted = int(spec.get("replicas", 1))
    there, ready = int(status.get("replicas") or 0), int(status.get("readyReplicas") or 0)
    updated = int(status.get("updatedReplicas") or 0)
    if owner["kind"] == "StatefulSet" and status.get("currentRevision") == status.get(
        "updateRevision"
    ):
        updated = there
    return wanted, updated, ready, there


def _stuck_pods(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield pods that do not start or do not terminate, without known cause."""
    for pod in snapshot["pods"]:
        if finished(pod) or not pod["spec"].get("nodeName"):
            continue
        grace = pod["metadata"].get("deletionTimestamp")
        if terminating(pod):
            if snapshot.age(grace) > SETTLED:
                yield _unexplained(
                    snapshot,
                    pod,
                    f"is being deleted and is not gone {snapshot.age(grace):.0f} s after its time",
                )
            continue
        begun = all(each.running or each.ended for each in containers(pod) if not each.init)
        age = snapshot.age(pod["metadata"].get("creationTimestamp"))
        events = snapshot.events("Pod", name_of(pod))
        pulling = bool(events) and events[0].get("reason") == "Pulling"  # which takes its time
        if not begun and not pulling and age > SETTLED:
            reasons = [
                f"{each.name}: {each.waiting.get('reason') or 'no status'}"
                for each in containers(pod)
            ]
            yield _unexplained(
                snapshot, pod, f"has not started after {age:.0f} s ({listed(reasons)})"
            )


def _unsaid(snapshot: Snapshot) -> str:
    if "events" not in snapshot.refused:
        return "nothing says why"
    return f"Events, which may say why, could not be read: list events in {snapshot.namespace}"


def _unexplained(snapshot: Snapshot, pod: Object, words: str) -> Finding:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    lines = [f"condition {each['type']} is {each['status']}" for each in conditions]
    events = map(snapshot.event_line, snapshot.events("Pod", name_of(pod))[:3])
    finalizers = pod["metadata"].get("finalizers")
    held = (f"finalizers: {listed(finalizers)}",) if finalizers else ()
    return Finding(
        Cause.UNKNOWN,
        f"pod {name_of(pod)} {words}, and {_unsaid(snapshot)}",
        (Ref("Pod", name_of(pod)),),
        f"kubectl -n {snapshot.namespace} describe pod {name_of(pod)}",
        (*held, *events, *lines),
        Outlook.MAY_HEAL,
        blames=frozenset({Ref("Pod", name_of(pod)), Ref("Node", str(pod["spec"]["nodeName"]))}),
        group=str(snapshot.top(pod)),
    )
