"""Reads logs, pods, events and endpoints of the target at one time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.containers import containers
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.membership import is_event_of, is_pod_of, is_slice_of
from pytest_k8s_job.target.model import Target

__all__ = ["MARGIN", "Log", "TargetData", "missing_rights", "read_secrets", "read_target"]

MARGIN = 2.0  # seconds around a test: clocks of nodes differ, objects tell whole seconds
LOG_LINES, LOG_BYTES = 5_000, 4 << 20  # of one container, the newest lines
MOST_LOGS = 40  # containers
SIDE_BY_SIDE = 8  # requests at the same time
CORE, DISCOVERY = "/api/v1/namespaces/{}/", "/apis/discovery.k8s.io/v1/namespaces/{}/"
OWN = {"pods": is_pod_of, "events": is_event_of, "endpointslices": is_slice_of}
RIGHTS = {  # resource -> API group and verb of the right to read it
    "pods": ("", "list"),
    "pods/log": ("", "get"),
    "events": ("", "list"),
    "endpointslices": ("discovery.k8s.io", "list"),
}


@dataclass(frozen=True)
class Log:
    """The log of one container.

    With `previous`, that from before its last restart.
    """

    pod: str
    container: str
    previous: bool
    text: str

    @property
    def full(self) -> bool:
        """Whether there may be older lines."""
        return len(self.text) >= LOG_BYTES or self.text.count("\n") >= LOG_LINES


@dataclass(frozen=True)
class TargetData:
    """Everything that was read of the target.

    Attributes:
        since: the logs begin here, in seconds since the epoch.
        at: when reading began, by the API server's clock, which tells whole seconds.
        snapshot: pods, events and endpointslices.
        logs: of the pods.
        refused: resources that the user may not read.
        left_out: containers whose logs were not read, since there are too many.
    """

    since: float
    at: float
    snapshot: Snapshot
    logs: tuple[Log, ...] = ()
    refused: frozenset[str] = field(default_factory=frozenset)
    left_out: int = 0

    def covers(self, start: float, stop: float) -> bool:
        """Whether this data suffices for a test of that time."""
        return self.since <= start and stop <= self.at


def read_target(reader: Reader, target: Target, start: float) -> TargetData:
    """Read everything since `start`; leave out what is forbidden or gone."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return _TargetReader(reader, target, pool).read(start - MARGIN)


def read_secrets(reader: Reader, namespace: str) -> list[Mapping[str, Any]]:
    """Return the Secrets of the namespace, none if they may not be read."""
    try:
        body, _ = reader.read(CORE.format(namespace) + "secrets?limit=500", "application/json")
    except ClusterError:
        return []
    return list(json.loads(body).get("items") or ())


class _TargetReader:
    def __init__(self, reader: Reader, target: Target, pool: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._target = target
        self._pool = pool
        self._refused: set[str] = set()

    def read(self, since: float) -> TargetData:
        namespaces = self._target.namespaces
        lists = [(base, each) for each in ("events", "pods") for base in (CORE,)]
        asked = [
            (base, namespace, resource)
            for namespace in namespaces
            for base, resource in (*lists, (DISCOVERY, "endpointslices"))
        ]
        answers = list(self._pool.map(lambda each: self._list(*each), asked))
        objects: dict[str, list[Object]] = {"pods": [], "events": [], "endpointslices": []}
        for (_, _, resource), (items, _) in zip(asked, answers, strict=True):
            objects[resource] += items
        at = max((each[1] for each in answers), default=time.time())
        for resource, is_ours in OWN.items():
            objects[resource] = [each for each in objects[resource] if is_ours(self._target, each)]
        pods = objects["pods"]
        wanted = list(_wanted(pods, since))
        age = math.ceil(max(at - since, 0)) + 1
        logs = self._pool.map(lambda each: self._log(age, *each), wanted[:MOST_LOGS])
        kept = tuple(log for log in logs if log is not None)
        snapshot = Snapshot(next(iter(namespaces), ""), taken=at, server_time=at, objects=objects)
        left_out = max(len(wanted) - MOST_LOGS, 0)
        return TargetData(since, at, snapshot, kept, frozenset(self._refused), left_out)

    def _list(self, base: str, namespace: str, resource: str) -> tuple[list[Object], float]:
        path = f"{base.format(namespace)}{resource}"
        body, at = self._get(resource, path, "application/json")
        items = json.loads(body).get("items") or () if body else ()
        return list(items), at or time.time()

    def _log(
        self, age: int, namespace: str, pod: str, container: str, previous: bool
    ) -> Log | None:
        query = {
            "container": container,
            "sinceSeconds": age,
            "tailLines": LOG_LINES,
            "limitBytes": LOG_BYTES,
            "timestamps": "true",
        }
        if previous:
            query["previous"] = "true"
        path = f"{CORE.format(namespace)}pods/{pod}/log?{urlencode(query)}"
        body, _ = self._get("pods/log", path, "*/*")
        text = body.decode("utf-8", "replace")
        return Log(pod, container, previous, text) if text else None

    def _get(self, resource: str, path: str, accept: str) -> tuple[bytes, float]:
        try:
            return self._reader.read(path, accept)
        except ClusterError as error:
            if error.status in (401, 403):
                self._refused.add(resource)
            return b"", 0.0


def _wanted(pods: Sequence[Object], since: float) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the containers whose logs to read.

    Each as pod, container, and whether its previous log is meant.
    """
    for pod in pods:
        for container in containers(pod):
            if not container.status or container.init:
                continue
            place = pod["metadata"].get("namespace", ""), name_of(pod), container.name
            yield *place, False
            if epoch(container.ended_before.get("finishedAt")) >= since:
                yield *place, True


def missing_rights(refused: Iterable[str]) -> list[str]:
    """Return a rule of a Role for each right that is missing."""
    return [
        f'{{apiGroups: ["{RIGHTS[each][0]}"], resources: [{each}], verbs: [{RIGHTS[each][1]}]}}'
        for each in sorted(refused)
    ]
