"""Bare pods, ReplicaSets and kinds that are not read themselves; what a template names."""

from __future__ import annotations

import copy

import pytest

from pytest_k8s_job.target.model import Workload
from pytest_k8s_job.target.workloads import workload_of
from tests.tool.target.objects import (
    BEGIN,
    Object,
    deployment,
    made,
    pod,
    replicaset,
    state,
    stateful,
    web,
)


def workload(kind: str, name: str, *objects: Object) -> Workload:
    """Return the workload that was read."""
    found = workload_of(state(*objects), (kind, name), "said")
    assert found is not None
    return found


def test_a_bare_pod() -> None:
    """It is its own only pod; neither node nor the volume of its token is of its content."""
    first = pod("p", age=60)
    token = {"name": "kube-api-access-t4rxs", "projected": {"sources": []}}
    first["spec"] |= {"nodeName": "node-1", "volumes": [token, {"name": "data", "emptyDir": {}}]}
    again = copy.deepcopy(first)
    again["spec"] |= {"nodeName": "node-2"}
    again["spec"]["volumes"][0]["name"] = "kube-api-access-hs2sv"
    one, two = workload("pod", "p", first), workload("pod", "p", again)
    assert (one.wanted, one.current, one.number, one.note) == (1, "", "", "")
    assert [each.name for each in one.pods] == ["p"]
    assert one.selector == frozenset()
    assert one.revision == two.revision
    again["spec"]["volumes"][1]["name"] = "other"
    assert workload("pod", "p", again).revision != one.revision


def test_a_replicaset_by_itself() -> None:
    """It is a workload where nothing stands above it."""
    one = pod("web-a1-x", "ReplicaSet/web-a1", version="a1")
    found = workload("replicaset", "web-a1", replicaset("web-a1", owner="", age=60), one)
    assert (found.current, found.number, found.wanted) == ("a1", "web-a1", 1)
    assert found.changed == BEGIN - 60
    assert found.selector == {("app", "web"), ("pod-template-hash", "a1")}
    assert [each.name for each in found.pods] == ["web-a1-x"]


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
    found = workload("rollout", "web", *rollout(("b2", 1, 60), ("a1", 0, 600))[:-1])
    assert (found.current, found.number, found.changed) == ("b2", "web-b2", BEGIN - 60)
    assert (found.wanted, found.progress, found.note) == (None, "", "")
    assert found.selector == {("app", "web")}
    back = workload("rollout", "web", *rollout(("b2", 0, 60), ("a1", 1, 600))[:-1])
    assert back.current == "a1"
    assert back.revision != found.revision
    assert back.revision == workload("rollout", "web", *rollout(("a1", 1, 600))).revision


def test_an_argo_canary_has_two_revisions_by_intent() -> None:
    """Its older pods are no strangers: both are named."""
    found = workload("rollout", "web", *rollout(("b2", 1, 60), ("a1", 3, 600)))
    assert (found.current, found.note, found.outdated) == ("b2", "2 revisions at once", ())
    over = workload("rollout", "web", *rollout(("b2", 1, 60), ("a1", 0, 600)))
    assert [each.name for each in over.outdated] == ["web-a1"]


def test_a_deployment_has_no_canary_of_its_own() -> None:
    """Two ReplicaSets with pods are a rollout that is not over."""
    old = replicaset("web-z9", number=0)
    assert workload("deployment", "web", *web(), old).note == ""


@pytest.mark.parametrize("kind", ["deployment", "cloneset"])
def test_only_pods_may_be_read(kind: str) -> None:
    """The workload is known by owner and hash, its newest pod's hash is current."""
    owner = "ReplicaSet/web-{}" if kind == "deployment" else "CloneSet/web"
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
    found = workload(kind, "web", *pods)
    assert (found.template, found.current, found.wanted, found.changed) == ("", "b2", None, 0.0)
    assert found.progress == "its pods are not ready"
    assert workload(kind, "web", pods[1]).progress == ""


def test_configs_that_the_template_names() -> None:
    """ConfigMaps and Secrets of volumes and environments, with the versions that were read."""
    spec = {
        "volumes": [
            {"name": "a", "configMap": {"name": "volume"}},
            {"name": "b", "secret": {"secretName": "volume"}},
            {
                "name": "c",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "projected"}},
                        {"secret": {"name": "projected"}},
                    ]
                },
            },
            {"name": "d", "emptyDir": {}},
        ],
        "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "init"}}]}],
        "containers": [
            {
                "name": "web",
                "envFrom": [{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "gone"}}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "key", "key": "b"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "key", "key": "c"}}},
                    {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ],
            }
        ],
    }
    named = ("volume", "projected", "init", "from", "key", "other")
    configs = [
        made(kind, name, metadata={"resourceVersion": f"{kind}-{name}"})
        for kind in ("ConfigMap", "Secret")
        for name in named
    ]
    expected = {
        ("configmap", "volume", "ConfigMap-volume"),
        ("secret", "volume", "Secret-volume"),
        ("configmap", "projected", "ConfigMap-projected"),
        ("secret", "projected", "Secret-projected"),
        ("configmap", "init", "ConfigMap-init"),
        ("secret", "from", "Secret-from"),
        ("configmap", "key", "ConfigMap-key"),
        ("secret", "key", "Secret-key"),
    }
    above = deployment(spec={"template": {"spec": spec}})
    assert workload("deployment", "web", above, *configs).configs == expected
    bare = made("Pod", "p", spec=spec)
    assert workload("pod", "p", bare, *configs).configs == expected
    assert workload("deployment", "web", above).configs == frozenset()
    hidden = pod("web-a1-x", "ReplicaSet/web-a1", version="a1")
    assert workload("deployment", "web", hidden, *configs).configs == frozenset()


def test_a_template_without_metadata() -> None:
    """A label or an annotation that is not there is no difference to an empty one."""
    one, two = stateful(), stateful()
    one["spec"]["template"]["metadata"] = None
    two["spec"]["template"]["metadata"] = {
        "labels": {},
        "annotations": {},
        "creationTimestamp": None,
    }
    assert (
        workload("statefulset", "db", one).revision == workload("statefulset", "db", two).revision
    )
