"""Finds the target: what was said, read, seen, and what belongs to these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.target.hosts import ServiceName, service_named
from pytest_k8s_job.target.model import Pod, Service, Target
from pytest_k8s_job.target.said import SERVICE, Said
from pytest_k8s_job.target.state import NamespaceState, read_namespaces
from pytest_k8s_job.target.workloads import RESOURCES, owner_of, pod_of, workload_of

__all__ = ["Search", "find_target", "missing"]

BELONGING = ("app.kubernetes.io/part-of", "app.kubernetes.io/instance")
SLICE_LABEL = "kubernetes.io/service-name"
States = Mapping[str, NamespaceState]
Key = tuple[str, str, str]  # namespace, kind in lower case, name


@dataclass(frozen=True)
class Search:
    """What the target is found by.

    Attributes:
        namespace: the run's.
        said: what the user named.
        hosts: (host name, variable or setting that holds it).
        seen: host names and addresses that the tests connected to.
    """

    namespace: str
    said: tuple[Said, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    seen: tuple[str, ...] = ()

    def namespaces(self) -> list[str]:
        """The namespaces to read, the run's first."""
        named = [each.namespace for each in self.said if each.namespace]
        hosts = [*(host for host, _ in self.hosts), *self.seen]
        meant = [service for host in hosts if (service := self.service(host))]
        return list(dict.fromkeys([self.namespace, *named, *(each.namespace for each in meant)]))

    def service(self, host: str) -> ServiceName | None:
        """Return the Service that a host name may mean; whether it is there shows in its state."""
        return service_named(host, self.namespace, host.rstrip(".").split(".")[1:2])


def find_target(reader: Reader, search: Search) -> Target:
    """Read the namespaces that `search` names and return the target."""
    return target_in(read_namespaces(reader, search.namespaces()), search)


def target_in(states: States, search: Search) -> Target:
    """Return the target that `search` finds in what was read."""
    found: dict[Key, str] = {}
    services: dict[tuple[str, str], str] = {}
    for said in search.said:
        _take_said(states[said.namespace or search.namespace], said, found, services)
    for host, variable in search.hosts:
        if (service := search.service(host)) and _exists(states, service):
            services.setdefault((service.namespace, service.name), f"read from {variable}")
    for address in search.seen:
        _take_seen(states, search, address, found, services)
    resolved = [_resolved(states[place[0]], place[1], why) for place, why in services.items()]
    for each in resolved:
        for key in each.workloads:
            found.setdefault(key, each.found)
    found |= {key: why for key, why in _belonging(states, found) if key not in found}
    others = _leading_to(states, found)
    resolved += [each for each in others if (each.namespace, each.name) not in services]
    made = (workload_of(states[key[0]], key[1:], why) for key, why in found.items())
    return Target(
        tuple(each for each in made if each is not None),
        tuple(resolved),
        tuple(_unknown(states, search)),
    )


def missing(target: Target, search: Search) -> list[Said]:
    """Return what the user named and is not there."""
    return [each for each in search.said if not _is_there(target, search, each)]


def _is_there(target: Target, search: Search, said: Said) -> bool:
    namespace = said.namespace or search.namespace
    if said.labels:
        return any(each.found == _why(said) for each in target.workloads)
    if said.kind == SERVICE:
        return any(
            (each.namespace, each.name) == (namespace, said.name) for each in target.services
        )
    return target.workload((namespace, said.kind, said.name)) is not None


def _why(said: Said) -> str:
    return f"said by --target {said.text}" if said.labels else "said by --target"


def _take_said(
    state: NamespaceState, said: Said, found: dict[Key, str], services: dict[tuple[str, str], str]
) -> None:
    if said.labels:
        for kind, obj in _workload_objects(state):
            if said.selects(_template_labels(obj)):
                found.setdefault((state.namespace, kind, name_of(obj)), _why(said))
        for pod in state["pods"]:
            if said.selects(labels_of(pod)) and (owner := owner_of(pod, state)):
                found.setdefault((state.namespace, *owner), _why(said))
    elif said.kind == SERVICE:
        if state.named("services", said.name) is not None:
            services.setdefault((state.namespace, said.name), _why(said))
    else:
        found.setdefault((state.namespace, said.kind, said.name), _why(said))


