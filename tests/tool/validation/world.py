"""An API server with one Deployment, for validators whose every request may be their last."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.judge import Judged
from pytest_k8s_job.validation.key import run_in_name
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.tested import read_tested
from tests.tool.target.objects import NAMESPACE, Object, at, web

__all__ = ["Killed", "World"]


COMPLETE = {"type": "Complete", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
ENDED: Object = {"conditions": [COMPLETE]}


class Killed(BaseException):
    """A validator was killed: nothing of it goes on."""


class World:
    """The cluster. `fail` says what comes with a request: "kill", "lose" its answer, "deploy".

    Attributes:
        version: what is deployed; versions with an odd number are broken.
        changed: how often a rollout took place.
    """

    server = "https://10.96.0.1"
    namespace = NAMESPACE

    def __init__(self) -> None:
        self.version = 0
        self.changed = 1
        self.replicas = 1
        self.restarts = 0
        self.job_objects: dict[str, Object] = {}
        self.config_maps: dict[str, Object] = {}
        self.created = 0
        self.tested: dict[str, tuple[int, int]] = {}
        """Job -> (version, rollout) that was deployed when it was created."""
        self.fail: dict[int, str] = {}
        self.requests = 0
        self.judged = 0
        self.meanwhile: list[Any] = []
        """What happens while the next Job runs."""

    # -- what people do

    def deploy(self, version: int) -> None:
        """Roll a version out, if it is another one."""
        if version != self.version:
            self.version, self.changed = version, self.changed + 1

    def scale(self, replicas: int) -> None:
        """Change the number of pods."""
        self.replicas = replicas

    def finish(self) -> None:
        """Let all Jobs end."""
        for job in self.job_objects.values():
            job["status"] = ENDED

    def expire(self) -> None:
        """Delete the Jobs that have ended, as their TTL does."""
        ended = {name for name, job in self.job_objects.items() if job.get("status")}
        self.job_objects = {k: v for k, v in self.job_objects.items() if k not in ended}

    def delete(self) -> None:
        """Delete all Jobs, running ones too."""
        self.job_objects.clear()

    # -- what a validator asks

    def describe(self) -> str:
        return "a model"

    def read(self, path: str, _accept: str, /) -> tuple[bytes, float]:
        self._request()
        parts = urlsplit(path)
        resource = parts.path.rpartition("/")[2]
        items: list[Object] = []
        if resource == "configmaps":
            items = self._labelled(unquote(parse_qs(parts.query).get("labelSelector", [""])[0]))
        elif resource in ("pods", "deployments", "replicasets"):
            made = web(f"v{self.version}", pods=self.replicas, number=self.changed)
            items = [each for each in made if f"{each['kind'].lower()}s" == resource]
        return json.dumps({"items": items}).encode(), 0.0

    def jobs(self, _namespace: str | None) -> list[Object]:
        self._request()
        found = copy.deepcopy(list(self.job_objects.values()))
        self.finish()  # nobody waits for ever
        return found

    def find(self, _namespace: str | None, name: str) -> Object:
        self._request()
        if name not in self.job_objects:
            raise GoneError("no such Job", 404)
        return copy.deepcopy(self.job_objects[name])

    def create(self, job: Mapping[str, Any]) -> JobRef:
        lost = self._request()
        name = job["metadata"]["name"]
        if name in self.job_objects:
            raise ClusterError("it exists", 409)
        self.created += 1
        self.job_objects[name] = copy.deepcopy(dict(job))
        self.job_objects[name]["metadata"]["creationTimestamp"] = at(self.created)
        self.tested[name] = self.version, self.changed
        self._lose(lost=lost)
        return JobRef(NAMESPACE, name, "c")

    def pods(self, _jobs: Sequence[JobRef]) -> dict[JobRef, Any]:
        self._request()
        return {}

    def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        lost = self._request()
        name = path.rpartition("/")[2]
        if method == "POST" and path.endswith("/configmaps"):
            name = body["metadata"]["name"]
            if name in self.config_maps:
                raise ClusterError("it exists", 409)
            self.created += 1
            stored = copy.deepcopy(body)
            stored["metadata"]["creationTimestamp"] = at(self.created)
            self.config_maps[name] = stored
        elif method == "DELETE" and self.config_maps.pop(name, None) is None:
            raise GoneError("no such ConfigMap", 404)
        self._lose(lost=lost)
        return dict(body or {})

    # -- what becomes of a Job

    def judge(self, _cluster: Any, _place: Place, template: Template, name: str) -> Judged | None:
        """Run the Job to its end, with what happens meanwhile, and judge it as `judge_job` does."""
        self._request()
        self.judged += 1
        if self.meanwhile:
            self.meanwhile.pop()()
        self._request()
        if name not in self.job_objects:
            return None
        job = self.job_objects[name]
        job["status"] = ENDED
        version, rollout = self.tested[name]
        before, run = read_tested(job), run_in_name(name)
        assert before is not None
        (workload,) = before.target.workloads
        verdict, code = ("FAILED", 1) if version % 2 else ("PASSED", 0)
        if {rollout, int(workload.number)} != {self.changed}:
            verdict, code = "VOID", 12
        revision = before.target.revision
        found = Validation(
            template.name, NAMESPACE, before.key, 1, revision, name, run, verdict, code
        )
        return Judged(found, job)

    # -- faults

    def _request(self) -> bool:
        """Count a request; return whether its answer will be lost."""
        self.requests += 1
        fault = self.fail.pop(self.requests, "")
        if fault == "kill":
            raise Killed
        if fault == "deploy":
            self.deploy(self.version ^ 1)
        return fault == "lose"

    def _lose(self, *, lost: bool) -> None:
        if lost:
            raise ClusterError("the API server does not answer: connection reset")

    def _labelled(self, selector: str) -> list[Object]:
        wanted = dict(each.split("=") for each in selector.split(",") if each)
        return [
            copy.deepcopy(each)
            for each in self.config_maps.values()
            if wanted.items() <= each["metadata"]["labels"].items()
        ]
