"""The ConfigMaps of `--sync`: a run's own ones, and shared ones.

Later runs use the shared ones again. A run's own ones are created first, then its Job, then the
Job becomes their owner: pods find them at once, and they go with the Job. Whatever ends this
before, Ctrl-C too, deletes them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import NAMES_ONLY, JobRef, read_list
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.sync.job_volumes import Part

__all__ = ["ConfigMaps", "is_unused"]

PATH = "/api/v1/namespaces/{}/configmaps"
SHARED = "pytest-k8s-job/deps"  # label of those that runs share
USED = "pytest-k8s-job/used"  # annotation: the last day on which a run used it
UNUSED_DAYS = 7
CONFLICT, FORBIDDEN = 409, 403


class Sender(Protocol):
    """What is needed of a cluster."""

    def read(self, path: str, accept: str, /) -> tuple[bytes, float]: ...

    def send(self, method: str, path: str, body: object = None, /) -> Object: ...


class ConfigMaps:
    """The ConfigMaps of one namespace."""

    def __init__(self, cluster: Sender, namespace: str) -> None:
        self._cluster = cluster
        self._path = PATH.format(quote(namespace, safe=""))

    def create_owned(
        self, parts: Sequence[Part], run_id: str, create_job: Callable[[], JobRef]
    ) -> JobRef:
        """Create `parts`, then the Job, which becomes their owner."""
        try:
            for part in parts:
                self._create(part, {RUN_LABEL: run_id})
            job = create_job()
            for part in parts:
                self._give(part, job)
        except BaseException:
            for part in parts:
                with suppress(ClusterError):
                    self.delete(part.config_map)
            raise
        return job

    def share(self, parts: Sequence[Part]) -> None:
        """Create those of `parts` that are not there, and note that all are used."""
        known = {each["metadata"]["name"]: each for each in self.shared()}
        today = datetime.now(UTC).date().isoformat()
        for part in parts:
            found = known.get(part.config_map)
            if found is None:
                with suppress(_ExistsError):
                    self._create(part, {SHARED: "true"}, {USED: today})
            elif _last_use(found).date().isoformat() != today:
                with suppress(ClusterError):  # without the right, `clean` may remove it too early
                    self._patch(part.config_map, {"annotations": {USED: today}})

    def shared(self) -> list[Object]:
        """Return the metadata of the shared ones; none if they may not be listed."""
        try:
            return read_list(self._cluster, f"{self._path}?labelSelector={SHARED}", NAMES_ONLY)
        except ClusterError as error:
            if error.status == FORBIDDEN:
                return []
            raise

    def delete(self, name: str) -> None:
        """Delete one; it may be gone."""
        with suppress(GoneError):
            self._cluster.send("DELETE", f"{self._path}/{quote(name, safe='')}")

    def _create(
        self, part: Part, labels: dict[str, str], notes: dict[str, str] | None = None
    ) -> None:
        metadata = {"name": part.config_map, "labels": labels, "annotations": notes or {}}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "immutable": True,
            "binaryData": {part.file: base64.b64encode(part.data).decode("ascii")},
        }
        try:
            self._cluster.send("POST", self._path, body)
        except ClusterError as error:
            if error.status == CONFLICT:
                raise _ExistsError(str(error), CONFLICT) from error
            error.about = "ConfigMap", part.config_map
            raise

    def _give(self, part: Part, job: JobRef) -> None:
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": job.uid}
        self._patch(part.config_map, {"ownerReferences": [owner]})

    def _patch(self, name: str, metadata: dict[str, Any]) -> None:
        path = f"{self._path}/{quote(name, safe='')}"
        self._cluster.send("PATCH", path, {"metadata": metadata})


class _ExistsError(ClusterError):
    """Somebody has created it already."""


def is_unused(config_map: Object, jobs: Iterable[Object], now: datetime) -> bool:
    """True if no run has used it for a week, and no Job mounts it."""
    if now - _last_use(config_map) < timedelta(days=UNUSED_DAYS):
        return False
    name = json.dumps(config_map["metadata"]["name"])
    return not any(name in json.dumps(job["spec"]["template"]) for job in jobs)


def _last_use(config_map: Object) -> datetime:
    metadata = config_map["metadata"]
    noted = (metadata.get("annotations") or {}).get(USED) or metadata["creationTimestamp"]
    found = datetime.fromisoformat(noted)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
