"""Three circles and one window: whose trouble is named first, and what counts as past."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_k8s_job.cli.diagnose import EXIT_FOUND, run_diagnose
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Ref
from pytest_k8s_job.diagnosis.focus import Diagnosis, diagnose_scope, diagnose_snapshots
from pytest_k8s_job.diagnosis.rules.container_exits import RUN_LABEL, STABLE
from pytest_k8s_job.diagnosis.scope import Circle, Scope
from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot
from pytest_k8s_job.diagnosis.snapshot_reader import PAGE, take_snapshot
from pytest_k8s_job.errors import ClusterError, UsageError
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload
from pytest_k8s_job.wire.target_check import TargetCheckResult
from tests.tool.diagnosis.made import (
    JOB,
    NOW,
    claim,
    deployment,
    event,
    healthy,
    named,
    node,
    pod,
    service,
    snapshot,
    waiting,
)
from tests.tool.diagnosis.noise import stamp
from tests.tool.diagnosis.test_command import Cluster, options

Object = dict[str, Any]
NO_IMAGE = waiting("ErrImageNeverPull", "image is not present with pull policy of Never")
MANY = 2500


def said(kind: str = "deployment", name: str = "api", namespace: str = "demo") -> Target:
    """Return a target of one workload."""
    return Target((Workload(kind, namespace, name, "said by --target"),))


def ended(seconds_ago: float, *, life: float = 3600.0, restarts: int = 1, **more: Any) -> Object:
    """Return the status of a container that ended so long ago, and runs and is ready again."""
    end = NOW - seconds_ago
    last = {"exitCode": 255, "reason": "Error", "startedAt": stamp(end - life)}
    status = {
        "name": "main",
        "ready": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": stamp(end)}},
        "lastState": {"terminated": {**last, "finishedAt": stamp(end)}},
        **more,
    }
    return {"containerStatuses": [status]}


def in_other_namespace(content: Snapshot, namespace: str = "prod") -> Snapshot:
    """Return the snapshot as one of another namespace."""
    return replace(content, namespace=namespace)


def causes(found: Diagnosis) -> tuple[list[Cause], list[Cause]]:
    """Return the causes of run and target, and those of the rest."""
    return [each.cause for each in found.findings], [each.cause for each in found.rest]


# -- circles


def test_the_targets_trouble_comes_first_and_the_rest_last() -> None:
    """A neighbour's trouble stands under the rest, whatever its cause's place in the ranking."""
    owner, other = deployment(replicas=1), deployment("other", replicas=1)
    content = snapshot(
        deployments=[owner, other],
        pods=[
            pod("api-1", owner, **ended(5)),
            pod("other-1", other, **NO_IMAGE),
        ],
    )
    found = diagnose_snapshots([content], Scope("demo", target=said()))
    assert causes(found) == ([Cause.CRASH_LOOP], [Cause.IMAGE_NEVER_PULLED])
    assert [each.circle for each in (*found.findings, *found.rest)] == [Circle.TARGET, Circle.REST]


def test_what_the_target_uses_is_of_its_circle() -> None:
    """The claim of a Redis that the target is configured for is the target's trouble."""
    api, redis = pod("api-1", deployment()), pod("redis-1", deployment("redis"))
    api["spec"]["containers"][0]["env"] = [{"name": "URL", "value": "redis://redis:6379/0"}]
    redis["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    lost = {"name": "d", "persistentVolumeClaim": {"claimName": "lost"}}
    other = pod("other-1", deployment("other"))
    other["spec"]["volumes"] = [lost]
    content = snapshot(
        deployments=[deployment(), deployment("redis"), deployment("other")],
        services=[service("redis")],
        pods=[api, redis, other],
        persistentvolumeclaims=[claim()],
    )
    found = diagnose_snapshots([content], Scope("demo", target=said()))
    assert [each.objects[0].name for each in found.findings] == ["data"]
    assert [each.objects[0].name for each in found.rest] == ["lost"]


def test_a_neighbours_node_is_nobodys_trouble_but_his() -> None:
    """A lost node counts if a pod of the run or the target is on it."""
    other_node = node(Ready="Unknown")
    other_node["metadata"]["name"] = "node-2"
    other = pod("other-1")
    other["spec"]["nodeName"] = "node-2"
    content = snapshot(pods=[pod("api-1"), other], nodes=[node(), other_node])
    found = diagnose_snapshots([content], Scope("demo", target=said("pod", "api-1")))
    assert causes(found) == ([], [Cause.NODE_LOST])
    theirs = diagnose_snapshots([content], Scope("demo", target=said("pod", "other-1")))
    assert causes(theirs) == ([Cause.NODE_LOST], [])


def test_a_link_that_is_shown_brings_the_rest_to_the_front() -> None:
    """What ranking finds as the root of the target's trouble is named, whosever it is."""
    api = pod("api-1", deployment(), **ended(5))
    other = pod("other-1", deployment("other"), **NO_IMAGE)
    content = snapshot(
        deployments=[deployment(replicas=1), deployment("other", readyReplicas=0)],
        services=[service("other")],
        pods=[api, {**other, "status": {**other["status"], "podIP": "10.0.0.2"}}],
    )
    logs = {"api-1/main/previous": "Error 111 connecting to other:80. Connection refused."}
    found = diagnose_snapshots([replace(content, logs=logs)], Scope("demo", target=said()))
    assert causes(found) == ([Cause.IMAGE_NEVER_PULLED], [])
    assert Cause.CRASH_LOOP in {each.cause for each in found.findings[0].effects}


def test_a_dead_service_that_means_the_target_is_the_targets() -> None:
    """A selector with a slip names no pod, and is found by what it is near to; others are not."""
    slip, other = service(), service("other")
    slip["spec"]["selector"] = {"app": "apii"}
    content = snapshot(
        deployments=[deployment()], pods=[pod("api-1", deployment())], services=[slip, other]
    )
    found = diagnose_snapshots([content], Scope("demo", target=said()))
    assert [each.objects[0].name for each in found.findings] == ["api"]
    assert [each.objects[0].name for each in found.rest] == ["other"]


def test_a_target_elsewhere_is_read_and_named_with_its_namespace() -> None:
    """What is wrong in the target's own namespace is found, and says where it is."""
    theirs = in_other_namespace(snapshot(pods=[pod("api-1", **NO_IMAGE), pod("x-1", **NO_IMAGE)]))
    ours = snapshot(jobs=[JOB], pods=[pod("suite-1", JOB), pod("api-1")])
    scope = Scope("demo", frozenset({"suite"}), said("pod", "api-1", "prod"))
    found = diagnose_snapshots([ours, theirs], scope)
    assert [each.objects for each in found.findings] == [(Ref("Pod", "api-1", "prod"),)]
    assert found.findings[0].sentence.startswith("in namespace prod: container main of pod api-1")
    assert [each.objects for each in found.rest] == [(Ref("Pod", "x-1", "prod"),)]


def test_a_namespace_for_the_tests_alone_lacks_nothing() -> None:
    """The target is deployed elsewhere, and still comes up."""
    both = [snapshot(), in_other_namespace(healthy())]
    assert (
        causes(diagnose_snapshots(both, Scope("demo", target=said("deployment", "api", "prod"))))[0]
        == []
    )
    assert causes(diagnose_snapshots(both, Scope("demo")))[0] == [Cause.NOTHING_DEPLOYED]


def test_what_both_namespaces_show_is_told_once() -> None:
    """A node and an API server are the cluster's: one finding, without a namespace."""
    lost = [node(Ready="Unknown")]
    ours, theirs = snapshot(pods=[pod("a-1")], nodes=lost), snapshot(pods=[pod("b-1")], nodes=lost)
    later = replace(theirs, server_time=theirs.server_time + 1)
    scope = Scope("demo", target=said("pod", "b-1", "prod"))
    found = diagnose_snapshots([ours, in_other_namespace(later)], scope)
    assert causes(found) == ([Cause.NODE_LOST], [])
    silent = {"namespace": Refused(0, "connection refused")}
    both = [Snapshot(each, "context made", refused=silent) for each in ("demo", "prod")]
    assert causes(diagnose_snapshots(both, scope)) == ([Cause.API_UNREACHABLE], [])


def test_no_rights_to_the_targets_namespace_are_a_note() -> None:
    """A target that may not be read is no cause of a failure."""
    theirs = Snapshot("prod", refused={"pods": Refused(403, "pods is forbidden")})
    found = diagnose_snapshots([healthy(), theirs], Scope("demo", frozenset({"suite"})))
    assert causes(found) == ([], [])
    assert "pods" in found.notes[0]


# -- other runs


def run_of(name: str, pod_status: Mapping[str, Any]) -> tuple[Object, Object]:
    """Return the failed Job of another run with its pod."""
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = named("Job", name, spec={}, status={"conditions": [failed]})
    job["metadata"]["labels"] = {RUN_LABEL: "1"}
    return job, pod(f"{name}-1", job, **pod_status)


def test_other_runs_are_never_read() -> None:
    """Neither the state nor the log of another run's pod is a cause, even of the same image."""
    job, theirs = run_of("before", NO_IMAGE)
    content = replace(
        snapshot(jobs=[JOB, job], pods=[pod("suite-1", JOB), theirs]),
        logs={"before-1/main": "[Errno -2] Name or service not known: connecting to hello"},
    )
    scope = Scope("demo", frozenset({"suite"}))
    assert diagnose_snapshots([content], scope) == replace(
        diagnose_snapshots([content], scope), findings=(), rest=(), history=()
    )
    own = diagnose_snapshots([content], Scope("demo", frozenset({"before"})))
    assert Cause.IMAGE_NEVER_PULLED in causes(own)[0]


def test_a_run_that_waits_is_named_where_everything_counts() -> None:
    """Without a scope, a run that is not over is part of what is wrong now."""
    job, theirs = run_of("before", NO_IMAGE)
    job["status"] = {"active": 1}
    found = diagnose_snapshots([snapshot(jobs=[job], pods=[theirs])], Scope("demo"))
    assert causes(found) == ([Cause.IMAGE_NEVER_PULLED], [])


# -- the window


@pytest.mark.parametrize(
    ("status", "since", "in_trouble"),
    [
        (ended(STABLE - 5), 0, True),
        (ended(STABLE + 5), 0, False),
        (ended(200, life=150, restarts=3), 0, True),
        (ended(200, life=90, restarts=3), 0, False),
        (ended(200, life=700, restarts=3), 0, False),
        (ended(200, life=150, restarts=2), 0, False),
        (ended(200), 300, True),
        (ended(400), 300, False),
        (ended(5), 3, False),
        (ended(400, state={"waiting": {"reason": "CrashLoopBackOff"}}, ready=False), 300, True),
    ],
)
def test_an_end_counts_now_or_in_the_window(status: Object, since: float, in_trouble: bool) -> None:
    """A loop shows by its count and back-off; in a run's time every end counts, before it none."""
    content = snapshot(pods=[pod(**status)])
    found = diagnose_snapshots([content], Scope("demo", since=since and NOW - since))
    assert causes(found)[0] == ([Cause.CRASH_LOOP] if in_trouble else [])
    assert bool(found.history) is not in_trouble


def test_what_is_past_has_an_age() -> None:
    """A restart in the run's time is a cause with its age, an older one history with its own."""
    content = snapshot(pods=[pod("api-1", **ended(200)), pod("redis-1", **ended(900))])
    found = diagnose_snapshots([content], Scope("demo", since=NOW - 300)).as_json()
    assert [(each["circle"], each["age"]) for each in found["findings"]] == [("target", 200)]
    assert [each["age"] for each in found["history"]] == [900]
    assert found["history"][0]["objects"][0] == {"kind": "Pod", "name": "redis-1"}


def failed_pod(seconds_ago: float, owner: Object | None = None, name: str = "api-9") -> Object:
    """Return a pod that the kubelet has evicted."""
    at = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(NOW - seconds_ago)}
    status = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    return pod(name, owner, **status, conditions=[at], containerStatuses=[])


