"""Workloads whose own object is not read: known by their ReplicaSets and pods."""

from __future__ import annotations

import pytest

from tests.tool.target.objects import BEGIN, Object, pod, replicaset, web
from tests.tool.target.test_workloads import named


def rollout(*versions: tuple[str, int, float]) -> list[Object]:
    """Return an Argo Rollout's ReplicaSets with (hash, replicas, age), a pod of each."""
    sets, pods = [], []
    for version, replicas, age in versions:
        one = replicaset(f"web-{version}", owner="Rollout/web", replicas=replicas, age=age)
        labels = {"app": "web", "rollouts-pod-template-hash": version}
        one["metadata"]["labels"] = one["spec"]["template"]["metadata"]["labels"] = labels
        one["spec"]["selector"]["matchLabels"] = labels
        one["spec"]["template"]["spec"]["containers"][0]["image"] = f"web:{version}"
        sets.append(one)
        pods.append(pod(f"web-{version}", f"ReplicaSet/web-{version}", labels=labels))
    return [*sets, *pods]


def test_an_argo_rollout_is_known_by_its_replicasets() -> None:
    """The newest that shall have pods is current, wherever it stands in the list."""
    found = named("rollout", "web", *rollout(("b2", 1, 60), ("a1", 0, 600))[:-1])
    assert (found.current, found.number, found.changed) == ("b2", "web-b2", BEGIN - 60)
    assert (found.wanted, found.progress, found.note) == (None, "", "")
    assert found.selector == {("app", "web")}
    back = named("rollout", "web", *rollout(("b2", 0, 60), ("a1", 1, 600))[:-1])
    assert back.current == "a1"
    assert back.revision != found.revision
    assert back.revision == named("rollout", "web", *rollout(("a1", 1, 600))).revision


def test_an_argo_rollout_counts_on_its_replicasets() -> None:
    """The number moves on also on the way back to a ReplicaSet that was used before."""
    objects = rollout(("a1", 1, 600))
    number = "rollout.argoproj.io/revision"
    objects[0]["metadata"]["annotations"][number] = "1"
    assert named("rollout", "web", *objects).number == "1"
    objects[0]["metadata"]["annotations"][number] = "3"
    assert named("rollout", "web", *objects).number == "3"


def test_an_argo_canary_has_two_revisions_by_intent() -> None:
    """Its older pods are no strangers: both are named."""
    found = named("rollout", "web", *rollout(("b2", 1, 60), ("a1", 3, 600)))
    assert (found.current, found.note, found.outdated) == ("b2", "2 revisions at once", ())
    over = named("rollout", "web", *rollout(("b2", 1, 60), ("a1", 0, 600)))
    assert [each.name for each in over.outdated] == ["web-a1"]


def test_a_deployment_has_no_canary_of_its_own() -> None:
    """Two ReplicaSets with pods are a rollout that is not over."""
    old = replicaset("web-z9", number=0)
    assert named("deployment", "web", *web(), old).note == ""


MADE = {"cloneset": "CloneSet", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}


@pytest.mark.parametrize("kind", ["deployment", "cloneset", "statefulset", "daemonset"])
def test_only_pods_may_be_read(kind: str) -> None:
    """The workload is known by owner and hash, its newest pod's hash is current."""
    owner = "ReplicaSet/web-{}" if kind == "deployment" else f"{MADE[kind]}/web"
    pods = [
        pod(
            f"web-{version}-x",
            owner.format(version),
            version=version,
            age=age,
            ready=version == "b2",
        )
        for version, age in (("a1", 600), ("b2", 60), ("a1", 300))
    ]
    found = named(kind, "web", *pods)
    assert (found.template, found.current, found.wanted, found.changed) == ("", "b2", None, 0.0)
    assert found.progress == "its pods are not ready"
    assert (found.number, found.selector) == ("", frozenset())
    assert named(kind, "web", pods[1]).progress == ""
