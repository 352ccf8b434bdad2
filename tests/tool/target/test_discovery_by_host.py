"""How workloads are found by the host names and addresses that were read or seen."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.hosts import ServiceName
from tests.tool.target.objects import (
    Server,
    deployment,
    pod,
    replicaset,
    service,
    stateful,
    web,
    within,
)
from tests.tool.target.test_discovery import find, found, search


@pytest.mark.parametrize(
    "host",
    [
        "web",
        "WEB.",
        "web.shop",
        "Web.Shop",
        "web.shop.svc",
        "web.shop.svc.cluster.local",
        "10.96.0.1",
    ],
)
def test_a_host_name_is_read_or_seen(host: str) -> None:
    """A Service's name in any form, and its address."""
    assert find(*web(), service(), host=host) == {"shop/deployment/web": "read from API_URL"}
    assert find(*web(), service(), seen=host) == {"shop/deployment/web": "seen"}


@pytest.mark.parametrize(
    "host", ["web-a1-0", "wbe", "example.com", "10.96.0.9", "localhost", "None"]
)
def test_a_host_name_that_means_no_service_finds_nothing(host: str) -> None:
    """It may be anything outside of the cluster."""
    headless = service("db", clusterIP="None", clusterIPs=["None"])
    assert find(*web(), service(), host=host) == {}
    assert find(*web(), headless, seen=host) == {}


def test_a_pod_s_address_is_seen() -> None:
    """A pod may be called by its address, of either family; one on its node's network not."""
    both = pod("web-a1-0", "ReplicaSet/web-a1", version="a1")
    both["status"]["podIPs"].append({"ip": "fd00::1"})
    objects = [deployment(), replicaset("web-a1"), both]
    assert find(*objects, seen="10.0.0.1") == {"shop/deployment/web": "seen"}
    assert find(*objects, seen="fd00::1") == {"shop/deployment/web": "seen"}
    assert find(*objects, seen="10.0.0.2") == {}
    both["spec"]["hostNetwork"] = True
    assert find(*objects, seen="10.0.0.1") == {}


def test_an_address_is_given_to_another_pod() -> None:
    """A finished pod keeps its address in its status; the tests' own pod is no target."""
    old = pod("old", "ReplicaSet/old-1", version="1", phase="Failed")
    assert find(old, *web(), seen="10.0.0.1") == {"shop/deployment/web": "seen"}
    assert find(pod("run-x", "Job/run"), seen="10.0.0.1") == {}


def test_a_service_of_one_stack_without_a_list_of_addresses() -> None:
    """An old API server knows `clusterIP` alone."""
    assert find(*web(), service(clusterIPs=None), seen="10.96.0.1")


@pytest.mark.parametrize("host", ["203.0.113.9", "LB.example.com", "198.51.100.7", "fd00::9"])
def test_addresses_from_outside_of_the_cluster(host: str) -> None:
    """A load balancer's address or name, and addresses that somebody wrote into the Service."""
    balanced = service(externalIPs=["198.51.100.7", "fd00::9"])
    ingress = [{"ip": "203.0.113.9"}, {"hostname": "lb.example.com"}]
    balanced["status"] = {"loadBalancer": {"ingress": ingress}}
    assert find(*web(), balanced, seen=host) == {"shop/deployment/web": "seen"}
    assert find(*web(), service(), seen=host) == {}


@pytest.mark.parametrize(
    ("port", "expected"), [(30080, {"shop/deployment/web": "seen"}), (30081, {}), (80, {})]
)
def test_a_port_of_a_node(port: int, expected: dict[str, str]) -> None:
    """The node is one of a pod that was read; the same port elsewhere means nothing."""
    objects = [*web(), service(ports=[{"port": 80, "nodePort": 30080}])]
    objects[-2]["status"]["hostIP"] = "192.0.2.1"
    objects[-2]["status"]["hostIPs"] = [{"ip": "192.0.2.1"}, {"ip": "fd00:1::1"}]
    for node in ("192.0.2.1", "fd00:1::1"):
        asked = Search("shop", seen=(node,), ports=frozenset({(node, port)}))
        assert found(find_target(Server(objects), asked)) == expected
    elsewhere = Search("shop", seen=("192.0.2.2",), ports=frozenset({("192.0.2.2", port)}))
    assert find_target(Server(objects), elsewhere).workloads == ()


@pytest.mark.parametrize("host", ["db-0.db", "DB-0.db.", "db-0.db.shop.svc"])
def test_a_pod_s_name_behind_a_headless_service(host: str) -> None:
    """It means the Service, if that is headless."""
    objects = [stateful(), service("db", "db", clusterIP="None", clusterIPs=["None"])]
    asked = Search("shop", hosts=((host, "DB_HOST"),))
    assert set(found(find_target(Server(objects), asked))) == {"shop/statefulset/db"}
    usual = Server([stateful(), service("db", "db")])
    assert find_target(usual, Search("shop", hosts=(("db-0.db", "DB_HOST"),))).workloads == ()


def test_a_host_name_has_one_meaning() -> None:
    """A Service of another namespace comes before a pod behind a headless Service."""
    headless = service("edge", "db", clusterIP="None", clusterIPs=["None"])
    objects = [stateful(), headless, *within("edge", *web(), service())]
    assert find(*objects, host="web.edge") == {"edge/deployment/web": "read from API_URL"}


def test_an_address_has_one_meaning() -> None:
    """Namespaces are not read at the same moment: one address may be in two of them."""
    others = within("edge", *web(name="api"), service("api", "api"))
    server = Server([*web(), service(), *others])
    for address in ("10.96.0.1", "10.0.0.1"):
        one = find_target(server, search(host="none.edge.svc", seen=(address,)))
        assert found(one) == {"shop/deployment/web": "seen"}


def test_a_pod_without_an_address_is_not_at_one() -> None:
    """It was created in this moment."""
    new = pod("new")
    new["status"] = None
    old = pod("old", address="10.0.0.7")
    del old["status"]["podIPs"]
    assert find(new, old, seen="10.0.0.7") == {"shop/pod/old": "seen"}


def test_a_name_of_three_parts_may_be_of_no_namespace() -> None:
    """Only the second part may be one, and only of two."""
    assert search().service("a.b.c") is None
    assert search().service("a.b") == ServiceName("b", "a")
