"""What stands behind a Service: workloads, and bare pods that answer too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.target.hosts import ServiceName, service_named
from pytest_k8s_job.target.model import Service
from pytest_k8s_job.target.pods import is_live, owner_of, pod_of
from pytest_k8s_job.target.state import NamespaceState
from pytest_k8s_job.target.workloads import RESOURCES

__all__ = ["States", "chain", "exists", "service_in", "template_labels", "workload_objects"]

MOST_HOPS = 4  # from one ExternalName to the next
SLICE_LABEL = "kubernetes.io/service-name"
States = Mapping[str, NamespaceState]


def exists(states: States, service: ServiceName) -> bool:
    """Whether the Service was read."""
    return _object(states, service) is not None


def chain(states: States, service: ServiceName) -> list[ServiceName]:
    """Return the Service and those that it leads to by ExternalName."""
    found = [service]
    while len(found) <= MOST_HOPS:
        spec = (_object(states, found[-1]) or {}).get("spec") or {}
        host = spec.get("externalName", "") if spec.get("type") == "ExternalName" else ""
        further = service_named(host, "")  # a name without its namespace means nothing here
        if further is None or not further.namespace or further in found:
            break
        found.append(further)
    return found


def service_in(states: States, service: ServiceName, why: str) -> Service:
    """Return the Service with what is behind it, by ExternalName too."""
    read = ((each, _object(states, each)) for each in chain(states, service))
    *_, (last, obj) = ((each, obj) for each, obj in read if obj is not None)
    made = _resolved(states[last.namespace], obj, why)
    if last == service:
        return made
    return replace(made, namespace=service.namespace, name=service.name, strays=())


def workload_objects(state: NamespaceState) -> Iterator[tuple[str, Object]]:
    """Yield (kind, object) of everything that makes pods and was read as an object."""
    for kind in ("deployment", "statefulset", "daemonset"):
        yield from ((kind, each) for each in state[RESOURCES[kind]])


def template_labels(obj: Object) -> Mapping[str, str]:
    """Return the labels that a workload gives to its pods."""
    return (obj["spec"]["template"].get("metadata") or {}).get("labels") or {}


def _object(states: States, service: ServiceName) -> Object | None:
    state = states.get(service.namespace)
    return state.named("services", service.name) if state is not None else None


def _resolved(state: NamespaceState, service: Object, why: str) -> Service:
    name, selector = name_of(service), service["spec"].get("selector")
    endpoints = list(_endpoints(state, name))
    names = {pod for pod, _ in endpoints}
    pods = [
        each
        for each in filter(is_live, state["pods"])
        if name_of(each) in names or (selector and _matches(selector, labels_of(each)))
    ]
    owners = {owner for pod in pods if (owner := owner_of(pod, state))}
    if selector:
        owners |= {
            (kind, name_of(obj))
            for kind, obj in workload_objects(state)
            if _matches(selector, template_labels(obj))
        }
    workloads = {owner for owner in owners if owner[0] != "pod"}
    strays = {name for _, name in owners - workloads} if workloads else set()
    answering = {pod for pod, ready in endpoints if ready}
    return Service(
        state.namespace,
        name,
        why,
        tuple(sorted((state.namespace, *each) for each in workloads or owners)),
        tuple(pod_of(each) for each in pods if name_of(each) in strays & answering),
    )


def _endpoints(state: NamespaceState, service: str) -> Iterator[tuple[str, bool]]:
    """Yield (pod, whether requests go to it) of a Service."""
    for each in state["endpointslices"]:
        if labels_of(each).get(SLICE_LABEL) != service:
            continue
        for endpoint in each.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            target = endpoint.get("targetRef") or {}
            if target.get("kind") == "Pod":
                yield target["name"], ready
            elif not target:  # written by hand
                addresses = set(endpoint.get("addresses") or ())
                pods = map(pod_of, filter(is_live, state["pods"]))
                yield from ((pod.name, ready) for pod in pods if pod.address in addresses)


def _matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())
