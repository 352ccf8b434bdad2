"""Reads what the API server knows of the workloads and Services of a namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.pods import NAMES_ONLY, Reader, read_list
from pytest_k8s_job.errors import ClusterError

__all__ = ["KINDS", "NamespaceState", "read_namespaces"]

KINDS = {
    "pods": "/api/v1/namespaces/{}/pods",
    "services": "/api/v1/namespaces/{}/services",
    "endpointslices": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "deployments": "/apis/apps/v1/namespaces/{}/deployments",
    "replicasets": "/apis/apps/v1/namespaces/{}/replicasets",
    "statefulsets": "/apis/apps/v1/namespaces/{}/statefulsets",
    "daemonsets": "/apis/apps/v1/namespaces/{}/daemonsets",
}
CONFIGS = {  # of these only names and versions are asked for
    "configmaps": "/api/v1/namespaces/{}/configmaps",
    "secrets": "/api/v1/namespaces/{}/secrets",
}
GROUPS = {"endpointslices": "discovery.k8s.io"} | dict.fromkeys(
    ("deployments", "replicasets", "statefulsets", "daemonsets"), "apps"
)
FORBIDDEN = int(HTTPStatus.FORBIDDEN)
SIDE_BY_SIDE = 8  # requests at the same time
Found = TypeVar("Found")


@dataclass(frozen=True)
class NamespaceState:
    """The objects of one namespace, by resource, and why some may not be read.

    Attributes:
        namespace: its name.
        objects: resource -> objects.
        refused: resource -> HTTP status, 0 without an answer.
    """

    namespace: str
    objects: Mapping[str, list[Object]] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    _found: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, what: str, find: Callable[[], Found]) -> Found:
        """Return what `find` returned for this state first: many targets may ask for it."""
        if what not in self._found:
            self._found[what] = find()
        found: Found = self._found[what]
        return found

    def __getitem__(self, resource: str) -> list[Object]:
        return self.objects.get(resource, [])

    def named(self, resource: str, name: str) -> Object | None:
        """Return the object with a name."""
        return self._named.get((resource, name))

    @cached_property
    def _named(self) -> Mapping[tuple[str, str], Object]:  # a thousand pods each ask for an owner
        kinds = self.objects.items()
        return {(kind, name_of(each)): each for kind, objects in kinds for each in objects}

    @property
    def whole(self) -> bool:
        """Whether all was read that tells of workloads and Services."""
        return not self.refused.keys() & KINDS.keys()

    @property
    def rules(self) -> list[str]:
        """One sentence with the rules that a Role lacks, if it lacks any."""
        refused = [each for each in KINDS if self.refused.get(each) == FORBIDDEN]
        rules = ", ".join(f"list {each}{_group(each)}" for each in refused)
        return [f"namespace {self.namespace}: a Role there lacks: {rules}"] if rules else []

    @property
    def failures(self) -> list[str]:
        """What could not be read although it may be, each with the reason."""
        return [
            f"namespace {self.namespace}: {kind} could not be read ({_reason(self.refused[kind])})"
            for kind in KINDS
            if self.refused.get(kind, FORBIDDEN) != FORBIDDEN
        ]


def read_namespaces(reader: Reader, namespaces: Iterable[str]) -> dict[str, NamespaceState]:
    """Read the namespaces, one request for each kind of object."""
    wanted = [(each, kind) for each in namespaces for kind in (*KINDS, *CONFIGS)]
    if not wanted:
        return {}
    with ThreadPoolExecutor(SIDE_BY_SIDE, "k8s-job-target") as threads:
        answers = list(threads.map(lambda pair: _read(reader, *pair), wanted))
    states: dict[str, NamespaceState] = {}
    for (namespace, kind), answer in zip(wanted, answers, strict=True):
        state = states.get(namespace) or NamespaceState(namespace)
        objects, refused = dict(state.objects), dict(state.refused)
        if isinstance(answer, int):
            refused[kind] = answer
        else:
            objects[kind] = answer
        states[namespace] = NamespaceState(namespace, objects, refused)
    return states


def _read(reader: Reader, namespace: str, kind: str) -> list[Object] | int:
    accept = NAMES_ONLY if kind in CONFIGS else "application/json"
    try:
        return read_list(reader, (KINDS | CONFIGS)[kind].format(namespace), accept)
    except ClusterError as error:
        return [] if error.status == HTTPStatus.NOT_FOUND else error.status


def _reason(status: int) -> str:
    return f"HTTP {status}" if status else "no answer"


def _group(kind: str) -> str:
    return f".{GROUPS[kind]}" if kind in GROUPS else ""
