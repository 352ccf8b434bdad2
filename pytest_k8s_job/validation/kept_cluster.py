"""A cluster that holds one kept run: Job, end of the pod, log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import ClusterError, GoneError

__all__ = ["KeptCluster", "write_kept"]

JOB, POD, LOG = "job.json", "pod.json", "pod.log"


def write_kept(folder: Path, job: Mapping[str, Any], pod: PodState, log: bytes) -> None:
    """Write a run into a folder that KeptCluster reads."""
    (folder / JOB).write_text(json.dumps(job))
    (folder / POD).write_text(json.dumps(asdict(pod)))
    (folder / LOG).write_bytes(log)


class KeptCluster:
    """`JobFinder` for a run in a folder; nothing can be changed."""

    server = "a kept run"

    def __init__(self, folder: Path) -> None:
        self._job = json.loads((folder / JOB).read_text())
        pod = json.loads((folder / POD).read_text())
        self._pod = replace(PodState(**pod), phase=Phase(pod["phase"]))
        self._log = (folder / LOG).read_bytes()

    @property
    def namespace(self) -> str:
        return str(self._job["metadata"]["namespace"])

    def describe(self) -> str:
        return "from what was kept"

    def read(self, path: str, _accept: str, /) -> tuple[bytes, float]:
        self._refuse(path)

    def create(self, _job: Mapping[str, Any], /) -> JobRef:
        self._refuse("a new Job")

    def pods(self, jobs: Sequence[JobRef], /) -> Mapping[JobRef, PodState]:
        return dict.fromkeys(jobs, self._pod)

    def log(self, _job: JobRef, _pod: str, _since: int | None, /) -> Iterator[bytes]:
        yield self._log

    def exec(self, _job: JobRef, pod: str, _command: Sequence[str], /) -> bytes:
        self._refuse(f"pod {pod}")

    def send(self, _method: str, path: str, _body: object = None, /) -> dict[str, Any]:
        self._refuse(path)

    def delete(self, job: JobRef, /) -> None:
        self._refuse(str(job))

    def find(self, _namespace: str | None, name: str, /) -> Mapping[str, Any]:
        if name != self._job["metadata"]["name"]:
            raise GoneError(f"the kept run is not that of Job {name}", 404)
        return dict(self._job)

    def jobs(self, _namespace: str | None, /) -> Sequence[Mapping[str, Any]]:
        return [self._job]

    def _refuse(self, what: str) -> NoReturn:
        raise ClusterError(f"{what} is not a part of what was kept of the run")
