"""Which Service or pod an address belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.target.behind import States
from pytest_k8s_job.target.hosts import ServiceName
from pytest_k8s_job.target.pods import addresses_of, is_live, owner_of
from pytest_k8s_job.target.state import NamespaceState

__all__ = ["owner_at", "service_at"]


def service_at(states: States, address: str, ports: Collection[int]) -> ServiceName | None:
    """Return the Service with this address, or with a node's port at it.

    `ports` are those at which the address was connected to. The nodes are those of the pods that
    were read.
    """
    nodes = {each for state in states.values() for each in _nodes(state)}
    for state in states.values():
        for each in state["services"]:
            node_ports = {port.get("nodePort") for port in each["spec"].get("ports") or ()}
            if address in _addresses(each) or (address in nodes and node_ports & set(ports)):
                return ServiceName(state.namespace, name_of(each))
    return None


def owner_at(state: NamespaceState, address: str) -> tuple[str, str] | None:
    """Return what made the pod with an address of its own."""
    for pod in filter(is_live, state["pods"]):
        if address in addresses_of(pod) and not pod["spec"].get("hostNetwork"):
            return owner_of(pod, state)
    return None


def _addresses(service: Object) -> Iterator[str]:
    """Yield the addresses of a Service, those of its load balancer too."""
    spec, status = service["spec"], service.get("status") or {}
    yield from spec.get("clusterIPs") or [spec.get("clusterIP")]  # a headless Service has `None`
    yield from spec.get("externalIPs") or ()
    for each in (status.get("loadBalancer") or {}).get("ingress") or ():
        yield from filter(None, (each.get("ip"), each.get("hostname")))


def _nodes(state: NamespaceState) -> Iterator[str]:
    for pod in state["pods"]:
        status = pod.get("status") or {}
        yield from (each["ip"] for each in status.get("hostIPs") or ())
        yield from filter(None, [status.get("hostIP")])
