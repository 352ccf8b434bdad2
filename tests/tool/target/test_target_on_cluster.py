"""The target on the real cluster: how it is found, its revision, what changes it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import local_cluster
from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.target.change import change_between, intruders
from pytest_k8s_job.target.discovery import Search, find_target, missing
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.settled import scaled_to_zero, unsettled
from tests.tool.diagnosis.place import wait_until
from tests.tool.target.shop import Shop, deployment, open_shop, service, stray

pytestmark = pytest.mark.cluster

NODE_PORT = 31773


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop of web, behind a Service, and a worker that nobody calls."""
    outside = service("web")
    outside["spec"] |= {"type": "NodePort"}
    outside["spec"]["ports"][0]["nodePort"] = NODE_PORT
    objects = (deployment("web", replicas=2), outside, deployment("worker"))
    with open_shop(*objects) as shop:
        shop.wait("web")
        shop.wait("worker")
        yield shop


def find(
    shop: Shop, *said: str, seen: tuple[str, ...] = (), host: str = "", port: int = 80
) -> Target:
    """Return the target as the tool finds it."""
    hosts = ((host, "API_URL"),) if host else ()
    ports = frozenset((each, port) for each in seen)
    search = Search(shop.namespace, tuple(map(parse_said, said)), hosts, seen, ports)
    return find_target(connect(str(local_cluster.kubeconfig())), search)


def settled(shop: Shop) -> Target:
    """Wait until the tool takes the target for settled; return it."""
    found: list[Target] = []

    def over() -> bool:
        found.append(find(shop, "deployment/web"))
        return not unsettled(found[-1])

    wait_until(over, "a settled target")
    return found[-1]


def names(target: Target) -> dict[str, str]:
    """Return the workloads and how each was found."""
    return {str(each): each.found for each in target.workloads}


def test_it_is_found_in_four_ways(shop: Shop) -> None:
    """Said, read and seen lead to the workload; the other part of the shop belongs to it."""
    both = {"deployment/worker": "part of shop"}
    assert names(find(shop, "deployment/web")) == {"deployment/web": "said by --target"} | both
    assert names(find(shop, "service/web")) == {"deployment/web": "said by --target"} | both
    labels = names(find(shop, "-l app=web"))
    assert labels == {"deployment/web": "said by --target -l app=web"} | both
    read = names(find(shop, host="web"))
    assert read == {"deployment/web": "read from API_URL"} | both
    assert names(find(shop, seen=("web",))) == {"deployment/web": "seen"} | both
    address = shop.kubectl("get", "service/web", "-o", "jsonpath={.spec.clusterIP}")
    assert names(find(shop, seen=(address,))) == {"deployment/web": "seen"} | both
    node = shop.kubectl("get", "pods", "-o", "jsonpath={.items[0].status.hostIP}")
    assert names(find(shop, seen=(node,), port=NODE_PORT)) == {"deployment/web": "seen"} | both
    assert names(find(shop, seen=(node,), port=NODE_PORT + 1)) == {}
    assert find(shop, seen=("elsewhere.example",)).describe(shop.namespace) == "none seen"


def test_what_was_said_and_is_not_there_is_told(shop: Shop) -> None:
    """A name with a slip leads to no workload."""
    search = Search(shop.namespace, (parse_said("deployment/wbe"),))
    target = find_target(connect(str(local_cluster.kubeconfig())), search)
    assert [each.text for each in missing(target, search)] == ["deployment/wbe"]


def test_the_revision_is_content(shop: Shop) -> None:
    """Scaling, applying, restarting leave it; a rollout changes it, undoing restores it."""
    began = time.time()
    first = settled(shop)
    shop.apply(deployment("web", replicas=3))
    shop.wait("web")
    scaled = settled(shop)
    assert scaled.revision == first.revision
    assert change_between(first, scaled, began) is None
    shop.kubectl("rollout", "restart", "deployment/web")
    shop.wait("web")
    restarted = settled(shop)
    assert restarted.revision == first.revision
    change = change_between(scaled, restarted, began)
    assert change is not None
    assert (change.version, change.sentence) == (
        False,
        "deployment/web was restarted while it was tested",
    )
    shop.kubectl("set", "env", "deployment/web", "VERSION=2")
    shop.wait("web")
    rolled = settled(shop)
    assert rolled.revision != first.revision
    change = change_between(restarted, rolled, began)
    assert change is not None
    assert change.version
    shop.kubectl("rollout", "undo", "deployment/web")
    shop.wait("web")
    undone = settled(shop)
    assert undone.revision == first.revision
    change = change_between(restarted, undone, began)
    assert change is not None
    assert (change.version, change.sentence) == (
        True,
        "deployment/web was rolled out and back while it was tested",
    )


