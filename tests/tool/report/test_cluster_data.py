"""What the report tells of target and Job, from objects of a real run.

recorded/oom_run.json: `kubectl get pods,events,jobs -o json` after a run whose worker had a memory
limit that was too low, without what nothing here reads.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.report.cluster_data import cluster_data_from, read_cluster_data
from pytest_k8s_job.report.run_data import RunData, ShardProof
from pytest_k8s_job.target.discovery import Search, target_in
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import NamespaceState
from tests.checkout import CHECKOUT

JOB = "integration-test-81ba3444"
PLACE = "weather"
Objects = dict[str, list[Any]]


@pytest.fixture
def objects() -> Objects:
    """The objects of the recorded run, to be changed at will."""
    path = CHECKOUT / "tests" / "tool" / "recorded" / "oom_run.json"
    loaded: Objects = json.loads(path.read_text())
    for each in (*loaded["pods"], *loaded["events"]):
        each["metadata"]["namespace"] = PLACE
    return loaded


def told(objects: Objects, *said: str, shards: Sequence[ShardProof] = ()) -> RunData:
    """Return what the objects tell of the run and of its target, as `said`."""
    return cluster_data_from(objects, PLACE, {JOB}, target(objects, *said), shards)


def target(objects: Objects, *said: str) -> Target:
    """Return the target that `said` names: the three parts of the service, if nothing is said."""
    words = said or tuple(f"deployment/{each}" for each in ("api", "redis", "worker"))
    search = Search(PLACE, tuple(map(parse_said, words)))
    return target_in({PLACE: NamespaceState(PLACE, {"pods": objects["pods"]})}, search)


def test_the_target_is_told(objects: Objects) -> None:
    """Each workload has its image, digest, template hash, node, ready pods and restarts."""
    found = {each.name: each for each in told(objects).target}
    assert list(found) == ["deployment/api", "deployment/redis", "deployment/worker"]
    worker = found["deployment/worker"]
    digest = "e49011151997a2a0f376ca7845ee3be2b45a22911a718fe51f5fbcb63589c02d"
    assert worker.digest == f"sha256:{digest}"
    assert (worker.image, worker.pod_template_hash) == ("weather-worker:e49011151997", "6878fbf48d")
    assert (worker.node, worker.ready, worker.restarts) == ("weather-local", "0/2", 2)
    assert (found["deployment/api"].ready, found["deployment/api"].restarts) == ("2/2", 0)


def test_two_versions_of_a_workload_are_two(objects: Objects) -> None:
    """During a rollout the pods of either template stand for themselves."""
    old = copy.deepcopy(next(p for p in objects["pods"] if "api-" in p["metadata"]["name"]))
    old["metadata"]["labels"]["pod-template-hash"] = "5d9c8f7b6"
    old["metadata"]["ownerReferences"][0]["name"] = "api-5d9c8f7b6"
    objects["pods"].append(old)
    found = [each for each in told(objects).target if each.name == "deployment/api"]
    assert [(each.pod_template_hash, each.ready) for each in found] == [
        ("5d9c8f7b6", "1/1"),
        ("6c9f8d67b6", "2/2"),
    ]


def test_the_steps_of_the_job_are_told(objects: Objects) -> None:
    """The marks go from the Job's creation to the container's end, and the image is that of it."""
    data = told(objects)
    assert [mark.name for mark in data.marks] == [
        "created", "scheduled", "pulled", "started", "ended",
    ]  # fmt: skip
    assert data.marks[-1].at - data.marks[0].at == 133
    assert data.place.image == "weather-test:fd79b48be4e7"
    assert data.place.run_id == "81ba3444"
    assert data.place.image_digest.startswith("sha256:fd79b48be4e7")


def test_an_oom_kill_is_an_event(objects: Objects) -> None:
    """Kubernetes has no event of it: the container's last state tells, if it fell into the run."""
    kills = [each for each in told(objects).events if each.reason == "OOMKilled"]
    assert len(kills) == 3
    assert all(each.warning and each.object.startswith("pod/worker-") for each in kills)
    objects["jobs"][0]["metadata"]["creationTimestamp"] = "2026-11-25T23:00:00Z"
    assert not told(objects).events


