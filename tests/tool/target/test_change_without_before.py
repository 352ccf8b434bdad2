"""Whether a target that was only seen stayed the same: there is no reading before."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.model import Target
from tests.tool.target.objects import (
    BEGIN,
    deployment,
    pod,
    replicaset,
    service,
    stateful,
    target,
    web,
)
from tests.tool.target.test_change import RESTART, between, ended


@pytest.mark.parametrize(
    ("when", "since", "void"),
    [(5, 0, True), (0, 0, True), (0, 0.9, True), (-1, 0, False), (0, 1, False), (-900, 0, False)],
)
def test_what_was_only_seen_is_judged_by_the_server_s_times(
    when: float, since: float, void: bool
) -> None:
    """A rollout after the beginning counts, and one of the same second."""
    seen = target(*web(rolled=when), service(), seen="web")
    sentence = "deployment/web was rolled out while it was tested: a1"
    assert between(None, seen, BEGIN + since) == ((sentence, True) if void else None)
    assert between(Target(), seen, BEGIN + since) == ((sentence, True) if void else None)
    new = [deployment(rolled=-9000), replicaset("web-a1", age=-when), *web()[2:], service()]
    assert between(None, target(*new, seen="web"), BEGIN + since) == (
        (sentence, True) if void else None
    )


@pytest.mark.parametrize(("age", "void"), [(-5, True), (0, True), (1, False)])
def test_a_set_that_was_only_seen(age: float, void: bool) -> None:
    """It tells no time of its rollout: all its pods are younger than the tests."""
    labels = {"app": "db", "controller-revision-hash": "db-1"}
    pods = [pod(f"db-{n}", "StatefulSet/db", labels=labels, age=-9) for n in (1, 2)]
    pods.append(pod("db-0", "StatefulSet/db", labels=labels, age=age))
    seen = target(stateful(), *pods, service("db", "db"), seen="db")
    sentence = "all pods of statefulset/db were created while it was tested"
    assert between(None, seen) == ((sentence, True) if void else None)
    assert between(None, target(stateful(), service("db", "db"), seen="db")) is None


def test_a_deployment_of_which_only_pods_may_be_read() -> None:
    """It tells no time of its rollout either."""
    young = pod("web-a1-0", "ReplicaSet/web-a1", version="a1", age=-5)
    sentence = "all pods of deployment/web were created while it was tested"
    assert between(None, target(young, service(), seen="web")) == (sentence, True)


def test_a_bare_pod_that_was_only_seen() -> None:
    """A test may have made it for itself."""
    assert between(None, target(pod("p", age=-5), service(), seen="web")) is None


@pytest.mark.parametrize(("when", "void"), [(5, True), (0, True), (-1, False)])
def test_a_restart_of_what_was_only_seen(when: float, void: bool) -> None:
    """It is judged by its time."""
    seen = ended(when, 1)
    assert between(None, seen) == ((RESTART, False) if void else None)


def test_without_a_beginning_nothing_is_dated() -> None:
    """No test began: no time is later."""
    assert between(None, target(*web(rolled=5), service(), seen="web"), 0) is None
    assert between(None, ended(5, 1), 0) is None
    one = pod("db-0", "StatefulSet/db", app="db")
    assert between(None, target(stateful(), one, service("db", "db"), seen="db"), 0) is None