def test_a_rollout_is_not_over_before_the_last_old_pod(shop: Shop) -> None:
    """Right after a change the status is still the old one's; the target is not settled by it."""
    settled(shop)
    shop.apply(deployment("web", version="3", replicas=2))
    assert unsettled(find(shop, "deployment/web"))
    shop.wait("web")
    assert not unsettled(settled(shop))


def test_what_was_only_seen_is_judged_by_the_server_s_times(shop: Shop) -> None:
    """Without a look before, a rollout after the beginning shows, and one before it does not."""
    settled(shop)
    time_before = time.time()
    shop.kubectl("set", "env", "deployment/web", "VERSION=9")
    shop.wait("web")
    after = find(shop, seen=("web",))
    change = change_between(None, after, int(time_before))
    assert change is not None
    assert change.version
    assert change_between(None, after, time.time() + 2) is None


def test_a_bare_pod_behind_the_service_is_an_intruder(shop: Shop) -> None:
    """It answers as if it were the target; nothing that was tested then is of the target alone."""
    before = settled(shop)
    shop.apply(stray("web"))
    text = "Service web also leads to pod stray-web, which belongs to no workload"
    try:
        wait_until(lambda: intruders(find(shop, "deployment/web")) == [text], "the intruder")
        change = change_between(before, find(shop, "deployment/web"), time.time())
        assert change is not None
        assert (change.version, change.sentence) == (True, text)
    finally:
        shop.kubectl("delete", "pod", "stray-web", "--wait=true")
    wait_until(lambda: not intruders(find(shop, "deployment/web")), "the end of the intruder")


def test_a_bare_pod_alone_is_the_target() -> None:
    """A Service that leads to nothing else is reached by its bare pod."""
    with open_shop(service("web"), stray("web")) as shop:
        target = find(shop, "service/web")
        assert names(target) == {"pod/stray-web": "said by --target"}
        assert not intruders(target)


def test_two_workloads_behind_one_service_are_both_the_target() -> None:
    """A canary is no change: both are named."""
    canary = deployment("canary")
    canary["spec"]["selector"]["matchLabels"] = {"app": "web", "track": "canary"}
    canary["spec"]["template"]["metadata"]["labels"] = {"app": "web", "track": "canary"}
    with open_shop(service("web"), deployment("web"), canary) as shop:
        target = find(shop, "service/web")
        assert set(names(target)) == {"deployment/web", "deployment/canary"}
        assert not intruders(target)


def test_a_workload_that_is_scaled_to_zero_is_told() -> None:
    """It is settled, and has nothing that could be tested."""
    with open_shop(service("web"), deployment("web", replicas=0)) as shop:
        wait_until(lambda: not unsettled(find(shop, "service/web")), "a settled target")
        assert [str(each) for each in scaled_to_zero(find(shop, "service/web"))] == [
            "deployment/web"
        ]


def test_stateful_and_daemon_sets_have_rollouts_too() -> None:
    """Their revision and their end are seen by what their controllers write."""
    stateful = deployment("db", replicas=1) | {"kind": "StatefulSet"}
    stateful["spec"]["serviceName"] = "db"
    daemon = deployment("agent") | {"kind": "DaemonSet"}
    del daemon["spec"]["replicas"]
    with open_shop(stateful, daemon) as shop:
        said = ("statefulset/db", "daemonset/agent")
        wait_until(lambda: not unsettled(find(shop, *said)), "settled sets")
        before = find(shop, *said)
        shop.kubectl("set", "env", "statefulset/db", "daemonset/agent", "VERSION=2")
        assert unsettled(find(shop, *said))
        wait_until(lambda: not unsettled(find(shop, *said)), "settled sets")
        after = find(shop, *said)
        for each in before.workloads:
            now = after.workload(each.key)
            assert now is not None
            assert now.revision != each.revision
