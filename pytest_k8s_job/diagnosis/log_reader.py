"""Reads the last log lines of the containers that are in trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import chain
from urllib.parse import urlencode

from pytest_k8s_job.cluster.objects import name_of
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.diagnosis.containers import Container, containers
from pytest_k8s_job.diagnosis.rules.container_exits import well
from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot
from pytest_k8s_job.errors import ClusterError

__all__ = ["LogReader"]

LOGS = 12  # containers whose last lines are read
LINES, BYTES = 20, 16384
FRAME = "::k8sjob1 "  # how the lines of our own agent begin that nobody reads
# While a container is started again, neither its old log nor its new one is there.
PAUSES = (0.4, 0.8)  # seconds before each further try


class LogReader:
    """Reads logs of a namespace.

    Attributes:
        logs: text by `POD/CONTAINER`, that of the container before by `POD/CONTAINER/previous`.
        refused: `pods/log`, if the right is missing.
    """

    def __init__(self, reader: Reader, namespace: str) -> None:
        self._reader = reader
        self._path = f"/api/v1/namespaces/{namespace}/pods/{{}}/log?{{}}"
        self.logs: dict[str, str] = {}
        self.refused: dict[str, Refused] = {}

    def read(self, snapshot: Snapshot, pool: Executor) -> None:
        """Read what explains the snapshot's containers that are in trouble."""
        wanted = list(_wanted(snapshot))[:LOGS]
        list(pool.map(self._read_one, wanted))
        for pause in PAUSES:
            wanted = [each for each in wanted if not self._has(*each[:2])]
            if not wanted or self.refused:
                return
            time.sleep(pause)
            list(pool.map(self._read_one, wanted))

    def _has(self, pod: str, container: str) -> bool:
        place = f"{pod}/{container}"
        return place in self.logs or f"{place}/previous" in self.logs

    def _read_one(self, wanted: tuple[str, str, bool]) -> None:
        pod, container, previous = wanted
        query = {"container": container, "tailLines": LINES, "limitBytes": BYTES}
        if previous:
            query["previous"] = "true"
        try:
            body, _ = self._reader.read(self._path.format(pod, urlencode(query)), "*/*")
        except ClusterError as error:
            if error.status in (401, 403):
                self.refused["pods/log"] = Refused(error.status, str(error))
            return
        text = body.decode("utf-8", "replace")
        text = "\n".join(line for line in text.splitlines() if not line.startswith(FRAME))
        if text and not text.startswith("unable to retrieve container logs"):
            self.logs[f"{pod}/{container}" + ("/previous" if previous else "")] = text


def _wanted(snapshot: Snapshot) -> Iterator[tuple[str, str, bool]]:
    """Yield the containers in trouble, whose logs are needed.

    Each as pod, container, and whether its previous log is meant.
    """
    for each in chain.from_iterable(map(containers, snapshot["pods"])):
        if each.running and each.status.get("ready") and well(snapshot, each):
            continue
        name, restartable = name_of(each.pod), each.pod["spec"].get("restartPolicy") == "Always"
        if each.terminated.get("exitCode") or each.ended_before:
            yield name, each.name, False
            if restartable:
                yield name, each.name, True  # it may have been restarted by now
        elif "running" in (each.status.get("state") or {}) and _is_unready(each):
            yield name, each.name, False


def _is_unready(container: Container) -> bool:
    return not container.status.get("ready") and container.status.get("started") is not None
