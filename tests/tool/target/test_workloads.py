"""Workloads as the API server describes them: their pods and their revision."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_k8s_job.target.model import Restart, Workload
from pytest_k8s_job.target.workloads import is_live, owner_of, pod_of, workload_of
from tests.tool.target.objects import (
    BEGIN,
    IMAGE,
    NEWER_IMAGE,
    Object,
    daemon,
    deployment,
    made,
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


@pytest.mark.parametrize(
    ("owner", "above", "made_by"),
    [
        ("", "", ("pod", "p")),
        ("Node/node-1", "", ("pod", "p")),
        ("Job/run", "", None),
        ("StatefulSet/db", "", ("statefulset", "db")),
        ("DaemonSet/agent", "", ("daemonset", "agent")),
        ("CloneSet/web", "", ("cloneset", "web")),
        ("ReplicaSet/web-a1", "Deployment/web", ("deployment", "web")),
        ("ReplicaSet/web-a1", "Rollout/web", ("rollout", "web")),
        ("ReplicaSet/web-a1", "", ("replicaset", "web-a1")),
    ],
)
def test_the_maker_of_a_pod(owner: str, above: str, made_by: tuple[str, str] | None) -> None:
    """What stands above a ReplicaSet counts; a bare or static pod makes itself."""
    found = owner_of(pod("p", owner, version="a1"), state(replicaset("web-a1", owner=above)))
    assert found == made_by


def test_the_maker_without_replicasets() -> None:
    """Where they may not be read, the name without the hash is the Deployment's."""
    assert owner_of(pod("p", "ReplicaSet/web-a1", version="a1"), state()) == ("deployment", "web")
    assert owner_of(pod("p", "ReplicaSet/web-a1"), state()) == ("replicaset", "web-a1")


def test_only_the_controller_makes_a_pod() -> None:
    """Another owner only keeps it from being left over."""
    one = pod("p", "StatefulSet/db")
    link = {"kind": "Widget", "name": "w", "controller": False}
    one["metadata"]["ownerReferences"].insert(0, link)
    assert owner_of(one, state()) == ("statefulset", "db")


def test_what_is_kept_of_a_pod() -> None:
    """Hash, age, readiness, address, image digests and its newest end."""
    kept = pod_of(pod("p", version="a1", ready=False, age=60, ended=5, restarts=2))
    assert (kept.namespace, kept.name, kept.version) == ("shop", "p", "a1")
    assert (kept.created, kept.ready, kept.address) == (BEGIN - 60, False, "10.0.0.1")
    assert kept.images == {("web", IMAGE.partition("@")[2])}
    assert kept.restarts == (Restart("web", 2, BEGIN + 5, "Error"),)
    pending = made("Pod", "p", status={"phase": "Pending"})
    assert (pod_of(pending).images, pod_of(pending).address) == (frozenset(), "")
    assert pod_of(pod("p", ready=True)).ready


def test_the_newest_end_of_a_container_is_kept() -> None:
    """One that has ended just now comes before the one before that."""
    ended = pod("p", ended=5)
    ended["status"]["containerStatuses"][0]["state"] = {"terminated": {"finishedAt": None}}
    assert pod_of(ended).restarts == (Restart("web", 0, 0.0, "ended"),)
    ended["status"]["containerStatuses"][0]["state"] = {"running": {}}
    assert pod_of(ended).restarts == (Restart("web", 0, BEGIN + 5, "Error"),)


@pytest.mark.parametrize(
    ("phase", "live"),
    [("Running", True), ("Pending", True), ("Succeeded", False), ("Failed", False)],
)
def test_a_finished_pod_is_none(phase: str, live: bool) -> None:
    """Evicted and completed pods lie about for days."""
    assert is_live(pod("p", phase=phase)) is live
    found = workload_of(
        state(deployment(), pod("p", "ReplicaSet/web-a1", version="a1", phase=phase)),
        ("deployment", "web"),
        "",
    )
    assert found is not None
    assert len(found.pods) == live
    assert (workload_of(state(pod("p", phase=phase)), ("pod", "p"), "") is not None) is live


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
    unknown = stateful(updateRevision=None)
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
