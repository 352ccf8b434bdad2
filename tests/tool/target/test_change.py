"""Whether the target stayed the same while it was tested."""

from __future__ import annotations

import copy

import pytest

from pytest_k8s_job.target.change import change_between, intruders
from pytest_k8s_job.target.model import Target
from tests.tool.target.objects import (
    BEGIN,
    NEWER_IMAGE,
    Object,
    daemon,
    deployment,
    endpoints,
    pod,
    replicaset,
    service,
    stateful,
    target,
    web,
)

ROLLED = "deployment/web was rolled out while it was tested: its pod template became b2, it was a1"


def rolled(version: str = "b2", *, number: int = 2, env: str = "2", pods: int = 1) -> list[Object]:
    """Return the Deployment after another rollout."""
    objects = web(version, number=number, pods=pods)
    objects[0]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = env
    return objects


def between(before: Target | None, after: Target, since: float = BEGIN) -> tuple[str, bool] | None:
    """Return sentence and kind of the change."""
    change = change_between(before, after, since)
    return (change.sentence, change.version) if change is not None else None


def test_nothing_changed() -> None:
    """The same objects, or nothing at all."""
    assert between(target(*web()), target(*web())) is None
    assert between(Target(), Target()) is None
    assert between(None, Target()) is None


def test_a_rollout() -> None:
    """Both hashes are told."""
    assert between(target(*web()), target(*rolled())) == (ROLLED, True)


def test_rolled_out_and_back() -> None:
    """The content is the same; the number has moved on by two."""
    back = web(number=3)
    sentence = "deployment/web was rolled out and back while it was tested"
    assert between(target(*web()), target(*back)) == (sentence, True)


def test_a_restart_by_rollout() -> None:
    """The content is the same and the number is the next: no other revision."""
    restarted = target(*web("b2", number=2))
    sentence = "deployment/web was restarted while it was tested"
    assert between(target(*web()), restarted) == (sentence, False)
    again = target(*web(number=2))  # a number alone says nothing
    assert between(target(*web()), again) is None


def test_a_tag_was_moved() -> None:
    """A pod that was made anew pulled another image under the same tag."""
    owner = "ReplicaSet/web-a1"
    moved = [*web(pods=2)[:3], pod("web-a1-n", owner, version="a1", image=NEWER_IMAGE)]
    sentence = (
        "deployment/web got another image while it was tested: container web became "
        "sha256:bbbbbbbbbbbb"
    )
    assert between(target(*web(pods=2)), target(*moved)) == (sentence, True)
    assert between(target(*web()[:2]), target(*moved)) is None  # no pod was known before


def test_a_container_that_was_not_there_before_is_no_moved_tag() -> None:
    """An image is compared with those of the same container."""
    more = web()
    status = copy.deepcopy(more[2]["status"]["containerStatuses"][0])
    more[2]["status"]["containerStatuses"].append(
        status | {"name": "proxy", "imageID": NEWER_IMAGE}
    )
    assert between(target(*web()), target(*more)) is None


def test_a_workload_went_away() -> None:
    """It is told unless its namespace could not be read whole."""
    before = target(*web())
    assert between(before, target()) == ("deployment/web went away while it was tested", True)
    assert between(before, Target(unread=frozenset({"shop"}))) is None
    assert between(before, Target(unread=frozenset({"other"})))


def test_a_workload_that_may_not_be_read_any_more_has_not_changed() -> None:
    """Its pods are known by owner and hash; the template is not known, and so not another."""
    hidden = target(*web()[2:], said="-l app=web")
    assert hidden.workloads[0].template == ""
    assert between(target(*web(), said="-l app=web"), hidden) is None
    assert between(hidden, target(*web(), said="-l app=web")) is None


@pytest.mark.parametrize("pods", [1, 5])
def test_scaling_is_no_change(pods: int) -> None:
    """By hand or by an autoscaler, up or down."""
    assert between(target(*web(pods=3)), target(*web(pods=pods))) is None
    assert between(target(*web(pods=pods)), target(deployment(replicas=0), *web()[1:2])) is None


def test_pods_that_moved_to_another_node_are_no_change() -> None:
    """They are others, of the same template and image."""
    moved = [*web()[:2], pod("web-a1-n", "ReplicaSet/web-a1", version="a1", age=-60)]
    assert between(target(*web()), target(*moved)) is None
    assert between(None, target(*moved, service(), seen="web")) is None


def test_neighbours_are_nothing() -> None:
    """What goes on in the namespace is of no interest."""
    other = deployment("other", labels={}, number=7, rolled=60)
    crashing = pod("bare", app="other", ended=5, restarts=9)
    assert between(target(*web()), target(*web(), other, crashing)) is None


