"""Whether the target stayed the same while it was tested."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from pytest_k8s_job.target.change import change_between, intruders
from pytest_k8s_job.target.model import Target
from tests.tool.target.objects import (
    BEGIN,
    NEWER_IMAGE,
    Object,
    at,
    daemon,
    deployment,
    endpoints,
    pod,
    replicaset,
    service,
    stateful,
    target,
    template,
    web,
)

ROLLED = "deployment/web was rolled out while it was tested: its pod template became b2, it was a1"


def rolled(version: str = "b2", *, number: int = 2, env: str = "2", pods: int = 1) -> list[Object]:
    """Return the Deployment after another rollout."""
    objects = web(version, number=number, pods=pods)
    objects[0]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = env
    return aged(objects, -30, "Pod")


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
    restarted = target(*aged(web("b2", number=2), -30, "Pod"))
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
    new = pod("web-b2-0", "ReplicaSet/web-b2", version="b2", age=-3, ended=5, restarts=1)
    both.append(new)
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


UNTIL = BEGIN + 60


def until(before: Target | None, after: Target) -> tuple[str, bool] | None:
    """Return the change during tests that lasted a minute."""
    change = change_between(before, after, BEGIN, UNTIL)
    return (change.sentence, change.version) if change is not None else None


def aged(objects: list[Object], age: float, *kinds: str) -> list[Object]:
    """Return the objects with the kinds' ages set; a negative age is after the tests began."""
    for each in objects:
        if each["kind"] in kinds:
            each["metadata"]["creationTimestamp"] = at(-age)
    return objects


def test_a_rollout_after_the_last_test_is_none() -> None:
    """Its ReplicaSet and its pods came into being later."""
    late = aged(rolled(), -61, "ReplicaSet", "Pod")
    assert until(target(*web()), target(*late)) is None
    early = aged(rolled(), -60, "ReplicaSet", "Pod")
    assert until(target(*web()), target(*early)) == (ROLLED, True)


def test_a_rollout_back_after_the_last_test_is_none() -> None:
    """Its ReplicaSet is old; its pods are not."""
    back = aged(rolled(), -61, "Pod")
    assert until(target(*web()), target(*back)) is None
    one_early = [*rolled(pods=2)[:2], *aged(rolled(pods=2)[2:3], -61, "Pod"), rolled(pods=2)[3]]
    assert until(target(*web()), target(*one_early)) == (ROLLED, True)


def test_two_rollouts_are_not_both_after_the_last_test() -> None:
    """Only the newest one leaves times for sure."""
    late = aged(rolled(number=3), -61, "ReplicaSet", "Pod")
    assert until(target(*web()), target(*late)) == (ROLLED, True)
    between = aged([replicaset("web-c3", replicas=0)], -30, "ReplicaSet")
    one = target(*aged(rolled(), -61, "ReplicaSet", "Pod"), *between)
    assert until(target(*web()), one) == (ROLLED, True)


def test_a_rollout_that_has_no_pod_yet_is_none() -> None:
    """The pods of both readings are the same."""
    begun = [*rolled()[:1], *web()[2:], replicaset("web-a1"), replicaset("web-b2", number=2)]
    assert until(target(*web()), target(*begun)) is None
    gone = [*rolled()[:1], replicaset("web-a1"), replicaset("web-b2", number=2)]
    assert until(target(*web()), target(*gone)) == (ROLLED, True)


def test_a_late_rollout_of_what_was_only_seen() -> None:
    """The API server's times alone tell that it came after the tests."""
    late = aged(web("b2", rolled=61), -61, "ReplicaSet", "Pod")
    assert until(None, target(*late, service(), seen="web")) is None
    early = aged(web("b2", rolled=61), -30, "ReplicaSet", "Pod")
    assert until(None, target(*early, service(), seen="web")) is not None


def test_a_restart_after_the_last_test_is_none() -> None:
    """Unless there was another one before it."""
    owner = "ReplicaSet/web-a1"

    def restarted(count: int, ended: float) -> Target:
        one = pod("web-a1-0", owner, version="a1", ended=ended, restarts=count)
        return target(*web()[:2], one)

    assert until(target(*web()), restarted(1, 61)) is None
    assert until(target(*web()), restarted(2, 61)) is not None
    assert until(target(*web()), restarted(1, 60)) is not None
    assert until(restarted(1, -600), restarted(2, 61)) is None
    assert until(restarted(1, -600), restarted(3, 61)) is not None


