"""Keeps validation runs in ConfigMaps: one a run, with what proves its verdict."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.job_manifest import TEMPLATE_LABEL, job_name
from pytest_k8s_job.cluster.objects import Object, created
from pytest_k8s_job.cluster.pods import NAMES_ONLY, PodState, read_list
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.validation.follow import Followed, Place, follow
from pytest_k8s_job.validation.kept_cluster import write_kept
from pytest_k8s_job.validation.key import run_in_name
from pytest_k8s_job.validation.proof import judgement_of
from pytest_k8s_job.validation.record import Validation

__all__ = ["KEPT_RUNS", "Store"]

CONFIGMAPS = "/api/v1/namespaces/{}/configmaps"
KEY_LABEL = "pytest-k8s-job/key"
SUMMARY = "pytest-k8s-job/summary"  # annotation, for people: no verdict is believed from it
KEPT_RUNS = 50  # of one template
MOST_BYTES = 900_000  # of a compressed log: a ConfigMap holds 1 MiB, in base64 and with its rest
MOST_FAILED = 50  # tests that a summary names


class Store:
    """The kept runs of one namespace.

    Each is a ConfigMap named like the Job: `validation.json`, the Job, the end of its pod, the
    compressed log, and a digest of all. With a `key`, the digest is signed (HMAC-SHA256), and what
    is not is no proof.
    """

    def __init__(self, cluster: KubernetesCluster, place: Place, key: bytes | None = None) -> None:
        self._cluster = cluster
        self._place = place
        self._key = key
        self._path = CONFIGMAPS.format(place.namespace)

    def keep(
        self, validation: Validation, job: Object | None, pod: PodState | None, log: bytes
    ) -> None:
        """Keep a run, and delete the oldest ones beyond the limit. The first writer counts."""
        data = {"validation.json": json.dumps(validation.as_json())}
        packed = base64.b64encode(zlib.compress(log, 9)).decode()
        if job is not None and pod is not None and len(packed) <= MOST_BYTES:
            data |= {"job.json": json.dumps(_ended(job)), "pod.json": json.dumps(asdict(pod))}
            data["log"] = packed
        data["digest"] = self._sign(data)
        summary = {**validation.as_json(), "failed": list(validation.failed[:MOST_FAILED])}
        labels = {TEMPLATE_LABEL: validation.name, KEY_LABEL: validation.key}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": validation.job,
                "labels": labels,
                "annotations": {SUMMARY: json.dumps(summary)},
            },
            "immutable": True,
            "data": data,
        }
        try:
            self._cluster.send("POST", self._path, body)
        except ClusterError as error:
            if error.status != HTTPStatus.CONFLICT:  # else another validator has kept the same run
                raise
        self._delete_oldest(validation.name)

    def read(self, name: str) -> list[Validation]:
        """Return the summaries of a template's kept runs, the newest first: for people only."""
        listed = self._list(f"{TEMPLATE_LABEL}={name}", NAMES_ONLY)
        return [each for each in map(_summary, reversed(listed)) if each is not None]

    def read_all(self) -> dict[str, list[Validation]]:
        """Return what `read` does for each template with kept runs, by one request."""
        found: dict[str, list[Validation]] = {}
        for each in map(_summary, reversed(self._list(TEMPLATE_LABEL, NAMES_ONLY))):
            if each is not None:
                found.setdefault(each.name, []).append(each)
        return found

    def find(self, name: str, key: str) -> list[Validation]:
        """Return the kept runs on one rollout, the newest first, each proven.

        A PASSED counts only if the kept log is drawn to the same verdict again, or if it is signed.
        """
        listed = self._list(f"{TEMPLATE_LABEL}={name},{KEY_LABEL}={key}", "application/json")
        proven = (self._proven(each) for each in reversed(listed))
        return [
            each for each in proven if each is not None and (each.name, each.key) == (name, key)
        ]

    def follow(self, job: str, *, show: bool, report: Path | None = None) -> Followed:
        """Follow a kept run again; GoneError if its log was not kept."""
        data = self._cluster.send("GET", f"{self._path}/{quote(job)}")["data"]
        return self._follow(job, data, show=show, report=report)

    def _follow(
        self, job: str, data: Mapping[str, str], *, show: bool = False, report: Path | None = None
    ) -> Followed:
        if "log" not in data:
            raise GoneError(f"the log of {job} was too long to be kept", 404)
        with tempfile.TemporaryDirectory(prefix="k8s-job-kept-") as folder:
            pod = PodState(**json.loads(data["pod.json"]))
            log = zlib.decompress(base64.b64decode(data["log"]))
            write_kept(Path(folder), json.loads(data["job.json"]), pod, log)
            place = replace(self._place, show=show)
            return follow(job, place, kept=Path(folder), report=report)

    def _proven(self, obj: Object) -> Validation | None:
        data = dict(obj.get("data") or {})
        digest = data.pop("digest", "")
        try:
            found = Validation.of_json(json.loads(data["validation.json"]))
        except (KeyError, TypeError, ValueError):
            return None
        if not hmac.compare_digest(digest, self._sign(data)) or not self._is_of(found, obj):
            return None
        if not found.passed or self._key is not None:
            return found
        try:
            job = json.loads(data["job.json"])
            again = judgement_of(self._follow(found.job, data), job, found.run_id)
        except (ClusterError, KeyError, TypeError, ValueError):
            return None
        return found if again.verdict == found.verdict else None

    def _is_of(self, found: Validation, obj: Object) -> bool:
        """Whether a record is of the run whose name its object has."""
        name = obj["metadata"]["name"]
        if found.periodic:
            return bool(name == found.job)
        own = job_name(found.name, found.run_id) if found.run_id else name
        key = run_in_name(found.job).partition("-")[0] if found.run_id else found.key
        return name == found.job == own and key == found.key

    def _sign(self, data: Mapping[str, str]) -> str:
        text = json.dumps(data, sort_keys=True).encode()
        if self._key is None:
            return hashlib.sha256(text).hexdigest()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _list(self, selector: str, accept: str) -> list[Object]:
        """Return the ConfigMaps with these labels, the oldest first."""
        found = read_list(self._cluster, f"{self._path}?labelSelector={quote(selector)}", accept)
        return sorted(found, key=lambda each: (created(each), each["metadata"]["name"]))

    def _delete_oldest(self, name: str) -> None:
        for each in self._list(f"{TEMPLATE_LABEL}={name}", NAMES_ONLY)[:-KEPT_RUNS]:
            try:
                self._cluster.send("DELETE", f"{self._path}/{quote(each['metadata']['name'])}")
            except GoneError:
                continue  # another validator was first


def _summary(obj: Object) -> Validation | None:
    try:
        return Validation.of_json(json.loads(obj["metadata"]["annotations"][SUMMARY]))
    except (KeyError, TypeError, ValueError):
        return None


def _ended(job: Object) -> dict[str, Any]:
    """Return the Job as one that has ended, without what only the API server needs."""
    metadata = {key: job["metadata"].get(key) for key in ("name", "namespace", "labels")}
    conditions = [{"type": "Complete", "status": "True"}]
    spec = job["spec"]
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}
