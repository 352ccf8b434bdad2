"""Tests that ask the old revision while the new one waits are no tests of the new one."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.asked import asked_elsewhere
from pytest_k8s_job.target.change import change_between
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Pod, Workload
from tests.tool.target.objects import (
    BEGIN,
    Object,
    Server,
    endpoints,
    made,
    pod,
    replicaset,
    service,
    web,
)
from tests.tool.target.test_discovery import search


def rollout(*behind: str, host: str = "demo") -> Target:
    """Return an Argo Rollout with an old and a new revision; `behind`: pods of Service demo."""
    owner = "Rollout/demo"
    objects: list[Object] = [
        replicaset("demo-old", owner=owner, age=7200),
        replicaset("demo-new", owner=owner, age=60),
        pod("demo-old-0", "ReplicaSet/demo-old", version="old", app="demo"),
        pod("demo-new-0", "ReplicaSet/demo-new", version="new", app="demo", address="10.0.0.2"),
        service("demo", "demo"),
        endpoints("demo", *behind),
        service("preview", "demo"),
        endpoints("preview", "demo-new-0"),
    ]
    return find_target(Server(objects), search("rollout/demo", host=host))


def test_the_usual_service_leads_to_the_old_revision() -> None:
    """Blue/green: what passes there says nothing of the new one."""
    target = rollout("demo-old-0")
    (text,) = asked_elsewhere(target)
    assert text == "Service demo leads to revision old of rollout/demo only, not to new, the newest"
    change = change_between(target, target, BEGIN)
    assert change is not None
    assert (change.sentence, change.version) == (text, True)


@pytest.mark.parametrize("behind", [("demo-new-0",), ("demo-old-0", "demo-new-0")])
def test_the_new_revision_answers(behind: tuple[str, ...]) -> None:
    """After the switch, or as a canary."""
    assert not list(asked_elsewhere(rollout(*behind)))


def test_the_preview_is_asked() -> None:
    """The usual Service is none of the tests' then."""
    assert not list(asked_elsewhere(rollout("demo-old-0", host="preview")))


def test_flagger_s_copy_is_asked() -> None:
    """The Deployment that was said is behind no Service that a test asks."""
    objects = [*web(name="demo-primary"), *web(name="demo"), service("demo", "demo-primary")]
    for each in objects[:3]:
        labels = each["metadata"].get("labels") or {}
        if each["kind"] == "Pod":
            each["metadata"]["labels"] = {**labels, "app": "demo-primary"}
    target = find_target(Server(objects), search("deployment/demo", host="demo"))
    (text,) = asked_elsewhere(target)
    assert "Service demo leads to deployment/demo-primary, Flagger's copy" in text
    other = made("Service", "canary", spec={"selector": {"app": "demo"}})
    both = find_target(Server([*objects, other]), search("deployment/demo", host="canary"))
    assert not list(asked_elsewhere(both))


DEMO, OTHER = ("shop", "deployment", "demo"), ("shop", "deployment", "other")
PRIMARY = ("shop", "deployment", "demo-primary")


def workload(key: tuple[str, str, str], current: str, *versions: str) -> Workload:
    """Return a workload with a pod of each version."""
    namespace, kind, name = key
    pods = tuple(
        Pod(namespace, f"{name}-{each}", each, 0.0, ready=True, address="") for each in versions
    )
    return Workload(kind, namespace, name, "said", current=current, pods=pods)


def asked(
    behind: tuple[tuple[str, str, str], ...],
    versions: tuple[tuple[tuple[str, str, str], str], ...],
    *workloads: Workload,
) -> list[str]:
    """Return what is said of a Service with these workloads behind it."""
    service = Service("shop", "demo", "read", workloads=behind, versions=frozenset(versions))
    return list(asked_elsewhere(Target(workloads, (service,))))


def test_what_is_not_known_is_not_said() -> None:
    """No workload, no newest revision, none of its pods, no answer: nothing is compared."""
    old = ((DEMO, "old"),)
    assert asked((DEMO,), old) == []
    assert asked((DEMO,), old, workload(DEMO, "", "")) == []
    assert asked((DEMO,), old, workload(DEMO, "new", "old")) == []
    assert asked((DEMO,), (), workload(DEMO, "new", "new")) == []
    assert len(asked((DEMO,), old, workload(DEMO, "new", "old", "new"))) == 1


def test_each_workload_has_its_own_revisions() -> None:
    """An unknown one hides no other, and the newest of another is not its newest."""
    versions = ((DEMO, "old"), (OTHER, "new"))
    both = workload(DEMO, "new", "new", "old"), workload(OTHER, "new", "new")
    (text,) = asked((DEMO, OTHER), versions, *both)
    assert "revision old of deployment/demo only" in text
    assert len(asked((OTHER, DEMO), ((DEMO, "old"),), both[0])) == 1
    (several,) = asked((DEMO,), ((DEMO, "old"), (DEMO, "older")), both[0])
    assert "leads to revision old, older of" in several


def test_a_copy_counts_only_beside_its_original() -> None:
    """Without the original, its pods, or with it behind the Service too, nothing is said."""
    copy, original = workload(PRIMARY, "v1", "v1"), workload(DEMO, "v2", "v2")
    versions = ((PRIMARY, "v1"),)
    (text,) = asked((PRIMARY,), versions, copy, original)
    assert text == (
        "Service demo leads to deployment/demo-primary, Flagger's copy of what ran before,"
        " and no test asks deployment/demo"
    )
    assert asked((PRIMARY,), versions, copy) == []
    assert asked((PRIMARY,), versions, copy, workload(DEMO, "v2")) == []
    assert asked((PRIMARY, DEMO), (*versions, (DEMO, "v2")), copy, original) == []
    assert asked((OTHER,), ((OTHER, "v1"),), workload(OTHER, "v1", "v1"), original) == []
