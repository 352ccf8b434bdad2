"""What the report tells of target and Job, from objects of a real run.

recorded/oom_run.json: `kubectl get pods,events,jobs -o json` after a run whose worker had a memory
limit that was too low, without what nothing here reads.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.report.cluster_data import read_run_data, run_data_from
from pytest_k8s_job.report.document import ShardProof
from tests.checkout import CHECKOUT

JOB = "integration-test-81ba3444"
Objects = dict[str, list[dict[str, Any]]]


@pytest.fixture
def objects() -> Objects:
    """The objects of the recorded run, to be changed at will."""
    path = CHECKOUT / "tests" / "tool" / "recorded" / "oom_run.json"
    loaded: Objects = json.loads(path.read_text())
    return loaded


def test_the_target_is_told(objects: Objects) -> None:
    """Each workload has its image, digest, template hash, node, ready pods and restarts."""
    target = {each.name: each for each in run_data_from(objects, {JOB}).target}
    assert list(target) == ["deployment/api", "deployment/redis", "deployment/worker"]
    worker = target["deployment/worker"]
    digest = "e49011151997a2a0f376ca7845ee3be2b45a22911a718fe51f5fbcb63589c02d"
    assert worker.digest == f"sha256:{digest}"
    assert (worker.image, worker.pod_template_hash) == ("weather-worker:e49011151997", "6878fbf48d")
    assert (worker.node, worker.ready, worker.restarts) == ("weather-local", "0/2", 2)
    assert (target["deployment/api"].ready, target["deployment/api"].restarts) == ("2/2", 0)


def test_two_versions_of_a_workload_are_two(objects: Objects) -> None:
    """During a rollout the pods of either template stand for themselves."""
    old = copy.deepcopy(next(p for p in objects["pods"] if "api-" in p["metadata"]["name"]))
    old["metadata"]["labels"]["pod-template-hash"] = "5d9c8f7b6"
    old["metadata"]["ownerReferences"][0]["name"] = "api-5d9c8f7b6"
    objects["pods"].append(old)
    target = [
        each for each in run_data_from(objects, {JOB}).target if each.name == "deployment/api"
    ]
    assert [(each.pod_template_hash, each.ready) for each in target] == [
        ("5d9c8f7b6", "1/1"),
        ("6c9f8d67b6", "2/2"),
    ]


def test_the_steps_of_the_job_are_told(objects: Objects) -> None:
    """The marks go from the Job's creation to the container's end, and the image is that of it."""
    facts = run_data_from(objects, {JOB})
    assert [mark.name for mark in facts.marks] == [
        "created", "scheduled", "pulled", "started", "ended",
    ]  # fmt: skip
    assert facts.marks[-1].at - facts.marks[0].at == 133
    assert facts.place.image == "weather-test:fd79b48be4e7"
    assert facts.place.run_id == "81ba3444"
    assert facts.place.image_digest.startswith("sha256:fd79b48be4e7")


def test_an_oom_kill_is_an_event(objects: Objects) -> None:
    """Kubernetes has no event of it: the container's last state tells, if it fell into the run."""
    kills = [each for each in run_data_from(objects, {JOB}).events if each.reason == "OOMKilled"]
    assert len(kills) == 3
    assert all(each.warning and each.object.startswith("pod/worker-") for each in kills)
    objects["jobs"][0]["metadata"]["creationTimestamp"] = "2026-11-25T23:00:00Z"
    assert not run_data_from(objects, {JOB}).events


def test_what_the_job_does_is_no_event_of_the_target(objects: Objects) -> None:
    """Of the pods of the tests only warnings are told."""
    ours = [each for each in run_data_from(objects, {JOB}).events if JOB in each.object]
    assert [each.reason for each in ours] == ["BackoffLimitExceeded"]


def test_a_shard_learns_its_node(objects: Objects) -> None:
    """The proof of a shard names the node of its pod."""
    pod = next(p for p in objects["pods"] if JOB in p["metadata"]["name"])["metadata"]["name"]
    facts = run_data_from(objects, {JOB}, (ShardProof("", pod=pod), ShardProof("1", pod="gone")))
    assert [each.node for each in facts.shards] == ["weather-local", ""]


class Recorded:
    """A reader that may see some resources only."""

    server = "https://10.0.0.1"

    def __init__(self, objects: Objects, *forbidden: str) -> None:
        self.objects = objects
        self.forbidden = forbidden

    def describe(self) -> str:
        """Say where this is."""
        return "nowhere"

    def read(self, path: str, _accept: str) -> tuple[bytes, float]:
        """Answer, or refuse."""
        name = path.partition("?")[0].rpartition("/")[2]
        if name in self.forbidden:
            raise ClusterError("forbidden", 403)
        answer = {"gitVersion": "v1.36.1"} if name == "version" else {"items": self.objects[name]}
        return json.dumps(answer).encode(), 0.0


def test_what_is_forbidden_is_left_out(objects: Objects) -> None:
    """Without the right to read events or the version, the rest is told."""
    facts = read_run_data(Recorded(objects), "weather", {JOB})
    assert (facts.place.kubernetes, facts.place.server) == ("v1.36.1", "https://10.0.0.1")
    facts = read_run_data(Recorded(objects, "events", "version"), "weather", {JOB})
    assert facts.place.kubernetes == ""
    assert len(facts.target) == 3
    assert {each.reason for each in facts.events} == {"OOMKilled"}
    nothing = read_run_data(
        Recorded(objects, "pods", "events", "jobs", "version"), "weather", {JOB}
    )
    assert (nothing.marks, nothing.target, nothing.events) == ((), (), ())
