"""Faults of the way to the cluster, of the namespace and of the node."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local_cluster.settings import Paths
from local_cluster.supervision import Supervisor
from pytest_k8s_job.diagnosis.causes import Cause
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.objects import config_map, deployment, job, pod_spec, server, service
from tests.tool.diagnosis.place import Place, kubectl, wait_until

__all__ = ["FAULTS"]


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _no_server(place: Place) -> None:
    address = f"https://127.0.0.1:{_closed_port()}"
    place.change_kubeconfig(lambda config: config["clusters"][0]["cluster"].update(server=address))


def _other_authority(place: Place) -> None:
    other = (Paths.of_user().pki / "front-proxy-ca.crt").read_bytes()
    data = base64.b64encode(other).decode()
    place.change_kubeconfig(
        lambda config: config["clusters"][0]["cluster"].update({"certificate-authority-data": data})
    )


def _bad_token(place: Place) -> None:
    place.change_kubeconfig(lambda config: config["users"][0].update(user={"token": "expired"}))


def _stranger(place: Place) -> None:
    place.kubectl("create", "serviceaccount", "stranger")
    token = place.kubectl("create", "token", "stranger").strip()
    place.change_kubeconfig(lambda config: config["users"][0].update(user={"token": token}))


def _fast_clock(place: Place) -> None:
    place.clock_ahead = 3600.0


def _no_namespace(place: Place) -> None:
    place.name += "s"


@contextmanager
def _terminating(place: Place) -> Iterator[None]:
    held: dict[str, Any] = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/held"]
    place.apply(held)
    kubectl("delete", "namespace", place.name, "--wait=false")
    try:
        yield
    finally:
        free = '{"metadata":{"finalizers":null}}'
        place.kubectl("patch", "configmap", "held", "--type=merge", "-p", free)


def _node() -> str:
    return kubectl("get", "node", "-o", "jsonpath={.items[0].metadata.name}")


def _taints(node: str) -> str:
    return kubectl("get", "node", node, "-o", "jsonpath={.spec.taints[*].key}")


@contextmanager
def _cordoned(place: Place) -> Iterator[None]:
    node = _node()
    kubectl("cordon", node)
    try:
        # The scheduler hears of it a moment later, as the controller does that taints the node.
        wait_until(lambda: "unschedulable" in _taints(node), "the taint of a cordoned node")
        place.apply(job())
        yield
    finally:
        kubectl("uncordon", node)


@contextmanager
def _tainted(place: Place) -> Iterator[None]:
    node = _node()
    kubectl("taint", "node", node, "example.com/reserved=gpu:NoSchedule")
    try:
        place.apply(job())
        yield
    finally:
        kubectl("taint", "node", node, "example.com/reserved-")


@contextmanager
def _no_dns(place: Place) -> Iterator[None]:
    kubectl("-n", "kube-system", "scale", "deployment", "coredns", "--replicas=0")
    try:
        yield
    finally:
        kubectl("-n", "kube-system", "scale", "deployment", "coredns", "--replicas=1")
        wait = ("wait", "deployment/coredns", "--for=condition=Available", "--timeout=90s")
        kubectl("-n", "kube-system", *wait)


def _served(place: Place) -> None:
    place.apply(deployment(pod_spec(server())), service())
    place.wait_ready()


@contextmanager
def _lost_node(place: Place) -> Iterator[None]:
    supervisor = Supervisor(Paths.of_user())
    supervisor.call("stopProcess", "kubelet", True)
    try:
        yield
    finally:
        supervisor.call("startProcess", "kubelet", False)
        wait_until(lambda: _ready() == "True", "the node to be ready again")


def _ready() -> str:
    path = "jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}"
    return kubectl("get", "node", "-o", path)


FAULTS = [
    Fault("api-unreachable", Cause.API_UNREACHABLE, ("refuses connections",), _no_server),
    Fault("wrong-cluster", Cause.WRONG_CLUSTER, ("certificate",), _other_authority),
    Fault("expired-credentials", Cause.CREDENTIALS, ("401",), _bad_token),
    Fault("no-rights", Cause.NO_RIGHTS, ("stranger", "list pods"), _stranger),
    Fault("clock-skew", Cause.CLOCK_SKEW, ("ahead",), _fast_clock, _served),
    Fault("namespace-missing", Cause.NAMESPACE_MISSING, ("there is no namespace",), _no_namespace),
    Fault(
        "namespace-terminating", Cause.NAMESPACE_TERMINATING, ("is being deleted",), _terminating
    ),
    Fault("nothing-deployed", Cause.NOTHING_DEPLOYED, ("nothing is deployed",), lambda _: None),
    Fault(
        "cordoned", Cause.CORDONED, ("cordoned",), _cordoned, sign="were unschedulable", alone=True
    ),
    Fault(
        "tainted",
        Cause.TAINTED,
        ("example.com/reserved=gpu:NoSchedule",),
        _tainted,
        sign="untolerated taint",
        alone=True,
    ),
    Fault("dns-down", Cause.DNS_DOWN, ("coredns is scaled to 0",), _no_dns, _served, alone=True),
    Fault(
        "node-lost",
        Cause.NODE_LOST,
        ("does not report",),
        _lost_node,
        _served,
        alone=True,
        clock=70,
    ),
]
