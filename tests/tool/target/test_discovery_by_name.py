"""How workloads are found by what the user named."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.discovery import Search, find_target, missing
from pytest_k8s_job.target.said import parse_said
from tests.tool.target.objects import (
    Server,
    deployment,
    endpoints,
    pod,
    replicaset,
    service,
    stateful,
    web,
)
from tests.tool.target.test_discovery import SAID, find, found, search


@pytest.mark.parametrize(
    "said",
    ["deployment/web", "shop/deployment/web", "service/web", "pod/web-a1-0", "replicaset/web-a1"],
)
def test_an_object_is_said(said: str) -> None:
    """A Service leads to its workload, a pod and a ReplicaSet to what made them."""
    assert find(*web(), service(), said=said) == {"shop/deployment/web": SAID}


@pytest.mark.parametrize(
    "said", ["-l app=web", "-l app", "-l app!=db", "-l app=web,!tier", "-l pod-template-hash=a1"]
)
def test_labels_are_said(said: str) -> None:
    """The template's labels count, and those of pods."""
    assert find(*web(labels={}), stateful(), said=said)["shop/deployment/web"] == f"{SAID} {said}"


def test_labels_select_nothing_that_has_finished_or_is_a_job_s() -> None:
    """A completed or evicted pod, and the tests' own, are no target."""
    pods = [pod("old", phase="Failed"), pod("done", phase="Succeeded"), pod("run-x", "Job/run")]
    assert find(*pods, said="-l app=web") == {}
    assert find(*pods, pod("bare"), said="-l app=web") == {"shop/pod/bare": f"{SAID} -l app=web"}


@pytest.mark.parametrize(
    "said",
    [
        "deployment/wbe", "statefulset/web", "service/wbe", "-l app=wbe", "db/deployment/web",
        "db/service/web", "pod/run-x", "pod/old", "rollout/web",
    ],
)  # fmt: skip
def test_what_is_said_and_not_there_is_missing(said: str) -> None:
    """A slip, the wrong namespace, a pod that has finished or is a Job's."""
    objects = [*web(), service(), pod("run-x", "Job/run"), pod("old", phase="Failed")]
    asked = search("deployment/web", said)
    one = find_target(Server(objects), asked)
    assert [each.text for each in missing(one, asked)] == [said]
    assert found(one) == {"shop/deployment/web": SAID}


def test_what_is_said_twice_is_there_twice() -> None:
    """A workload that two words name is missing for neither."""
    asked = search("deployment/web", "-l app=web", "app!=db", "service/web", "pod/web-a1-0")
    one = find_target(Server([*web(), service()]), asked)
    assert missing(one, asked) == []
    assert found(one) == {"shop/deployment/web": SAID}


def test_a_stray_that_is_said_is_a_target() -> None:
    """Who names a bare pod wants to test it."""
    objects = [*web(), service(), pod("stray"), endpoints("web", "stray")]
    asked = Search("shop", tuple(map(parse_said, ("deployment/web", "pod/stray"))))
    one = find_target(Server(objects), asked)
    assert set(found(one)) == {"shop/deployment/web", "shop/pod/stray"}
    assert [each.strays for each in one.services] == [()]


def test_what_is_said_may_have_no_pod() -> None:
    """Labels select a template too; a ReplicaSet may stand for itself, a Deployment be made."""
    assert find(deployment(replicas=0), said="-l app=web") == {
        "shop/deployment/web": f"{SAID} -l app=web"
    }
    assert find(replicaset("web-a1", owner=""), said="rs/web-a1") == {
        "shop/replicaset/web-a1": SAID
    }
    made = deployment()
    made["metadata"]["ownerReferences"] = [{"kind": "Widget", "name": "w", "controller": True}]
    assert find(made, said="deployment/web") == {"shop/deployment/web": SAID}
    for absent in ("rs/web-a2", "pod/web-a1-9"):
        assert find(*web(), said=absent) == {}
