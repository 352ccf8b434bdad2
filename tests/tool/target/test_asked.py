"""Tests that ask the old revision while the new one waits are no tests of the new one."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.asked import asked_elsewhere
from pytest_k8s_job.target.change import change_between
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.model import Target
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
