"""What is read of namespaces, and what may not be read."""

from __future__ import annotations

import json

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.state import CONFIGS, KINDS, NamespaceState, read_namespaces
from tests.tool.target.objects import Server, deployment, service, web, within


def test_each_kind_is_asked_for_once_in_each_namespace() -> None:
    """The number of requests depends on nothing else, and only names of Secrets are read."""
    server = Server([*web(), *within("db", *web())])
    states = read_namespaces(server, ["shop", "db"])
    both = (KINDS | CONFIGS).values()
    assert sorted(server.paths) == sorted(
        path.format(namespace) for path in both for namespace in ("shop", "db")
    )
    assert {name: state.namespace for name, state in states.items()} == {"shop": "shop", "db": "db"}


def test_objects_are_found_by_resource_and_name() -> None:
    """What is not there is an empty list, or None."""
    state = read_namespaces(Server([*web(pods=2), service()]), ["shop"])["shop"]
    assert [each["metadata"]["name"] for each in state["pods"]] == ["web-a1-0", "web-a1-1"]
    found = state.named("deployments", "web")
    assert found is not None
    assert found["kind"] == "Deployment"
    assert state.named("deployments", "wbe") is None
    assert state.named("", "web") is None
    assert state["statefulsets"] == []
    assert state.whole
    assert state.rules == []
    assert state.failures == []


def test_a_missing_right_is_told_with_its_rule() -> None:
    """Each kind that may not be read is named as a Role's rule, with its group."""
    refused = {"pods": 403, "endpointslices": 403, "deployments": 403, "secrets": 403}
    state = read_namespaces(Server(web(), refused), ["shop"])["shop"]
    assert state.rules == [
        "namespace shop: a Role there lacks: "
        "list pods, list endpointslices.discovery.k8s.io, list deployments.apps"
    ]
    assert state.failures == []
    assert not state.whole
    assert len(state["replicasets"]) == 1


def test_configs_that_may_not_be_read_are_no_lack() -> None:
    """Their versions are told where they may be read, and nothing else depends on them."""
    state = read_namespaces(Server(web(), dict.fromkeys(CONFIGS, 403)), ["shop"])["shop"]
    assert state.whole
    assert state.rules == []
    state = read_namespaces(Server(web(), dict.fromkeys(CONFIGS, 500)), ["shop"])["shop"]
    assert state.whole
    assert state.failures == []


def test_one_namespace_may_be_refused() -> None:
    """What may be read elsewhere is read."""
    server = Server(web(), {f"db/{each}": 403 for each in KINDS})
    states = read_namespaces(server, ["shop", "db"])
    assert states["shop"].whole
    assert not states["db"].whole
    assert states["db"].rules[0].count("list ") == len(KINDS)


def test_a_failure_is_no_missing_right() -> None:
    """An API server that fails may answer a moment later: its status is told."""
    state = read_namespaces(Server(web(), {"pods": 500, "services": 429}), ["shop"])["shop"]
    assert state.rules == []
    assert state.failures == [
        "namespace shop: pods could not be read (HTTP 500)",
        "namespace shop: services could not be read (HTTP 429)",
    ]
    assert not state.whole


def test_a_kind_that_is_not_served_has_no_objects() -> None:
    """An API server without a kind answers 404: there is none of it."""
    state = read_namespaces(Server(web(), {"endpointslices": 404}), ["shop"])["shop"]
    assert state["endpointslices"] == []
    assert state.whole


class Garbled(Server):
    """An API server, or what stands before it, that answers with no JSON, or not at all."""

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return no JSON for pods; refuse to connect for Services."""
        if path.endswith("services"):
            raise ClusterError("no connection")
        if path.endswith("pods"):
            return b"<html>", 0.0
        if path.endswith("deployments"):
            return json.dumps({"items": None}).encode(), 0.0
        return super().read(path, accept)


def test_no_answer_and_no_json_are_failures() -> None:
    """A proxy's page is none of the API server's answers; an empty list is one."""
    state = read_namespaces(Garbled([deployment()]), ["shop"])["shop"]
    assert state.failures == [
        "namespace shop: pods could not be read (no answer)",
        "namespace shop: services could not be read (no answer)",
    ]
    assert state["deployments"] == []


def test_a_state_that_was_not_read_is_empty() -> None:
    """Without anything it has no objects, and lacks nothing."""
    assert NamespaceState("shop")["pods"] == []
    assert NamespaceState("shop").whole
