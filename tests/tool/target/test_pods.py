"""Pods as the API server describes them: what made each, and what is kept of it."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.pods import is_live, maker_of, owner_of, pod_of
from pytest_k8s_job.target.workload import Restart
from tests.tool.target.objects import BEGIN, IMAGE, at, made, pod, replicaset, state


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
    del one["metadata"]["ownerReferences"][0]["controller"]  # then it may be one
    assert owner_of(one, state()) == ("widget", "w")


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
    assert is_live(made("Pod", "p"))


def test_the_maker_of_an_object() -> None:
    """A ReplicaSet has at most one."""
    assert maker_of(replicaset("web-a1", owner="Rollout/web")) == ("rollout", "web")
    assert maker_of(replicaset("web-a1", owner="")) is None


def test_a_pod_of_which_little_is_known() -> None:
    """It was created in this moment, or its container waits for its image."""
    new = pod_of(made("Pod", "p"))
    assert (new.ready, new.address, new.images, new.restarts) == (False, "", frozenset(), ())
    waiting = made("Pod", "p", status={"containerStatuses": [{"name": "web", "imageID": ""}]})
    assert (pod_of(waiting).images, pod_of(waiting).restarts) == (frozenset(), ())
    ended = {"name": "web", "state": {"terminated": {"reason": "Error", "finishedAt": at(1)}}}
    dead = pod_of(made("Pod", "p", status={"containerStatuses": [ended]}))
    assert dead.restarts == (Restart("web", 0, BEGIN + 1, "Error"),)