@pytest.mark.parametrize(("seconds_ago", "since", "named_"), [(20, 0, True), (900, 0, False)])
def test_evicted_pods_are_history_after_a_while(
    seconds_ago: float, since: float, named_: bool
) -> None:
    """An evicted pod that lies about is named right after, and later is history."""
    content = snapshot(pods=[failed_pod(seconds_ago)])
    found = diagnose_snapshots([content], Scope("demo", since=since))
    assert causes(found)[0] == ([Cause.EVICTED] if named_ else [])
    assert [each.sentence for each in found.history] == (
        [] if named_ else ["pod api-9 failed: Evicted"]
    )


def test_an_eviction_in_the_runs_time_counts_though_it_was_mended() -> None:
    """A pod of the target that was evicted while it was tested is a cause."""
    owner = deployment(replicas=1)
    content = snapshot(deployments=[owner], pods=[pod("api-1", owner), failed_pod(100, owner)])
    scope = Scope("demo", target=said(), since=NOW - 300)
    assert causes(diagnose_snapshots([content], scope))[0] == [Cause.EVICTED]
    assert causes(diagnose_snapshots([content], replace(scope, since=NOW - 50)))[0] == []


def test_old_log_lines_of_a_ready_container_explain_nothing() -> None:
    """A name that was not resolved before a restart of long ago is no missing Service."""
    line = "[Errno -2] Name or service not known: connecting to hello"
    content = replace(
        snapshot(pods=[pod("api-1", **ended(900))]), logs={"api-1/main/previous": line}
    )
    assert causes(diagnose_snapshots([content], Scope("demo"))) == ([], [])
    in_time = diagnose_snapshots([content], Scope("demo", since=NOW - 1000))
    assert Cause.SERVICE_MISSING in causes(in_time)[0]


