"""Finds the target: what was said, read, seen, and what belongs to these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pytest_k8s_job.cluster.objects import labels_of, name_of
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.target.addresses import owner_at, service_at
from pytest_k8s_job.target.behind import (
    States,
    chain,
    exists,
    service_in,
    template_labels,
    workload_objects,
)
from pytest_k8s_job.target.hosts import ServiceName, service_named
from pytest_k8s_job.target.model import LEADS, Service, Target
from pytest_k8s_job.target.pods import is_live, maker_of, owner_of
from pytest_k8s_job.target.said import SERVICE, Said
from pytest_k8s_job.target.state import NamespaceState, read_namespaces
from pytest_k8s_job.target.workloads import RESOURCES, workload_of

__all__ = ["Search", "find_target", "find_targets", "missing"]

BELONGING = ("app.kubernetes.io/part-of", "app.kubernetes.io/instance")
Key = tuple[str, str, str]  # namespace, kind in lower case, name


@dataclass(frozen=True)
class Search:
    """What the target is found by.

    Attributes:
        namespace: the run's.
        said: what the user named.
        hosts: (host name, variable or setting that holds it).
        seen: host names and addresses that the tests connected to.
        ports: (address, port) of these.
    """

    namespace: str
    said: tuple[Said, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    seen: tuple[str, ...] = ()
    ports: frozenset[tuple[str, int]] = frozenset()

    def namespaces(self) -> list[str]:
        """The namespaces to read, the run's first."""
        named = [each.namespace for each in self.said if each.namespace]
        meant = [each.namespace for each in self.services()]
        return list(dict.fromkeys([self.namespace, *named, *meant]))

    def services(self) -> list[ServiceName]:
        """The Services that are named, or may be meant."""
        said = [
            ServiceName(each.namespace or self.namespace, each.name)
            for each in self.said
            if each.kind == SERVICE
        ]
        hosts = [*(host for host, _ in self.hosts), *self.seen]
        return said + [service for host in hosts if (service := self.service(host))]

    def service(self, host: str) -> ServiceName | None:
        """Return the Service that a host name may mean."""
        return service_named(host, self.namespace, host.lower().split("."))


def find_target(reader: Reader, search: Search) -> Target:
    """Read the namespaces that `search` names and return the target."""
    (found,) = find_targets(reader, [search])
    return found


def find_targets(reader: Reader, searches: Iterable[Search]) -> Iterator[Target]:
    """Yield the target of each search; what they share is read once."""
    known: dict[str, NamespaceState] = {}
    for search in searches:
        states: dict[str, NamespaceState] = {}
        wanted = search.namespaces()
        while wanted:
            known |= read_namespaces(reader, [each for each in wanted if each not in known])
            states |= {each: known[each] for each in wanted}
            wanted = _unread(states, search)
        yield target_in(states, search)


def _unread(states: States, search: Search) -> list[str]:
    """Return the namespaces to which Services lead by ExternalName, and which were not read."""
    meant = {each.namespace for service in search.services() for each in chain(states, service)}
    return sorted(meant - states.keys())


def target_in(states: States, search: Search) -> Target:
    """Return the target that `search` finds in what was read."""
    finder = _Finder(states, search)
    absent = tuple(each.text for each in search.said if not finder.take_said(each))
    for host, variable in search.hosts:
        finder.take_host(host, f"read from {variable}")
    for host in search.seen:
        finder.take_host(host, "seen")
    services = [service_in(states, place, why) for place, why in finder.services.items()]
    found = finder.workloads
    for each in services:
        for key in each.workloads:
            found.setdefault(key, each.found)
    for key, why in list(_belonging(states, found)):
        found.setdefault(key, why)
    services += _leading_to(states, found, finder.services)
    made = (workload_of(states[key[0]], key[1:], why) for key, why in found.items())
    target = Target(
        tuple(each for each in made if each is not None),
        tuple(_without_said(each, found) for each in services),
        absent=absent,
        unread=frozenset(name for name, state in states.items() if not state.whole),
    )
    certain = [states[each] for each in _certain(states, search, target)]
    return replace(
        target,
        unknown=tuple(text for state in certain for text in (*state.rules, *state.failures)),
        failed=tuple(text for state in certain for text in state.failures),
        lacking=tuple((state.namespace, text) for state in certain for text in state.rules),
    )


def missing(target: Target, search: Search) -> list[Said]:
    """Return what the user named and is not there."""
    return [each for each in search.said if each.text in target.absent]