def _take_seen(
    states: States,
    search: Search,
    address: str,
    found: dict[Key, str],
    services: dict[tuple[str, str], str],
) -> None:
    service = search.service(address)
    if service is not None and _exists(states, service):
        services.setdefault((service.namespace, service.name), "seen")
        return
    for state in states.values():
        for each in state["services"]:
            if address in (each["spec"].get("clusterIPs") or [each["spec"].get("clusterIP")]):
                services.setdefault((state.namespace, name_of(each)), "seen")
                return
        for pod in state["pods"]:
            owner = owner_of(pod, state)
            if owner and (pod.get("status") or {}).get("podIP") == address:
                found.setdefault((state.namespace, *owner), "seen")
                return


def _exists(states: States, service: ServiceName) -> bool:
    state = states.get(service.namespace)
    return state is not None and state.named("services", service.name) is not None


def _resolved(state: NamespaceState, name: str, why: str) -> Service:
    """Return the Service with what is behind it."""
    selector = ((state.named("services", name) or {}).get("spec") or {}).get("selector") or {}
    endpoints = list(_endpoints(state, name))
    names = {pod for pod, _ in endpoints}
    pods = [each for each in state["pods"] if name_of(each) in names]
    if selector:
        pods += [each for each in state["pods"] if _matches(selector, labels_of(each))]
    owners = {owner for pod in pods if (owner := owner_of(pod, state))}
    if selector:
        owners |= {
            (kind, name_of(obj))
            for kind, obj in _workload_objects(state)
            if _matches(selector, _template_labels(obj))
        }
    workloads = {owner for owner in owners if owner[0] != "pod"}
    strays = owners - workloads if workloads else set()
    answering = {pod for pod, ready in endpoints if ready}
    return Service(
        state.namespace,
        name,
        why,
        tuple(sorted((state.namespace, *each) for each in workloads or owners)),
        tuple(_pods_named(state, {name for _, name in strays if name in answering})),
    )


def _pods_named(state: NamespaceState, names: set[str]) -> Iterator[Pod]:
    return (pod_of(each) for each in state["pods"] if name_of(each) in names)


def _endpoints(state: NamespaceState, service: str) -> Iterator[tuple[str, bool]]:
    """Yield (pod, whether requests go to it) of a Service."""
    for each in state["endpointslices"]:
        if labels_of(each).get(SLICE_LABEL) != service:
            continue
        for endpoint in each.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            if target.get("kind") == "Pod":
                yield target["name"], (endpoint.get("conditions") or {}).get("ready") is not False


def _belonging(states: States, found: Mapping[Key, str]) -> Iterator[tuple[Key, str]]:
    """Yield workloads that share a label of the same application with one that was found."""
    shared: set[tuple[str, str, str]] = set()
    for namespace, kind, name in found:
        obj = states[namespace].named(RESOURCES.get(kind, ""), name)
        labels = labels_of(obj) if obj is not None else {}
        shared |= {(namespace, each, labels[each]) for each in BELONGING if each in labels}
    for namespace in {each[0] for each in shared}:
        for kind, obj in _workload_objects(states[namespace]):
            for label in BELONGING:
                value = labels_of(obj).get(label, "")
                if (namespace, label, value) in shared:
                    yield (namespace, kind, name_of(obj)), f"part of {value}"


def _leading_to(states: States, found: Iterable[Key]) -> Iterator[Service]:
    """Yield the Services that lead to workloads which were found."""
    keys = set(found)
    for state in states.values():
        for each in state["services"]:
            if (each.get("spec") or {}).get("selector"):
                service = _resolved(state, name_of(each), "leads to the target")
                if keys & set(service.workloads):
                    yield replace(
                        service, workloads=tuple(k for k in service.workloads if k in keys)
                    )


def _workload_objects(state: NamespaceState) -> Iterator[tuple[str, Object]]:
    for kind in ("deployment", "statefulset", "daemonset"):
        yield from ((kind, each) for each in state[RESOURCES[kind]])


def _template_labels(obj: Object) -> Mapping[str, str]:
    template = obj["spec"].get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}


def _matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())


def _unknown(states: States, search: Search) -> Iterator[str]:
    """Yield what may not be read of namespaces that certainly matter."""
    certain = {search.namespace, *(each.namespace for each in search.said if each.namespace)}
    certain |= {
        service.namespace
        for host, _ in search.hosts
        if (service := search.service(host)) and ".svc" in host
    }
    for namespace in sorted(certain & states.keys()):
        if rules := states[namespace].missing_rules:
            yield f"namespace {namespace}: a Role there lacks: {', '.join(rules)}"
