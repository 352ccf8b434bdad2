"""What stands behind a Service: workloads, and bare pods that answer too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.target.hosts import ServiceName, service_named
from pytest_k8s_job.target.model import Service
from pytest_k8s_job.target.pods import addresses_of, is_live, owner_of, pod_of
from pytest_k8s_job.target.state import NamespaceState
from pytest_k8s_job.target.workloads import RESOURCES
from pytest_k8s_job.target.written import written

__all__ = [
    "SLICE_LABEL",
    "States",
    "chain",
    "exists",
    "service_in",
    "template_labels",
    "workload_objects",
]

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
    state = states[last.namespace]
    made = state.once(f"behind Service {last.name}", lambda: _resolved(state, obj))
    made = replace(made, found=why)
    if last == service:
        return made
    own = _object(states, service) or {}
    made = replace(made, uid=_uid(own), selected=written(own, "spec", "externalName"))
    return replace(made, namespace=service.namespace, name=service.name, strays=(), foreign=())


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


def _resolved(state: NamespaceState, service: Object) -> Service:
    name, selector = name_of(service), service["spec"].get("selector")
    endpoints = list(_endpoints(state, name))
    names = {pod for pod, _ in endpoints}
    answering = {pod for pod, ready in endpoints if ready}
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
    strays = {name for kind, name in owners if kind == "pod"} | _of_jobs(pods, state)
    strays &= answering if workloads else set()
    return Service(
        state.namespace,
        name,
        "",
        tuple(sorted((state.namespace, *each) for each in workloads or owners)),
        tuple(pod_of(each) for each in pods if name_of(each) in strays),
        tuple(sorted(_foreign(state, name))) if workloads else (),
        _uid(service),
        written(service, "spec", "selector"),
        max((written(each) for each in _slices(state, name)), default=0.0),
        frozenset(
            ((state.namespace, *owner), pod_of(each).version)
            for each in pods
            if name_of(each) in answering and (owner := owner_of(each, state))
        ),
    )


def _of_jobs(pods: Iterable[Object], state: NamespaceState) -> set[str]:
    """Return the pods of Jobs, without those of runs."""
    return {
        name_of(each)
        for each in pods
        if owner_of(each, state) is None and RUN_LABEL not in labels_of(each)
    }


def _endpoints(state: NamespaceState, service: str) -> Iterator[tuple[str, bool]]:
    """Yield (pod, whether requests go to it) of a Service."""
    for endpoint in _listed(state, service):
        target = endpoint.get("targetRef") or {}
        if _is_pod(target, state):
            yield target["name"], _is_ready(endpoint)
        elif not target:  # written by hand
            addresses = set(endpoint.get("addresses") or ())
            for pod in filter(is_live, state["pods"]):
                if addresses & addresses_of(pod):
                    yield name_of(pod), _is_ready(endpoint)


def _foreign(state: NamespaceState, service: str) -> set[str]:
    """Return addresses that requests go to and that are of no pod which was read."""
    found: set[str] = set()
    for endpoint in filter(_is_ready, _listed(state, service)):
        addresses = set(endpoint.get("addresses") or ())
        target = endpoint.get("targetRef") or {}
        if _is_pod(target, state):  # one without an address may have got it since it was read
            pod = state.named("pods", target["name"])
            own = addresses_of(pod) if pod is not None else set()
            found |= addresses - own if own else set()
        else:
            found |= addresses.difference(*map(addresses_of, state["pods"]))
    return found


def _listed(state: NamespaceState, service: str) -> Iterator[Object]:
    for each in _slices(state, service):
        yield from each.get("endpoints") or ()


def _slices(state: NamespaceState, service: str) -> Iterator[Object]:
    return (each for each in state["endpointslices"] if labels_of(each).get(SLICE_LABEL) == service)


def _is_ready(endpoint: Object) -> bool:
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _is_pod(target: Object, state: NamespaceState) -> bool:
    here = target.get("namespace", state.namespace) == state.namespace
    return target.get("kind") == "Pod" and here


def _uid(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("uid") or "")


def _matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())