def ended(at: float, restarts: int, *, age: float = 3600) -> Target:
    """Return the target with one pod, whose container ended."""
    owner = "ReplicaSet/web-a1"
    one = pod("web-a1-0", owner, version="a1", ended=at, restarts=restarts, age=age)
    return target(*web()[:2], one)


RESTART = "container web of pod web-a1-0 restarted while it was tested (Error)"


def test_a_restart() -> None:
    """It is told as what it is: a success is void, a revision is not another."""
    assert between(target(*web()), ended(5, 1)) == (RESTART, False)
    assert between(ended(-900, 1), ended(5, 2)) == (RESTART, False)


def test_a_restart_that_waits_for_its_back_off() -> None:
    """The count is still the old one; the time of the end is not."""
    assert between(ended(-900, 1), ended(5, 1)) == (RESTART, False)


def test_a_restart_without_a_time() -> None:
    """A node that was lost tells none; the count has grown."""
    objects = [*web()[:2], pod("web-a1-0", "ReplicaSet/web-a1", version="a1", ended=5, restarts=2)]
    status = objects[2]["status"]["containerStatuses"][0]
    status["lastState"]["terminated"]["finishedAt"] = None
    assert between(ended(-900, 1), target(*objects)) == (RESTART, False)


def test_a_restart_by_a_clock_that_is_behind() -> None:
    """Of a container that was known without an end, any end is later."""
    assert between(target(*web()), ended(-5, 1)) == (RESTART, False)


def test_restarts_before_are_none() -> None:
    """Whatever the clocks of nodes say, what was there before is no news."""
    assert between(ended(-900, 3), ended(-900, 3)) is None
    assert between(ended(900, 3), ended(900, 3)) is None


def test_a_pod_that_was_made_anew_under_its_name() -> None:
    """A StatefulSet's pod has the name of the one before; its restarts count from 0."""
    assert between(ended(-900, 3), ended(5, 1, age=-2)) == (RESTART, False)
    assert between(ended(-900, 3), ended(-5, 1, age=60)) is None


def test_a_change_of_revision_comes_before_a_restart() -> None:
    """Of several changes, the one that says most is told."""
    both = rolled(pods=0)
    both.append(pod("web-b2-0", "ReplicaSet/web-b2", version="b2", ended=5, restarts=1))
    assert between(target(*web()), target(*both)) == (ROLLED, True)
    stray = [service(), pod("stray"), endpoints("web", "stray")]
    restarted = pod("web-a1-0", "ReplicaSet/web-a1", version="a1", ended=5, restarts=1)
    assert between(target(*web()), target(*web()[:2], restarted, *stray)) == (STRAY, True)


def test_rollouts_of_sets_have_numbers_too() -> None:
    """A DaemonSet counts its templates; two more are a rollout and its way back."""
    before, after = (
        target(daemon(number=1), said="ds/agent"),
        target(daemon(number=3), said="ds/agent"),
    )
    sentence = "daemonset/agent was rolled out and back while it was tested"
    assert between(before, after) == (sentence, True)
    other = target(stateful(updateRevision="db-2"), said="sts/db")
    sentence = "statefulset/db was restarted while it was tested"
    assert between(target(stateful(), said="sts/db"), other) == (sentence, False)


def with_stray() -> Target:
    """Return the target with a bare pod that answers."""
    return target(*web(), service(), pod("stray"), endpoints("web", "stray"))


STRAY = "Service web also leads to pod stray, which belongs to no workload"


def test_a_stray_before_or_after() -> None:
    """Whenever it answered, requests went to it."""
    alone = target(*web(), service())
    assert intruders(with_stray()) == [STRAY]
    assert intruders(alone) == []
    assert between(with_stray(), alone) == (STRAY, True)
    assert between(alone, with_stray()) == (STRAY, True)
    assert between(None, with_stray()) == (STRAY, True)


def test_an_old_pod_that_answers() -> None:
    """Without a wait for the rollout, the tests may begin while the old revision answers."""
    old = [replicaset("web-z9", number=0), pod("web-z9-0", "ReplicaSet/web-z9", version="z9")]
    both = target(*web(), *old)
    sentence = "pod web-z9-0 of an older revision of deployment/web answers too"
    assert between(both, target(*web())) == (sentence, True)
    assert between(target(*web()), both) == (sentence, True)
    two = target(*web(), *old, pod("web-z9-1", "ReplicaSet/web-z9", version="z9"))
    assert intruders(two) == [
        "pods web-z9-0, web-z9-1 of an older revision of deployment/web answer too"
    ]


def test_a_canary_is_no_change() -> None:
    """Two workloads behind one Service are both the target."""
    canary = web("c1", name="canary")
    canary[0]["spec"]["template"]["metadata"]["labels"] = {"app": "web"}
    both = target(*web(), *canary, service(), said="service/web")
    assert len(both.workloads) == 2
    assert between(both, both) is None
