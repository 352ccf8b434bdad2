"""Rules for pods that cannot be scheduled to a node."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, condition, labels_of, name_of
from pytest_k8s_job.cluster.text import bytes_text, clipped, labels_text, listed, quantity
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import finished, pod_words, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.rules.storage import claims_of
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_scheduling"]

SCHEDULER_DELAY = 3.0  # seconds after which a scheduler should have reported
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
CORDON_TAINT = "node.kubernetes.io/unschedulable"
NODE_LOST_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
PRESSURE_TAINT = re.compile(r"node\.kubernetes\.io/(disk|memory|pid)-pressure")
BOILERPLATE = re.compile(r"\.? (?:no new claims to deallocate|preemption:)")
# What the scheduler says of a number of nodes -> the cause.
SIGNS = (
    (r"Insufficient ([\w./-]+)", Cause.INSUFFICIENT_RESOURCES),
    (r"Too many pods", Cause.INSUFFICIENT_RESOURCES),
    (r"untolerated taint", Cause.TAINTED),
    (r"were unschedulable", Cause.CORDONED),
    (r"node affinity/selector", Cause.SELECTOR_NO_NODE),
    (r"unbound immediate PersistentVolumeClaims", Cause.CLAIM_PENDING),
    (r'persistentvolumeclaim "[^"]+" not found', Cause.CLAIM_MISSING),
)


def check_scheduling(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield why pods have no node."""
    for pod in snapshot["pods"]:
        if finished(pod) or terminating(pod) or pod["spec"].get("nodeName"):
            continue
        scheduled = condition(pod, "PodScheduled")
        if scheduled.get("status") == "False" and scheduled.get("reason") == "SchedulingGated":
            yield _gated(snapshot, pod)
        elif scheduled.get("status") == "False":
            yield _unschedulable(snapshot, pod, str(scheduled.get("message") or ""))
        elif (
            not scheduled
            and snapshot.age(pod["metadata"].get("creationTimestamp")) > SCHEDULER_DELAY
        ):
            yield _no_scheduler(snapshot, pod)


def _unschedulable(snapshot: Snapshot, pod: Object, message: str) -> Finding:
    message = BOILERPLATE.split(message)[0]
    cause = _cause(message)
    if cause is Cause.TAINTED and _only_cordoned(pod, snapshot["nodes"]):
        cause = Cause.CORDONED
    words, remedy = _explained(snapshot, pod, cause, message)
    events = snapshot.events("Pod", name_of(pod), "FailedScheduling")
    scaling = _autoscaler(snapshot, pod)
    evidence = [f"PodScheduled is False: {clipped(message)}"]
    failed = [] if events and message in str(events[0].get("message")) else events[:1]
    evidence += [snapshot.event_line(each) for each in (*failed, *scaling[:1])]
    coming = bool(scaling) and scaling[0].get("reason") != "NotTriggerScaleUp"
    note = "; an autoscaler is adding a node" if coming else ""
    return Finding(
        cause,
        f"no node takes {pod_words(snapshot, pod)}: {words}{note}",
        (Ref("Pod", name_of(pod)),),
        remedy,
        tuple(evidence),
        _outlook(scaling, coming),
        blames=_blamed(snapshot, pod, cause),
        group=str(snapshot.top(pod)),
    )


def _cause(message: str) -> Cause:
    """Return the one cause that the scheduler names, else UNSCHEDULABLE."""
    parts = _node_reasons(message)
    found = {cause for part in parts for sign, cause in SIGNS if re.search(sign, part)}
    unknown = [part for part in parts if not any(re.search(sign, part) for sign, _ in SIGNS)]
    return found.pop() if len(found) == 1 and not unknown else Cause.UNSCHEDULABLE


def _node_reasons(message: str) -> list[str]:
    """Split `0/3 nodes are available: 1 this, 2 that.` into its reasons."""
    if 'persistentvolumeclaim "' in message or "unbound immediate" in message:
        return [message]
    body = message.partition("nodes are available:")[2] or message
    parts = [each.strip(" .") for each in re.split(r",\s*(?=\d+ )|\.\s", body)]
    named = [each for each in parts if each]
    # A control plane's taint says nothing while other nodes have reasons of their own.
    counted = [each for each in named if CONTROL_PLANE not in each]
    return counted or named


def _explained(snapshot: Snapshot, pod: Object, cause: Cause, message: str) -> tuple[str, str]:
    """Return a description of the cause, and a remedy."""
    nodes = snapshot["nodes"]
    match cause:
        case Cause.INSUFFICIENT_RESOURCES:
            return _too_large(pod, nodes, message)
        case Cause.TAINTED:
            return _taint_words(_untolerated(pod, nodes))
        case Cause.CORDONED:
            names = [name_of(each) for each in nodes if each["spec"].get("unschedulable")]
            cordoned = f"cordoned: {listed(names)}" if names else "its nodes are cordoned"
            return cordoned, f"kubectl uncordon {names[0] if names else 'NODE'}"
        case Cause.SELECTOR_NO_NODE:
            return _no_such_node(pod, nodes)
        case Cause.CLAIM_PENDING | Cause.CLAIM_MISSING:
            return f"it waits for its volume {listed(claims_of(pod))}", ""
    return clipped(message), f"kubectl -n {snapshot.namespace} describe pod {name_of(pod)}"


