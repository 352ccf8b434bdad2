"""Which objects are the target's own, also those that are gone."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.target.membership import is_event_of, is_pod_of, is_slice_of
from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Pod, Workload

LABELS = {"app": "api"}
SERVICE = "kubernetes.io/service-name"


def workload(kind: str, name: str, *pods: str) -> Workload:
    """Return a workload of the namespace shop whose pods have these names."""
    made = tuple(Pod("shop", each, "v1", 0.0, True, "") for each in pods)
    selector = frozenset(LABELS.items()) if name == "api" else frozenset[tuple[str, str]]()
    return Workload(kind, "shop", name, "seen", pods=made, selector=selector)


STRAY = Pod("shop", "a-stray", "", 0.0, True, "")
TARGET = Target(
    (
        workload("deployment", "api", "api-5d9c8f7b6-x2x4v"),
        workload("statefulset", "db"),
        workload("daemonset", "agent"),
        workload("replicaset", "old"),
        workload("rollout", "web"),
        workload("pod", "bare", "bare"),
    ),
    (Service("shop", "api", "seen", strays=(STRAY,)),),
)


def pod(name: str, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    """Return a pod."""
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        (pod("api-x", app="api", track="canary"), True),
        (pod("api-x", app="web"), False),
        (pod("api-x", "elsewhere", app="api"), False),
        (pod("bare"), True),
        (pod("db-0"), False),
        (pod("api-x", **LABELS, **{"pytest-k8s-job/run": "1"}), False),
        (pod("api-x", **LABELS, **{"batch.kubernetes.io/job-name": "tests"}), False),
    ],
)
def test_a_pod_is_known_by_its_labels(found: dict[str, Any], ours: bool) -> None:
    """Those of the workload's selector, in its namespace; a pod of a Job never is one."""
    assert is_pod_of(TARGET, found) is ours


@pytest.mark.parametrize(
    ("kind", "name", "ours"),
    [
        ("Pod", "api-5d9c8f7b6-x2x4v", True),
        ("Pod", "api-7f9dd4bc5b-zzzzz", True),  # it is gone
        ("Pod", "api-gateway-5d9c8f7b6-x2x4v", False),
        ("Pod", "my-api-5d9c8f7b6-x2x4v", False),
        ("Pod", "a-stray", True),
        ("Pod", "db-12", True),
        ("Pod", "db-backup-0", False),
        ("Pod", "agent-x2x4v", True),
        ("Pod", "old-x2x4v", True),
        ("Pod", "web-5d9c8f7b6-x2x4v", True),
        ("Pod", "bare", True),
        ("Pod", "bare-x2x4v", False),
        ("ReplicaSet", "api-5d9c8f7b6", True),
        ("ReplicaSet", "web-5d9c8f7b6", True),
        ("ReplicaSet", "api-gateway-5d9c8f7b6", False),
        ("ReplicaSet", "old", True),
        ("Deployment", "api", True),
        ("Deployment", "db", False),
        ("HorizontalPodAutoscaler", "api", True),
        ("Service", "api", True),
        ("Service", "web", False),
        ("Job", "api", False),
    ],
)
def test_an_event_is_known_by_its_object(kind: str, name: str, ours: bool) -> None:
    """A neighbour whose name begins alike is none of the target."""
    event = {"metadata": {"namespace": "shop"}, "involvedObject": {"kind": kind, "name": name}}
    assert is_event_of(TARGET, event) is ours
    event["metadata"]["namespace"] = "elsewhere"
    assert not is_event_of(TARGET, event)


def test_a_slice_is_known_by_its_service() -> None:
    """Its own name says nothing."""
    own = pod("x", **{SERVICE: "api"})
    assert is_slice_of(TARGET, own)
    assert not is_slice_of(TARGET, pod("x", "elsewhere", **{SERVICE: "api"}))
    assert not is_slice_of(TARGET, pod("api-x"))
