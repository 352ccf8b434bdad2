"""Coming back to a run: the nonce is learned, and the same session is shown again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pytest_k8s_job.cluster.job_manifest import Run, make_job
from pytest_k8s_job.cluster.joining import jobs_of_run, learn_nonce, read_job
from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.wire.frames import encode
from tests.tool.conftest import MANIFEST, Side

OWN, FORGED = "a" * 32, "b" * 32
JOB = JobRef("here", "job", "suite")
APPLIED = """\
import os
import pathlib

import yaml

from pytest_k8s_job.testing.local_pod import LocalCluster


def pytest_k8s_job_cluster(config):
    cluster = LocalCluster(pathlib.Path(os.environ["SUITE"]))
    job = yaml.safe_load(pathlib.Path("job.yaml").read_text())
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["test_outcomes.py"]
    container["env"] = [{"name": "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "value": "1"}]
    cluster.create(job)
    return cluster
"""


class OnePod:
    """A cluster with one pod in a fixed state and a fixed log."""

    def __init__(self, pod: PodState | None, log: bytes, journal: bytes) -> None:
        self._pod = pod
        self._log = log
        self._journal = journal

    def pods(self, jobs: list[JobRef]) -> dict[JobRef, PodState]:
        return {} if self._pod is None else {jobs[0]: self._pod}

    def log(self, *_: Any) -> Iterator[bytes]:
        yield self._log[:50]
        yield self._log[50:]

    def exec(self, *_: Any) -> bytes:
        if not self._journal:
            raise ClusterError("pods/exec is forbidden", 403)
        return self._journal


class ListedJobs:
    """A cluster that knows these Job objects."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self._jobs = jobs

    def find(self, _namespace: str | None, name: str) -> dict[str, Any]:
        return next(job for job in self._jobs if job["metadata"]["name"] == name)

    def jobs(self, _namespace: str | None) -> list[dict[str, Any]]:
        return list(self._jobs)


def learn(pod: PodState | None, log: bytes, journal: bytes = b"") -> str:
    """Learn the nonce of one pod."""
    cluster: Any = OnePod(pod, log, journal)
    return learn_nonce(cluster, JOB, 0)


def test_applied_job_is_collected_as_if_it_had_run_here(local: Side, remote: Side) -> None:
    """A Job without a nonce in its spec gives the same terminal, JUnit file and exit code."""
    expected = local.run("test_outcomes.py")
    (remote.folder.parents[1] / "near_double.py").write_text(APPLIED)
    result = remote.run("--k8s-attach=sample-test", "test_outcomes.py")
    assert result.code == expected.code == 1
    assert result.junit == expected.junit
    assert result.text.splitlines()[-1] == expected.text.splitlines()[-1]


def test_unknown_job_is_a_usage_error(remote: Side) -> None:
    """A Job that is not there is one line and exit code 4."""
    (remote.folder.parents[1] / "near_double.py").write_text(APPLIED)
    result = remote.run("--k8s-attach=another")
    assert result.code == 4
    assert "there is no Job another" in result.stderr + result.stdout


def test_first_line_of_the_log_has_the_nonce() -> None:
    """Of a running pod, only the line that was written before any test counts."""
    log = encode(OWN, 0, b"x\n") + encode(FORGED, 0, b"y\n")
    assert learn(PodState("pod", Phase.RUNNING), log) == OWN


def test_a_rotated_log_of_a_running_pod_is_joined_by_its_journal() -> None:
    """The first frame stands in the journal too; without the right to it, nothing is guessed."""
    pod, rest = PodState("pod", Phase.RUNNING), encode(OWN, 7, b"x\n")
    assert learn(pod, rest, encode(OWN, 0, b"x\n")) == OWN
    with pytest.raises(ClusterError, match="does not begin with a frame"):
        learn(pod, rest)


def test_termination_message_comes_before_the_log() -> None:
    """After rotation a test's line may be the first; the agent's last word is not."""
    message = json.dumps({"nonce": OWN})
    pod = PodState("pod", Phase.TERMINATED, exit_code=0, termination_message=message)
    assert learn(pod, encode(FORGED, 0, b"y\n")) == OWN


@pytest.mark.parametrize("message", ["", "no JSON", "[]", '{"nonce": 1}'])
def test_log_without_a_first_frame_is_an_error(message: str) -> None:
    """A log that begins with something else is not guessed at."""
    pod = PodState("pod", Phase.TERMINATED, exit_code=0, termination_message=message)
    with pytest.raises(ClusterError, match="does not begin with a frame"):
        learn(pod, b"hello\n" + encode(FORGED, 0, b"y\n"))


def test_pod_that_does_not_start_is_given_up() -> None:
    """Waiting for a container has an end."""
    with pytest.raises(ClusterError, match="did not start"):
        learn(None, b"")


@pytest.mark.parametrize(("kind", "over"), [("Complete", True), ("Failed", True), ("X", False)])
def test_finished_job_is_known(kind: str, over: bool) -> None:
    """A Job is over when one of its two final conditions holds."""
    container = {"name": "suite"}
    job = {
        "metadata": {"name": "job", "namespace": "here"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"conditions": [{"type": kind, "status": "True"}]},
    }
    joined = read_job(job)
    assert (joined.job, joined.over, joined.nonce) == (JOB, over, None)


def test_jobs_of_others_do_not_concern_a_run() -> None:
    """A foreign Job of two containers in the namespace is none that could be joined."""
    foreign = yaml.safe_load(MANIFEST)
    containers = foreign["spec"]["template"]["spec"]["containers"]
    containers[0]["command"] = ["true"]
    containers.append({"name": "other"})
    ours = make_job(yaml.safe_load(MANIFEST), Run([]))
    listed: Any = ListedJobs(ours, foreign)
    name = ours["metadata"]["name"]
    assert [one.job.name for one in jobs_of_run(listed, None, name)] == [name]