def _taint_words(taints: list[tuple[str, Object]]) -> tuple[str, str]:
    if not taints:
        return "its nodes have taints that it does not tolerate", "kubectl describe nodes"
    node, taint = taints[0]
    key, effect = taint["key"], taint["effect"]
    text = key + (f"={taint['value']}" if taint.get("value") else "")
    return (
        f"node {node} has the taint {text}:{effect}, which it does not tolerate",
        f"kubectl taint node {node} {key}-    # or tolerations:"
        f" [{{key: {key}, operator: Exists, effect: {effect}}}]",
    )


def _only_cordoned(pod: Object, nodes: list[Object]) -> bool:
    """Whether the only taint is the one that cordoning leaves."""
    return {taint["key"] for _, taint in _untolerated(pod, nodes)} == {CORDON_TAINT}


def _too_large(pod: Object, nodes: list[Object], message: str) -> tuple[str, str]:
    lacking = sorted(set(re.findall(r"Insufficient ([\w./-]+\w)", message)))
    if not lacking:
        return clipped(message), "kubectl describe nodes"
    words = []
    for resource in lacking:
        asked = sum(
            quantity(((each.get("resources") or {}).get("requests") or {}).get(resource, 0))
            for each in pod["spec"]["containers"]
        )
        sizes = [quantity(each["status"].get("allocatable", {}).get(resource, 0)) for each in nodes]
        largest = f", the largest node has {_amount(resource, max(sizes))} in all" if sizes else ""
        words.append(f"it requests {_amount(resource, asked)} of {resource}{largest}")
    return "; ".join(words), "resources: {requests: {cpu: 100m, memory: 64Mi}}    # what it needs"


def _amount(resource: str, number: float) -> str:
    return bytes_text(number) if resource in ("memory", "ephemeral-storage") else f"{number:g}"


def _untolerated(pod: Object, nodes: list[Object]) -> list[tuple[str, Object]]:
    found = []
    for node in nodes:
        for taint in node["spec"].get("taints") or ():
            if taint["effect"] != "PreferNoSchedule" and not _tolerates(pod, taint):
                found.append((name_of(node), taint))
    return found


def _tolerates(pod: Object, taint: Object) -> bool:
    return any(
        each.get("key") in (None, taint["key"])
        and each.get("effect") in (None, taint["effect"])
        and (each.get("operator") == "Exists" or each.get("value") == taint.get("value"))
        for each in pod["spec"].get("tolerations") or ()
    )


def _no_such_node(pod: Object, nodes: list[Object]) -> tuple[str, str]:
    wanted = pod["spec"].get("nodeSelector") or {}
    if not wanted:
        return "no node matches its node affinity", "kubectl get nodes --show-labels"
    have = {name for node in nodes for name in labels_of(node)}
    absent = [name for name in wanted if nodes and name not in have]
    hint = f"; no node has a label {absent[0]}" if absent else ""
    node = name_of(nodes[0]) if nodes else "NODE"
    text = labels_text(wanted)
    return (
        f"no node has the labels {text} of its nodeSelector{hint}",
        f"kubectl label node {node} {text.replace(',', ' ')}    # or another nodeSelector",
    )


def _autoscaler(snapshot: Snapshot, pod: Object) -> list[Object]:
    reasons = ("TriggeredScaleUp", "NotTriggerScaleUp", "Nominated")
    return snapshot.events("Pod", name_of(pod), *reasons)


def _outlook(scaling: list[Object], coming: bool) -> Outlook:
    if coming:
        return Outlook.HELPED
    # Without any sign, an autoscaler may still react: it checks every 10 s.
    return Outlook.STUCK if scaling else Outlook.MAY_HEAL


def _blamed(snapshot: Snapshot, pod: Object, cause: Cause) -> frozenset[Ref]:
    if cause in (Cause.CLAIM_PENDING, Cause.CLAIM_MISSING):
        return frozenset(Ref("PersistentVolumeClaim", name) for name in claims_of(pod))
    if cause is Cause.TAINTED:
        ours = (*NODE_LOST_TAINTS,)
        return frozenset(
            Ref("Node", node)
            for node, taint in _untolerated(pod, snapshot["nodes"])
            if taint["key"] in ours or PRESSURE_TAINT.match(taint["key"])
        )
    return frozenset()


def _gated(snapshot: Snapshot, pod: Object) -> Finding:
    gates = [each["name"] for each in pod["spec"].get("schedulingGates") or ()]
    return Finding(
        Cause.SCHEDULING_GATED,
        f"{pod_words(snapshot, pod)} waits behind its scheduling gate {listed(gates)}",
        (Ref("Pod", name_of(pod)),),
        remedy="the controller that set the gate has to remove it: does it run?",
        evidence=("PodScheduled is False: SchedulingGated",),
        group=str(snapshot.top(pod)),
    )


def _no_scheduler(snapshot: Snapshot, pod: Object) -> Finding:
    name = pod["spec"].get("schedulerName") or "default-scheduler"
    age = _age(snapshot, pod)
    return Finding(
        Cause.NO_SCHEDULER,
        f"no scheduler has looked at {pod_words(snapshot, pod)} in {age:.0f} s:"
        f" it asks for the scheduler {name}",
        (Ref("Pod", name_of(pod)),),
        remedy="schedulerName: default-scheduler" if name != "default-scheduler" else "",
        evidence=(f"schedulerName: {name}; no condition PodScheduled",),
        group=str(snapshot.top(pod)),
    )


def _age(snapshot: Snapshot, pod: Object) -> float:
    return snapshot.age(pod["metadata"].get("creationTimestamp"))
