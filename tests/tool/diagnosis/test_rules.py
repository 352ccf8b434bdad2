"""Single rules on snapshots made by hand: what they say, and where they keep silent."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.cluster.text import bytes_text, clipped, listed, quantity
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.finding import Finding as Found
from pytest_k8s_job.diagnosis.ranking import rank
from pytest_k8s_job.diagnosis.rules.access import notes
from pytest_k8s_job.diagnosis.rules.network_policies import suspects
from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot
from pytest_k8s_job.wire.target_check import TargetCheckResult
from tests.tool.diagnosis.made import (
    CALLER,
    JOB,
    TIMED_OUT,
    UNREADY,
    URL,
    deployment,
    event,
    healthy,
    named,
    node,
    pod,
    policy,
    service,
    snapshot,
)

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


def unscheduled(message: str) -> dict[str, Any]:
    """Return a pod that the scheduler has put off with a message."""
    made = pod("suite-1", JOB, conditions=[{**UNSCHEDULABLE, "message": message}])
    del made["spec"]["nodeName"]
    made["status"]["containerStatuses"] = []
    return made


def only(content: Snapshot) -> Finding:
    """Return the one finding of a snapshot."""
    found = diagnose(content)
    assert len(found) == 1, [each.sentence for each in found]
    return found[0]


# -- scheduling


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("0/3 nodes are available: 3 Insufficient memory.", Cause.INSUFFICIENT_RESOURCES),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).",
            Cause.UNSCHEDULABLE,
        ),
        (
            "0/2 nodes are available: 1 node(s) had untolerated taint"
            " {node-role.kubernetes.io/control-plane: }, 1 Insufficient cpu.",
            Cause.INSUFFICIENT_RESOURCES,
        ),
        (
            "0/1 nodes are available: 1 node(s) had a volume elsewhere.",
            Cause.UNSCHEDULABLE,
        ),
    ],
)
def test_a_cause_is_named_only_if_it_is_the_only_one(message: str, cause: Cause) -> None:
    """With different reasons on different nodes no single one is called the cause."""
    assert only(snapshot(jobs=[JOB], pods=[unscheduled(message)])).cause is cause


def test_the_taint_of_a_cordon_is_a_cordon() -> None:
    """Whether the scheduler names the cordon or the taint that comes with it, it is a cordon."""
    cordoned = node()
    cordoned["spec"] = {
        "unschedulable": True,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
    }
    waiting = unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint(s).")
    found = only(snapshot(jobs=[JOB], pods=[waiting], nodes=[cordoned]))
    assert found.cause is Cause.CORDONED
    assert found.remedy == "kubectl uncordon node-1"


@pytest.mark.parametrize(
    ("reason", "outlook"),
    [
        ("TriggeredScaleUp", Outlook.HELPED),
        ("NotTriggerScaleUp", Outlook.STUCK),
        ("", Outlook.MAY_HEAL),
    ],
)
def test_an_autoscaler_changes_the_outlook(reason: str, outlook: Outlook) -> None:
    """An autoscaler that adds a node is waited for, one that will not is not."""
    events = [event("Pod", "suite-1", reason, "pod ...")] if reason else []
    waiting = unscheduled("0/1 nodes are available: 1 Insufficient cpu.")
    assert only(snapshot(jobs=[JOB], pods=[waiting], events=events)).outlook is outlook


# -- containers


def crashed(seconds_ago: int, code: int = 1) -> dict[str, Any]:
    """Return the status of a container that was restarted and runs since `seconds_ago`."""
    began = f"2026-01-01T12:00:{60 - seconds_ago:02}Z" if seconds_ago else "2026-01-01T12:01:00Z"
    ended = {"exitCode": code, "reason": "Error", "startedAt": began, "finishedAt": began}
    status = {
        "name": "main",
        "ready": True,
        "restartCount": 1,
        "state": {"running": {"startedAt": began}},
        "lastState": {"terminated": ended},
    }
    return {"containerStatuses": [status]}


def test_a_container_between_two_crashes_counts_as_crashing() -> None:
    """A moment of running does not hide a crash loop."""
    assert only(snapshot(pods=[pod(**crashed(5))])).cause is Cause.CRASH_LOOP


def test_a_container_that_has_recovered_is_fine() -> None:
    """A restart that is past, and after which the container runs well, is no finding."""
    assert diagnose(snapshot(pods=[pod(**crashed(55))])) == []


def test_a_crash_is_the_fault_of_the_service_that_its_log_names() -> None:
    """A worker that cannot reach Redis is an effect of what is wrong with Redis."""
    content = snapshot(
        pods=[pod("worker-1", **crashed(5))],
        deployments=[deployment("redis"), deployment("worker")],
        services=[service("redis")],
    )
    content["deployments"][0]["spec"]["replicas"] = 0
    logs = {"worker-1/main/previous": "Error 111 connecting to redis:6379. Connection refused."}
    found = only(Snapshot.from_json({**content.as_json(), "logs": logs}))
    assert found.cause is Cause.SCALED_TO_ZERO
    assert [each.cause for each in found.effects] == [Cause.NO_ENDPOINTS, Cause.CRASH_LOOP]


def test_a_crash_that_names_no_service_stands_alone() -> None:
    """Nothing is blamed that the log does not complain of."""
    content = snapshot(
        pods=[pod("worker-1", **crashed(5))],
        deployments=[deployment("redis"), deployment("worker")],
        services=[service("redis")],
    )
    content["deployments"][0]["spec"]["replicas"] = 0
    logs = {"worker-1/main/previous": "ZeroDivisionError: division by zero"}
    found = diagnose(Snapshot.from_json({**content.as_json(), "logs": logs}))
    assert {each.cause for each in found} == {Cause.SCALED_TO_ZERO, Cause.CRASH_LOOP}


@pytest.mark.parametrize(("code", "found"), [(1, []), (5, []), (10, []), (137, [Cause.SIGKILL])])
def test_failed_tests_are_no_trouble(code: int, found: list[Cause]) -> None:
    """A Job whose tests failed has done its work; one that was killed has not."""
    status = {"name": "main", "state": {"terminated": {"exitCode": code, "reason": "Error"}}}
    run = pod("suite-1", JOB, phase="Failed", containerStatuses=[status])
    run["spec"]["restartPolicy"] = "Never"
    run["spec"]["containers"][0]["command"] = ["python", "-m", "pytest_k8s_job.pod.agent"]
    content = snapshot(jobs=[JOB], pods=[run])
    assert [each.cause for each in diagnose(content)] == found


# -- network policies


def test_a_closed_way_is_a_suspect() -> None:
    """A policy without a rule for the caller is named, and what would permit it is not."""
    content = snapshot(networkpolicies=[policy("deny-all", policyTypes=["Ingress", "Egress"])])
    assert suspects(content, CALLER, pod(), 8080) == [
        "deny-all (egress of suite-1)",
        "deny-all (ingress of api-1)",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"from": [{"podSelector": {"matchLabels": {"app": "suite"}}}]},
        {"from": [{"namespaceSelector": {}}], "ports": [{"port": "http"}]},
        {"ports": [{"port": 8000, "endPort": 8100}]},
        {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    ],
)
def test_a_rule_that_permits_clears_the_policy(rule: dict[str, Any]) -> None:
    """One rule that lets the caller through is enough."""
    content = snapshot(networkpolicies=[policy("some", policyTypes=["Ingress"], ingress=[rule])])
    assert suspects(content, CALLER, pod(), 8080) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"from": [{"podSelector": {"matchLabels": {"app": "other"}}}]},
        {"from": [{"namespaceSelector": {"matchLabels": {"team": "x"}}}]},
        {"ports": [{"port": 9090}]},
    ],
)
def test_a_rule_for_others_does_not(rule: dict[str, Any]) -> None:
    """A rule for other callers or ports leaves the policy suspect."""
    content = snapshot(networkpolicies=[policy("some", policyTypes=["Ingress"], ingress=[rule])])
    assert suspects(content, CALLER, pod(), 8080) == ["some (ingress of api-1)"]


def test_a_refused_connection_is_not_the_work_of_a_policy() -> None:
    """Policies drop what they forbid; they do not refuse it."""
    look = TargetCheckResult(URL, "connect", "connection refused", pod="suite-1")
    content = snapshot(
        [look],
        jobs=[JOB],
        pods=[CALLER, pod()],
        services=[service()],
        networkpolicies=[policy("deny-all", policyTypes=["Ingress"])],
    )
    assert only(content).cause is Cause.CONNECTION_REFUSED


def test_a_timeout_without_policies_is_only_a_timeout() -> None:
    """Without a policy that forbids it, nothing is suspected."""
    content = snapshot([TIMED_OUT], jobs=[JOB], pods=[CALLER, pod()], services=[service()])
    assert only(content).cause is Cause.CONNECTION_TIMEOUT


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("Timeout connecting to redis:6379: timed out", Cause.NETWORK_POLICY),
        ("Error 111 connecting to redis:6379. Connection refused.", Cause.CRASH_LOOP),
        ("Timeout connecting to elsewhere:6379: timed out", Cause.CRASH_LOOP),
    ],
)
def test_a_crash_after_a_time_out_is_put_down_to_the_policy(line: str, cause: Cause) -> None:
    """A worker that times out on the way to a Redis that is well is kept from it by a policy."""
    content = snapshot(
        pods=[pod("worker-1", **crashed(5)), pod("redis-1")],
        services=[service("redis")],
        networkpolicies=[policy("deny-all", policyTypes=["Ingress"])],
    )
    logs = {"worker-1/main/previous": line}
    found = only(Snapshot.from_json({**content.as_json(), "logs": logs}))
    assert found.cause is cause
    expected = [Cause.CRASH_LOOP] if cause is Cause.NETWORK_POLICY else []
    assert [each.cause for each in found.effects] == expected


# -- what cannot be read


def test_without_rights_to_less_important_things_the_rest_is_told() -> None:
    """What may not be read is left out, and a note says so."""
    content = healthy().as_json()
    del content["objects"]["nodes"], content["objects"]["events"]
    refused = {"nodes": Refused(403, "no"), "events": Refused(403, "no")}
    partial = Snapshot.from_json({**content, "refused": {k: vars(v) for k, v in refused.items()}})
    assert diagnose(partial) == []
    assert notes(partial) == ["not checked, because the right to read is missing: nodes, events"]


def test_events_that_may_not_be_read_are_named() -> None:
    """Nothing says why a pod does not start, where what says it may not be read."""
    waiting = pod(phase="Pending", containerStatuses=[], conditions=UNREADY)
    content = snapshot(pods=[waiting]).as_json()
    assert only(Snapshot.from_json(content)).sentence.endswith(", and nothing says why")
    del content["objects"]["events"]
    refused = {"events": vars(Refused(403, "no"))}
    found = only(Snapshot.from_json({**content, "refused": refused}))
    assert found.sentence.endswith("which may say why, could not be read: list events in demo")


def test_nothing_is_said_to_be_missing_that_could_not_be_read() -> None:
    """Without the right to list claims, no claim is called missing."""
    mounting = pod()
    mounting["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    content = snapshot(pods=[mounting]).as_json()
    assert only(Snapshot.from_json(content)).cause is Cause.CLAIM_MISSING
    del content["objects"]["persistentvolumeclaims"]
    assert diagnose(Snapshot.from_json(content)) == []


# -- ranking and text


def chained(cause: Cause, kind: str, *blames: str) -> Found:
    """Return a finding about an object of `kind` that blames others."""
    refs = frozenset(Ref(each, "x") for each in blames)
    return Found(cause, f"{kind} is broken", (Ref(kind, "x"),), blames=refs)


def test_a_chain_is_one_finding() -> None:
    """What explains the rest comes first, and the rest stands under it, nearest first."""
    found = rank(
        [
            chained(Cause.CRASH_LOOP, "Worker", "Service"),
            chained(Cause.NO_ENDPOINTS, "Service", "Pod"),
            chained(Cause.CLAIM_PENDING, "Pod", "Claim"),
            chained(Cause.STORAGE_CLASS_MISSING, "Claim"),
        ]
    )
    assert [each.objects[0].kind for each in found] == ["Claim"]
    assert [each.objects[0].kind for each in found[0].effects] == ["Pod", "Service", "Worker"]


def test_a_circle_has_a_beginning() -> None:
    """Two things that blame each other are one finding, and none is lost."""
    found = rank([chained(Cause.CRASH_LOOP, "A", "B"), chained(Cause.NOT_READY, "B", "A")])
    assert [each.objects[0].kind for each in found] == ["A"] or len(found) == 1
    assert len(found[0].effects) == 1


def test_replicas_are_told_once() -> None:
    """Pods of one workload with one cause are one finding, with their number."""
    each = [
        Found(Cause.OOM_KILLED, f"pod api-{n} died", (Ref("Pod", f"api-{n}"),), group="api main")
        for n in (1, 2, 3)
    ]
    assert [found.sentence for found in rank(each)] == ["pod api-1 died (and 2 more of its pods)"]


def test_other_namespaces_services_are_other_services() -> None:
    """A name in another namespace is not the Service of the same name here."""
    elsewhere = named("Service", "redis", spec={})
    assert Ref("Service", "redis", "other") != Ref("Service", elsewhere["metadata"]["name"])


def test_numbers_and_words() -> None:
    """Quantities, sizes and lists read as people write them."""
    assert quantity("100m") == pytest.approx(0.1)
    assert quantity("1Gi") == 2**30
    assert quantity("nonsense") == 0
    assert bytes_text("64Mi") == "64 MiB"
    assert bytes_text(2**20 * 3) == "3 MiB"
    assert listed("abcdef", 4) == "a, b, c, d and 2 more"
    assert clipped("a\nb  c") == "a b c"
    assert clipped("x" * 300).endswith("x ...")
