"""Workloads as the API server describes them: their pods and their revision."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_k8s_job.target.workload import Workload
from pytest_k8s_job.target.workloads import workload_of
from tests.tool.target.objects import (
    BEGIN,
    NEWER_IMAGE,
    Object,
    daemon,
    deployment,
    pod,
    replicaset,
    state,
    stateful,
    web,
)


def workload(*objects: Object, kind: str = "deployment", name: str = "web") -> Workload:
    """Return the workload that was read."""
    found = workload_of(state(*objects), (kind, name), "said")
    assert found is not None
    return found


def named(kind: str, name: str, *objects: Object) -> Workload:
    """Return the workload of this kind and name."""
    return workload(*objects, kind=kind, name=name)


def changed(obj: Object, *path: Any, to: object) -> Object:
    """Return a copy of the object with one field changed."""
    copied = copy.deepcopy(obj)
    place = copied
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = to
    return copied


ENV = ("spec", "template", "spec", "containers", 0, "env", 0, "value")
ANNOTATIONS = ("spec", "template", "metadata", "annotations")


def test_a_pod_that_is_being_deleted_is_none() -> None:
    """It is on its way out, of whatever kind it is."""
    going = pod("p", deletionTimestamp="2027-01-15T08:00:00Z")
    assert workload_of(state(going), ("pod", "p"), "") is None


def test_a_workload_that_is_not_there_is_none() -> None:
    """Neither its object nor a pod of it was read."""
    assert workload_of(state(*web()), ("deployment", "wbe"), "") is None
    assert workload_of(state(*web()), ("statefulset", "web"), "") is None


def test_a_deployment() -> None:
    """Its newest ReplicaSet is the one with its number; the times are the server's."""
    old = replicaset("web-z9", number=1, replicas=0, age=7200)
    found = workload(*web(pods=2, number=2), old)
    assert str(found) == "deployment/web"
    assert (found.current, found.number, found.wanted) == ("a1", "2", 2)
    assert found.changed == BEGIN - 3000
    assert [each.name for each in found.pods] == ["web-a1-0", "web-a1-1"]
    assert found.selector == {("app", "web")}
    assert workload(deployment(rolled=-9000), replicaset("web-a1", age=60)).changed == BEGIN - 60


def test_the_replicaset_of_a_deployment_has_its_number() -> None:
    """After a rollback it is an older one; before the controller saw a rollout there is none."""
    sets = [replicaset(f"web-{it}", number=n) for it, n in (("z9", 1), ("b2", 2), ("a1", 3))]
    other = replicaset("api-a1", owner="Deployment/api", number=2)
    assert workload(other, deployment(number=2), *sets).current == "b2"
    assert workload(deployment(number=4), *sets).current == ""
    new = deployment()
    new["metadata"]["annotations"] = None
    assert (workload(new, *sets).number, workload(new, *sets).current) == ("", "")
    bare = replicaset("web-n1")
    bare["metadata"]["annotations"] = None
    assert workload(new, bare).current == "n1"


def test_a_deployment_that_may_not_be_read() -> None:
    """Its youngest ReplicaSet with pods is the newest; two of them are no canary."""
    sets = [replicaset("web-z9", age=600), replicaset("web-b2", age=60), *web()[2:]]
    found = workload(*sets, replicaset("web-a1", age=30, replicas=0))
    assert (found.current, found.template, found.note) == ("b2", "", "")


def test_hashes_are_not_of_the_content() -> None:
    """A ReplicaSet's template carries its own; a selector may hold no labels."""
    sets = [replicaset(f"web-{it}", owner="") for it in ("a1", "b2")]
    sets[1]["spec"]["selector"] = {"matchExpressions": []}
    one, two = (workload(*sets, kind="replicaset", name=f"web-{it}") for it in ("a1", "b2"))
    assert one.template == two.template
    assert two.selector == frozenset()


def test_no_old_replicasets_matter() -> None:
    """With `revisionHistoryLimit: 0` there are none, and the revision is the same."""
    old = replicaset("web-z9", number=1, replicas=0)
    assert workload(*web(number=2), old).revision == workload(*web(number=2)).revision


