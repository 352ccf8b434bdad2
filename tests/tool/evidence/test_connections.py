"""What a failed test connected to, in the words of its section."""

from __future__ import annotations

import pytest

from pytest_k8s_job.evidence.connections import Peer, connections_text
from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Pod, Workload

PEER = ("api", 80, "10.0.0.7")


def target(*pods: tuple[str, str]) -> Target:
    """Return a Deployment behind a Service; each pod is name and address."""
    made = tuple(Pod("shop", name, "v1", 0.0, True, address) for name, address in pods)
    workload = Workload("deployment", "shop", "api", "seen", pods=made)
    return Target((workload,), (Service("shop", "api", "seen", (workload.key,)),))


def line(peer: Peer, found: Target, exchanges: str = "", namespace: str = "shop") -> str:
    """Return the one line of a test that had one peer."""
    return connections_text([peer], found, namespace, exchanges)


@pytest.mark.parametrize("name", ["api", "api.shop", "api.shop.svc", "api.shop.svc.cluster.local."])
def test_a_service_is_named_with_what_is_behind_it(name: str) -> None:
    """By each of its names."""
    said = line((name, 80, "10.0.0.7"), target(("api-a", "10.1.0.1")))
    assert said == f"{name}:80 (10.0.0.7): Service api, deployment/api, 1 pod"


def test_of_several_pods_the_answer_tells_which() -> None:
    """A header or a body with a pod's name; a number of pods where nothing tells."""
    found = target(("api-a", "10.1.0.1"), ("api-b", "10.1.0.2"))
    assert line(PEER, found).endswith(": Service api, deployment/api, 2 pods")
    assert line(PEER, found, "< X-Served-By: api-b\n<").endswith(": Service api, answered by api-b")
    assert line(PEER, found, '< {"pod": "api-a"}').endswith("answered by api-a")
    assert line(PEER, found, "< X-Real-IP: 10.1.0.2").endswith("answered by api-b")


def test_the_beginning_of_a_name_is_not_that_name() -> None:
    """db-1 and db-10, and their addresses, are two pods."""
    found = target(("db-1", "10.1.0.1"), ("db-10", "10.1.0.10"))
    assert line(PEER, found, "< X-Served-By: db-10").endswith("answered by db-10")
    assert line(PEER, found, "< Via: 10.1.0.10:8080, x").endswith("answered by db-10")
    assert line(PEER, found, "< X-Served-By: my-db-1").endswith("2 pods")


def test_what_is_no_part_of_the_target_is_told_as_it_is() -> None:
    """A host elsewhere, an address, and a name that has none."""
    found = target(("api-a", "10.1.0.1"))
    assert line(("example.org", 443, "93.184.216.34"), found) == "example.org:443 (93.184.216.34)"
    assert line(("10.9.9.9", 6379, "10.9.9.9"), found) == "10.9.9.9:6379"
    assert line(("apj", 80, ""), found) == "apj:80: no address"


def test_a_service_of_another_namespace_is_another() -> None:
    """The short name means that of the run's own namespace."""
    assert line(PEER, target(("api-a", "10.1.0.1")), namespace="runs") == "api:80 (10.0.0.7)"


def test_each_peer_has_its_line() -> None:
    """In the order in which they were met."""
    peers = [PEER, ("db", 5432, "10.0.0.9")]
    text = connections_text(peers, target(("api-a", "10.1.0.1")), "shop", "")
    assert [each.partition(" ")[0] for each in text.splitlines()] == ["api:80", "db:5432"]