class _Finder:
    """Collects workloads and Services, each with the first reason."""

    def __init__(self, states: States, search: Search) -> None:
        self._states = states
        self._search = search
        self.workloads: dict[Key, str] = {}
        self.services: dict[ServiceName, str] = {}

    def take_said(self, said: Said) -> bool:
        """Take what the user named; return whether it is there."""
        state = self._states[said.namespace or self._search.namespace]
        if said.kind == SERVICE:
            return self._take_service(ServiceName(state.namespace, said.name), "said by --target")
        keys = list(_selected(state, said)) if said.labels else _named(state, said)
        why = f"said by --target {said.text}" if said.labels else "said by --target"
        for key in keys:
            self.workloads.setdefault((state.namespace, *key), why)
        return bool(keys)

    def take_host(self, host: str, why: str) -> None:
        """Take what a host name or an address means."""
        for service in self._meant(host):
            if self._take_service(service, why):
                return
        ports = [port for address, port in self._search.ports if address == host]
        if at_address := service_at(self._states, host.lower(), ports):
            self._take_service(at_address, why)
            return
        for state in self._states.values():
            if owner := owner_at(state, host):
                self.workloads.setdefault((state.namespace, *owner), why)
                return

    def _meant(self, host: str) -> Iterator[ServiceName]:
        if service := self._search.service(host):
            yield service
        parts = host.lower().rstrip(".").split(".")
        if len(parts) == 2:  # a pod's name, behind a headless Service
            own = self._states[self._search.namespace].named("services", parts[1])
            if own is not None and own["spec"].get("clusterIP") == "None":
                yield ServiceName(self._search.namespace, parts[1])

    def _take_service(self, service: ServiceName, why: str) -> bool:
        if not exists(self._states, service):
            return False
        for each in chain(self._states, service):
            if exists(self._states, each):
                self.services.setdefault(each, why)
        return True


def _selected(state: NamespaceState, said: Said) -> Iterator[tuple[str, str]]:
    for kind, obj in workload_objects(state):
        if said.selects(template_labels(obj)):
            yield kind, name_of(obj)
    for pod in filter(is_live, state["pods"]):
        if said.selects(labels_of(pod)) and (owner := owner_of(pod, state)):
            yield owner


def _named(state: NamespaceState, said: Said) -> list[tuple[str, str]]:
    """Return the workload that was named; for a pod or a ReplicaSet, what made it."""
    key: tuple[str, str] | None = (said.kind, said.name)
    obj = state.named(RESOURCES.get(said.kind, ""), said.name)
    if obj is not None and said.kind == "pod":
        key = owner_of(obj, state)
    elif obj is not None and said.kind == "replicaset":
        key = maker_of(obj) or key
    return [key] if key and workload_of(state, key, "") else []


def _belonging(states: States, found: Mapping[Key, str]) -> Iterator[tuple[Key, str]]:
    """Yield workloads that share a label of the same application with one that was found."""
    shared: set[tuple[str, str, str]] = set()
    for namespace, kind, name in found:
        obj = states[namespace].named(RESOURCES.get(kind, ""), name)
        labels = labels_of(obj) if obj is not None else {}
        shared |= {(namespace, each, labels[each]) for each in BELONGING if each in labels}
    for namespace in {each[0] for each in shared}:
        for kind, obj in workload_objects(states[namespace]):
            for label in BELONGING:
                value = labels_of(obj).get(label, "")
                if (namespace, label, value) in shared:
                    yield (namespace, kind, name_of(obj)), f"part of {value}"


def _leading_to(
    states: States, found: Iterable[Key], known: Iterable[ServiceName]
) -> Iterator[Service]:
    """Yield the other Services that lead to workloads which were found."""
    keys = set(found)
    for state in states.values():
        for each in state["services"]:
            place = ServiceName(state.namespace, name_of(each))
            if place in known or not each["spec"].get("selector"):
                continue
            service = service_in(states, place, LEADS)
            if keys & set(service.workloads):
                yield replace(service, workloads=tuple(k for k in service.workloads if k in keys))


def _without_said(service: Service, found: Mapping[Key, str]) -> Service:
    """Return the Service without strays that are a target of their own."""
    strays = (each for each in service.strays if (each.namespace, "pod", each.name) not in found)
    return replace(service, strays=tuple(strays))


def _certain(states: States, search: Search, target: Target) -> list[str]:
    """Return the namespaces that certainly matter."""
    certain = {search.namespace, *(each.namespace for each in search.said), *target.namespaces}
    certain |= {
        service.namespace
        for host, _ in search.hosts
        if (service := search.service(host)) and ".svc" in host
    }
    return sorted(certain & states.keys())