@pytest.mark.parametrize(
    "again",
    [
        web(),
        web(pods=3),
        web(number=7),
        web(version="b2"),
        [
            changed(deployment(), *ANNOTATIONS, to={"kubectl.kubernetes.io/restartedAt": "now"}),
            *web()[1:],
        ],
        [changed(deployment(), "metadata", "annotations", "rollme", to="x"), *web()[1:]],
        [changed(deployment(), "metadata", "generation", to=9), *web()[1:]],
        [changed(deployment(), "spec", "replicas", to=9), *web()[1:]],
    ],
    ids=["again", "scaled", "number", "hash", "restarted", "rollme", "generation", "wanted"],
)
def test_the_same_content_is_the_same_revision(again: list[Object]) -> None:
    """Applied again, scaled, restarted, rolled back: the content counts."""
    assert workload(*again).revision == workload(*web()).revision


@pytest.mark.parametrize(
    "other",
    [
        [changed(deployment(), *ENV, to="2"), *web()[1:]],
        [changed(deployment(), *ANNOTATIONS, to={"rollme": "x"}), *web()[1:]],
        [
            changed(deployment(), *ANNOTATIONS[:-1], "labels", to={"app": "web", "tier": "x"}),
            *web()[1:],
        ],
        [*web()[:2], pod("p", "ReplicaSet/web-a1", version="a1", image=NEWER_IMAGE)],
    ],
    ids=["env", "annotation", "label", "image"],
)
def test_other_content_is_another_revision(other: list[Object]) -> None:
    """The template, and the image that a moved tag means now."""
    assert workload(*other).revision != workload(*web()).revision


def test_a_statefulset() -> None:
    """Its hash and its number are the revision that its controller updates to."""
    one = pod("db-0", "StatefulSet/db", app="db", labels={"controller-revision-hash": "db-1"})
    found = workload(stateful(replicas=1), one, kind="statefulset", name="db")
    assert (found.current, found.number, found.wanted, found.changed) == ("db-1", "db-1", 1, 0.0)
    assert found.pods[0].version == "db-1"
    paused = workload(stateful(partition=1), one, kind="statefulset", name="db")
    assert paused.note == "partition 1"
    unknown = stateful(updateRevision=None)
    assert workload(unknown, one, kind="statefulset", name="db").number == ""
    new = stateful() | {"status": None}
    assert workload(new, one, kind="statefulset", name="db").current == ""
    assert workload(unknown, one, kind="statefulset", name="db").current == ""


def test_a_daemonset() -> None:
    """Its hash is that of its newest pod, its number counts its templates."""
    pods = [
        pod(name, "DaemonSet/agent", app="agent", age=age, labels={"controller-revision-hash": it})
        for name, age, it in (("agent-1", 60, "b2"), ("agent-2", 3600, "a1"))
    ]
    found = workload(daemon(number=4), *pods, kind="daemonset", name="agent")
    assert (found.current, found.number, found.wanted) == ("b2", "4", 2)
    assert workload(daemon(), kind="daemonset", name="agent").current == ""


def test_a_bare_pod() -> None:
    """It is its own only pod; neither node nor the volume of its token is of its content."""
    first = pod("p", age=60)
    token = {"name": "kube-api-access-t4rxs", "projected": {"sources": []}}
    first["spec"]["containers"][0]["command"] = ["python"]
    first["spec"] |= {"nodeName": "node-1", "volumes": [token, {"name": "data", "emptyDir": {}}]}
    again = copy.deepcopy(first)
    again["spec"] |= {"nodeName": "node-2"}
    again["spec"]["volumes"][0]["name"] = "kube-api-access-hs2sv"
    one, two = named("pod", "p", first), named("pod", "p", again)
    assert (one.wanted, one.current, one.number, one.note) == (1, "", "", "")
    assert [each.name for each in one.pods] == ["p"]
    assert one.selector == frozenset()
    assert one.revision == two.revision
    again["spec"]["volumes"][1]["name"] = "other"
    assert named("pod", "p", again).revision != one.revision


def test_a_replicaset_by_itself() -> None:
    """It is a workload where nothing stands above it."""
    one = pod("web-a1-x", "ReplicaSet/web-a1", version="a1")
    found = named("replicaset", "web-a1", replicaset("web-a1", owner="", age=60), one)
    assert (found.current, found.number, found.wanted) == ("a1", "web-a1", 1)
    assert found.changed == BEGIN - 60
    assert found.selector == {("app", "web"), ("pod-template-hash", "a1")}
    assert [each.name for each in found.pods] == ["web-a1-x"]


def test_a_template_without_metadata() -> None:
    """A label or an annotation that is not there is no difference to an empty one."""
    one, two = stateful(), stateful()
    one["spec"]["template"]["metadata"] = None
    two["spec"]["template"]["metadata"] = {
        "labels": {},
        "annotations": {},
        "creationTimestamp": None,
    }
    assert named("statefulset", "db", one).revision == named("statefulset", "db", two).revision
