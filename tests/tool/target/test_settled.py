"""Whether a rollout of the target is over."""

from __future__ import annotations

from dataclasses import replace

from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.settled import scaled_to_zero, unsettled
from pytest_k8s_job.target.workload import Pod, Workload

NEW = Pod("shop", "new", "b2", 1.0, ready=True, address="10.0.0.1")
OLD = replace(NEW, name="old", version="a1")
WEB = Workload("deployment", "shop", "web", "seen", current="b2", pods=(NEW,), wanted=1)


def test_nothing_to_wait_for() -> None:
    """A target without a workload, and one that is ready, are settled."""
    assert unsettled(Target()) == []
    assert unsettled(Target((WEB,))) == []


def test_each_workload_tells_what_it_waits_for() -> None:
    """A line for each that is not over."""
    waiting = replace(WEB, name="api", progress="1 of 3 new pods ready")
    starting = replace(WEB, kind="pod", name="p", progress="it is not ready")
    assert unsettled(Target((waiting, WEB, starting))) == [
        "deployment/api: 1 of 3 new pods ready",
        "pod/p: it is not ready",
    ]


def test_an_old_pod_that_answers_is_told_after_the_controller_is_done() -> None:
    """The status may be ahead of the endpoints."""
    one = replace(WEB, pods=(NEW, OLD))
    assert unsettled(Target((one,))) == [
        "deployment/web: pod old of an older revision still answers"
    ]
    two = replace(WEB, pods=(OLD, NEW, replace(OLD, name="older")))
    assert unsettled(Target((two,))) == ["deployment/web: 2 pods of an older revision still answer"]
    assert unsettled(Target((replace(one, progress="1 old pod still goes"),))) == [
        "deployment/web: 1 old pod still goes"
    ]


def test_old_pods_that_may_stay_are_no_wait() -> None:
    """Not ready, or with a way to update that lets them be."""
    assert unsettled(Target((replace(WEB, pods=(NEW, replace(OLD, ready=False))),))) == []
    assert unsettled(Target((replace(WEB, pods=(NEW, OLD), note="partition 1"),))) == []


def test_a_failed_read_is_no_settled_target() -> None:
    """Nobody knows; a missing right would last, so it is no wait."""
    failed = "namespace shop: pods could not be read (HTTP 500)"
    assert unsettled(Target((WEB,), unknown=(failed,), failed=(failed,))) == [failed]
    assert (
        unsettled(Target((WEB,), unknown=("namespace shop: a Role there lacks: list pods",))) == []
    )


def test_scaled_to_zero() -> None:
    """Nothing of it can be tested; a DaemonSet without a node for it is no such thing."""
    zero = replace(WEB, wanted=0, pods=())
    assert scaled_to_zero(Target((WEB, zero))) == [zero]
    assert scaled_to_zero(Target((replace(zero, kind="daemonset"),))) == []
    assert scaled_to_zero(Target((replace(zero, wanted=None),))) == []