def test_what_the_job_does_is_no_event_of_the_target(objects: Objects) -> None:
    """Of the pods of the tests only warnings are told."""
    ours = [each for each in told(objects).events if JOB in each.object]
    assert [each.reason for each in ours] == ["BackoffLimitExceeded"]


def test_neighbours_stand_nowhere(objects: Objects) -> None:
    """Pods, events and exits of what is no part of the target are left out, also of other Jobs."""
    data = told(objects, "deployment/api")
    assert [each.name for each in data.target] == ["deployment/api"]
    assert {each.object.partition("-")[0] for each in data.events} == {"job/integration"}
    for event in objects["events"]:
        event["type"] = "Warning"
        event["metadata"]["creationTimestamp"] = "2026-11-25T21:08:00Z"
    names = {each.object for each in told(objects, "deployment/worker").events}
    assert f"job/{JOB}" in names
    assert "deployment/worker" in names
    assert "job/integration-test-c4b215fc" not in names
    assert not [each for each in names if "api" in each or "redis" in each]


def test_a_target_elsewhere_is_told(objects: Objects) -> None:
    """Pods of the same names in another namespace are none of it; its own say where they are."""
    elsewhere = copy.deepcopy(objects)
    for each in elsewhere["pods"]:
        each["metadata"]["namespace"] = "shop"
    search = Search(PLACE, (parse_said("shop/deployment/api"),))
    state = NamespaceState("shop", {"pods": elsewhere["pods"]})
    found = target_in({PLACE: NamespaceState(PLACE), "shop": state}, search)
    both = {**objects, "pods": objects["pods"] + elsewhere["pods"]}
    (workload,) = cluster_data_from(both, PLACE, {JOB}, found).target
    assert (workload.name, workload.namespace, workload.ready) == ("deployment/api", "shop", "2/2")


def test_a_shard_learns_its_node(objects: Objects) -> None:
    """The proof of a shard names the node of its pod."""
    pod = next(p for p in objects["pods"] if JOB in p["metadata"]["name"])["metadata"]["name"]
    data = told(objects, shards=(ShardProof("", pod=pod), ShardProof("1", pod="gone")))
    assert [each.node for each in data.shards] == ["weather-local", ""]


class Recorded:
    """A reader that may see some resources only."""

    server = "https://10.0.0.1"

    def __init__(self, objects: Objects, *forbidden: str) -> None:
        self.objects = objects
        self.forbidden = forbidden
        self.asked: list[str] = []

    def describe(self) -> str:
        """Say where this is."""
        return "nowhere"

    def read(self, path: str, _accept: str) -> tuple[bytes, float]:
        """Answer, or refuse."""
        self.asked.append(path)
        name = path.partition("?")[0].rpartition("/")[2]
        if name in self.forbidden:
            raise ClusterError("forbidden", 403)
        answer = {"gitVersion": "v1.36.1"} if name == "version" else {"items": self.objects[name]}
        return json.dumps(answer).encode(), 0.0


def test_what_is_forbidden_is_left_out(objects: Objects) -> None:
    """Without the right to read events or the version, the rest is told."""
    found = target(objects)
    data = read_cluster_data(Recorded(objects), PLACE, {JOB}, found)
    assert (data.place.kubernetes, data.place.server) == ("v1.36.1", "https://10.0.0.1")
    data = read_cluster_data(Recorded(objects, "events", "version"), PLACE, {JOB}, found)
    assert data.place.kubernetes == ""
    assert len(data.target) == 3
    assert {each.reason for each in data.events} == {"OOMKilled"}
    forbidden = ("pods", "events", "jobs", "version")
    nothing = read_cluster_data(Recorded(objects, *forbidden), PLACE, {JOB}, found)
    assert (nothing.marks, nothing.target, nothing.events) == ((), (), ())


def test_each_namespace_is_read_once(objects: Objects) -> None:
    """The number of requests grows with namespaces, not with pods, workloads or shards."""
    reader, found = Recorded(objects), target(objects)
    read_cluster_data(reader, "runs", {JOB}, found)
    assert sorted(reader.asked) == [
        "/api/v1/namespaces/runs/events",
        "/api/v1/namespaces/runs/pods",
        "/api/v1/namespaces/weather/events",
        "/api/v1/namespaces/weather/pods",
        "/apis/batch/v1/namespaces/runs/jobs",
        "/version",
    ]