def test_events_of_an_earlier_pod_of_the_name_do_not_count() -> None:
    """The pod of a StatefulSet has the name of the one before it, but not its events."""
    state = {"running": {"startedAt": stamp(NOW - 9)}}
    probed = pod("api-0", containerStatuses=[{"name": "main", "state": state, "ready": False}])
    probed["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 1}}
    old = event("Pod", "api-0", "Unhealthy", "Readiness probe failed: no")
    content = snapshot(pods=[probed], events=[old])
    assert causes(diagnose_snapshots([content], Scope("demo")))[0] == [Cause.NOT_READY]
    old["involvedObject"]["uid"] = "of the one before"
    assert causes(diagnose_snapshots([content], Scope("demo")))[0] == []


# -- reading


class Paged:
    """A cluster with many pods and events, which answers page by page; `logs` notes whose it read,
    and `read_paths` all that was asked for.

    With `expires`, no second page can be had.
    """

    server = "https://server"

    def __init__(self, *, expires: bool = False, pods: list[Object] | None = None) -> None:
        self.expires = expires
        self.pods = pods or [pod(f"other-{number}") for number in range(MANY)]
        self.logs: list[str] = []
        self.read_paths: list[str] = []

    def describe(self) -> str:
        """Name itself."""
        return "context made"

    def read(self, path: str, _accept: str) -> tuple[bytes, float]:
        """Return a page of pods, or the log of one."""
        self.read_paths.append(path)
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/log"):
            self.logs.append(parts.path.split("/")[-2])
            return b"a line", NOW
        if not parts.path.endswith("/namespaces/demo/pods"):
            return json.dumps({"metadata": {"name": "demo"}}).encode(), NOW
        begin, size = int(query.get("continue", 0)), int(query["limit"]) or MANY
        if begin and self.expires:
            raise ClusterError("the provided continue parameter is too old", 410)
        end = begin + size
        more = str(end) if end < len(self.pods) else ""
        body = {"items": self.pods[begin:end], "metadata": {"continue": more}}
        return json.dumps(body).encode(), NOW


@pytest.mark.parametrize("expires", [False, True])
def test_all_pages_are_read(expires: bool) -> None:
    """More objects than one answer holds are all there, even if the list changes meanwhile."""
    assert MANY > 2 * PAGE
    read = take_snapshot(Paged(expires=expires), "demo")
    assert [each["metadata"]["name"] for each in read["pods"]] == [
        f"other-{number}" for number in range(MANY)
    ]
    assert "pods" not in read.refused


def test_logs_are_read_of_the_targets_pods_first() -> None:
    """However many neighbours crash, the target's log is read; other runs' logs never are."""
    loop = ended(400, state={"waiting": {"reason": "CrashLoopBackOff"}}, ready=False)
    job, theirs = run_of("before", loop)
    crowd = [theirs, *(pod(f"other-{number}", **loop) for number in range(30))]
    theirs["metadata"]["labels"] = {RUN_LABEL: "1"}
    cluster = Paged(pods=[*crowd, pod("api-1", **loop)])
    diagnose_scope(cluster, Scope("demo", target=said("pod", "api-1")))
    assert "api-1" in cluster.logs
    assert "before-1" not in cluster.logs
    assert job["metadata"]["name"] == "before"


def test_one_snapshot_for_each_namespace() -> None:
    """However many workloads the target has, a namespace is read once."""
    cluster = Paged(pods=[pod("api-1")])
    workloads = tuple(Workload("deployment", "prod", f"w-{number}", "said") for number in range(9))
    diagnose_scope(cluster, Scope("demo", target=Target(workloads)))
    read = [urlsplit(path).path.removeprefix("/api/v1/namespaces") for path in cluster.read_paths]
    assert (read.count("/demo/pods"), read.count("/prod/pods")) == (1, 1)
    assert (
        sum(path.endswith("/namespaces/demo/pods?limit=1000") for path in cluster.read_paths) == 1
    )
    assert (
        sum(path.endswith("/namespaces/prod/pods?limit=1000") for path in cluster.read_paths) == 1
    )


# -- a failed check of the target


def test_the_service_of_a_failed_check_is_the_targets() -> None:
    """What the run could not reach is named, without a word of the user."""
    check = TargetCheckResult("http://api.demo.svc/", "connect", "connection refused")
    content = snapshot(
        [check], pods=[pod(**NO_IMAGE), pod("other-1", **NO_IMAGE)], services=[service()]
    )
    found = diagnose_snapshots([content], Scope("demo", frozenset({"suite"})))
    assert Ref("Target", check.url) in found.findings[0].about


# -- the command


def test_history_stands_below_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing wrong now is exit code 0; what was is listed below, the newest first."""
    well = snapshot(
        pods=[pod("api-1", **ended(900)), pod("redis-1", **ended(7200)), failed_pod(10800)]
    )
    cluster = Cluster(replace(well, server_time=NOW))
    assert run_diagnose(cluster, options()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nothing is wrong in namespace demo of context made"
    heading = lines.index("earlier:")
    assert ["Pod api-1 restarted once" in lines[heading + 1], len(lines)] == [True, heading + 4]


def test_a_target_narrows_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With --target others' trouble is listed elsewhere, and is no failure."""
    content = snapshot(pods=[pod("api-1"), pod("other-1", **NO_IMAGE)])
    assert run_diagnose(Cluster(content), options(target=["pod/api-1"])) == 0
    text = capsys.readouterr().out
    assert text.startswith("nothing is wrong with pod/api-1 in namespace demo")
    assert "elsewhere in the namespace:\n  container main of pod other-1: the image" in text
    assert run_diagnose(Cluster(content), options(target=["pod/other-1"])) == EXIT_FOUND
    assert run_diagnose(Cluster(content), options()) == EXIT_FOUND


def test_a_target_that_is_not_there_is_a_users_mistake() -> None:
    """A word of --target that names nothing is refused, with the place that was looked in."""
    with pytest.raises(UsageError, match="nothing of that name is in namespace demo"):
        run_diagnose(Cluster(healthy()), options(target=["deployment/apo"]))


def test_json_has_all_three(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read findings, rest and history, each finding with its circle."""
    content = snapshot(pods=[pod("api-1", **NO_IMAGE), pod("other-1", **NO_IMAGE)])
    run_diagnose(Cluster(content), options(target=["pod/api-1"], json=True))
    found = json.loads(capsys.readouterr().out)
    assert [each["circle"] for each in found["findings"]] == ["target"]
    assert [each["circle"] for each in found["rest"]] == ["rest"]
    assert found["history"] == []


def test_a_finding_of_now_has_no_age() -> None:
    """Only what is past has an age."""
    now = Finding(Cause.UNKNOWN, "odd", (Ref("Pod", "x"),))
    assert "age" not in now.as_json(NOW)
    assert replace(now, at=NOW - 5).as_json(NOW)["age"] == 5