def test_a_workload_that_was_made_anew_under_its_name() -> None:
    """Hash and number are the same; what was there in between, nobody knows."""
    before, after = web(), web()
    before[0]["metadata"]["uid"], after[0]["metadata"]["uid"] = "3c1f", "77aa"
    sentence = "deployment/web was deleted and made anew while it was tested"
    assert until(target(*before), target(*after)) == (sentence, True)
    assert until(target(*before), target(*before)) is None


def owned(obj: Object, seconds: float, *path: str, **more: str) -> Object:
    """Return an object with a field that was written some seconds after the tests began."""
    fields: Object = {}
    for name in reversed(path):
        fields = {f"f:{name}": fields}
    entry = {"manager": "kubectl", "time": at(seconds), "fieldsV1": fields, **more}
    obj["metadata"].setdefault("managedFields", []).append(entry)
    return obj


def test_a_service_that_came_to_lead_elsewhere() -> None:
    """Both Deployments belong to the target, before and after."""
    both = [*web(), *web("c3", name="blue")]
    one = target(*both, service(), said="service/web")
    other = target(*both, service(app="blue"), said="service/web")
    sentence = "Service web came to lead to deployment/blue while it was tested, not deployment/web"
    assert until(one, other) == (sentence, True)


def test_a_service_that_was_changed_and_changed_back() -> None:
    """It shows when its selector was written; other owners' fields say nothing."""

    def one(seconds: float, field: str = "selector") -> Target:
        changed = owned(service(), seconds, "spec", field)
        return target(*web(), owned(changed, 50, "spec", "ports"), said="service/web")

    changed = ("Service web was changed while it was tested", True)
    assert until(one(-600), one(30)) == changed
    assert until(one(-600), one(-600)) is None
    assert until(None, one(30)) == changed
    assert until(None, one(-600)) is None
    assert until(one(-600, "type"), one(30, "type")) is None
    anew = target(*web(), service(), said="service/web")
    first, second = (replace(each, uid=uid) for each in anew.services for uid in "ab")
    before, after = replace(anew, services=(first,)), replace(anew, services=(second,))
    assert until(before, after) == changed
    others = replace(second, found="leads to the target")
    assert until(before, replace(anew, services=(others,))) is None
    unread = replace(after, unread=frozenset(["shop"]))
    assert until(before, unread) is None


def test_a_statefulset_that_was_rolled_out_and_back() -> None:
    """Its revision has its old name again; template and pods were written anew."""

    def one(seconds: float, age: float, **more: str) -> Target:
        objects = [owned(stateful(), seconds, "spec", "template", "spec", **more)]
        objects.append(pod("db-0", "StatefulSet/db", version="db-1", app="db", age=age))
        return target(*objects, said="sts/db")

    sentence = "statefulset/db was rolled out and back while it was tested"
    assert until(one(-600, 3600), one(30, -40)) == (sentence, True)
    assert until(one(-600, 3600), one(30, 3600)) is None
    assert until(one(-600, 3600), one(-600, -40)) is None
    scaled = {"subresource": "scale"}
    assert until(one(-600, 3600, **scaled), one(30, -40, **scaled)) is None


def test_a_statefulset_that_was_only_seen() -> None:
    """Its template was written while it was tested, though some of its pods are old."""
    objects = [owned(stateful(), 30, "spec", "template", "spec")]
    objects += [pod("db-0", "StatefulSet/db", version="db-1", app="db"), service("db", "db")]
    sentence = "statefulset/db was rolled out while it was tested: db-1"
    assert until(None, target(*objects, seen="db")) == (sentence, True)


def rollout(*revisions: tuple[str, int, int]) -> Target:
    """Return what an Argo Rollout has of (hash, pods, generation); the first is the current one."""
    objects: list[Object] = [service()]
    for version, pods, generation in revisions:
        one = replicaset(f"web-{version}", owner="Rollout/web", replicas=pods)
        one["metadata"]["generation"] = generation
        objects.append(one)
    owner = f"ReplicaSet/web-{revisions[0][0]}"
    objects.append(pod("web-x", owner, version=revisions[0][0]))
    return target(*objects, said="rollout/web")


def test_an_argo_rollout_that_was_rolled_out_and_back() -> None:
    """Another of its ReplicaSets has come into being, or was scaled."""
    sentence = "rollout/web was rolled out and back while it was tested"
    before = rollout(("a1", 1, 3), ("b2", 0, 5))
    assert until(before, before) is None
    assert until(before, rollout(("a1", 1, 7), ("b2", 0, 7))) == (sentence, True)
    assert until(before, rollout(("a1", 1, 5), ("b2", 0, 5), ("c3", 0, 2))) == (sentence, True)
    assert until(before, rollout(("a1", 2, 4), ("b2", 0, 5))) is None  # scaled
    assert until(before, rollout(("a1", 1, 3))) is None  # its history is short
    going = rollout(("a1", 1, 3), ("b2", 1, 5))  # scaled down some seconds after its end
    assert until(going, rollout(("a1", 1, 3), ("b2", 0, 6))) is None
    unread = replace(before.workloads[0], replicasets=())
    assert until(replace(before, workloads=(unread,)), before) is None


def test_an_address_behind_the_service_that_is_no_pod_s() -> None:
    """It answers as if it were the target."""
    slices = endpoints("web", "web-a1-0")
    slices["endpoints"][0]["addresses"] = ["192.0.2.1"]
    one = target(*web(), service(), slices, said="service/web")
    text = "Service web also leads to 192.0.2.1, which is none of its pods"
    assert intruders(one) == [text]
    assert until(one, one) == (text, True)


def test_a_bare_pod_that_came_after_the_last_test_is_none() -> None:
    """It has answered no test."""

    def one(age: float) -> Target:
        slices = endpoints("web", "stray")
        return target(*web(), service(), pod("stray", age=age), slices, said="service/web")

    assert until(target(*web(), service(), said="service/web"), one(-61)) is None
    assert until(target(*web(), service(), said="service/web"), one(-60)) is not None


def test_a_rollout_that_was_over_before_the_first_test_is_none() -> None:
    """It began after the first reading, while the pod of the tests came up."""
    early = aged(rolled(), 2, "ReplicaSet", "Pod")
    early[0]["status"]["conditions"][0]["lastUpdateTime"] = at(-1)
    assert until(target(*web()), target(*early)) is None
    assert until(target(*web()), target(*aged(early, 0, "Pod"))) == (ROLLED, True)
    early = aged(early, 2, "Pod")
    early[0]["status"]["conditions"][0]["lastUpdateTime"] = at(0)
    assert until(target(*web()), target(*early)) == (ROLLED, True)
    early[0]["status"]["conditions"][0] |= {"lastUpdateTime": at(-1), "reason": "DeploymentPaused"}
    assert until(target(*web()), target(*early)) == (ROLLED, True)
    twice = aged(rolled(number=3), 2, "ReplicaSet", "Pod")
    twice[0]["status"]["conditions"][0]["lastUpdateTime"] = at(-1)
    assert until(target(*web()), target(*twice)) == (ROLLED, True)


def test_a_set_was_over_before_the_first_test_by_its_pods() -> None:
    """All of them are of the newest revision, and none came while it was tested."""

    def one(revision: str, age: float, **more: Any) -> Target:
        stateful_set = stateful(updateRevision=revision, **more)
        stateful_set["spec"]["template"] = template("db", revision)
        new = pod("db-0", "StatefulSet/db", version=revision, app="db", age=age)
        return target(stateful_set, new, said="sts/db")

    assert until(one("db-1", 3600), one("db-2", 2)) is None
    assert until(one("db-1", 3600), one("db-2", 0)) is not None
    assert until(one("db-1", 3600), one("db-2", 2, readyReplicas=2)) is not None
    assert until(one("db-1", 3600), one("db-2", 2, partition=1)) is not None
