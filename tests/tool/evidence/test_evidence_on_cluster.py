"""Evidence from the real service: traced log lines, a worker out of memory, masked secrets."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.checkout import CHECKOUT
from tests.tool.config_maps import files_config_map, package_config_map
from tests.tool.run import test_on_cluster as cluster

pytestmark = pytest.mark.cluster

Place = cluster.Place

PARTS = ("10-redis.yaml", "20-api.yaml", "30-worker.yaml")
KINDS = ("Service", "Deployment", "PersistentVolumeClaim", "ConfigMap", "StatefulSet")
SECRET = "correct-horse-staple"
READY = ("rollout", "status", "--timeout=60s")
GREEDY = """\
from app import worker
worker.analyse = lambda redis, delivery: {"plot": b"x" * (1 << 30)}
worker.main()
"""
SUITE = {
    "pytest.ini": "[pytest]\n",
    "test_target.py": """\
import os
import time

import pytest
import requests


def call(method, path, **more):
    headers = {"traceparent": os.environ["TRACEPARENT"], "Authorization": "Bearer of-the-test"}
    return requests.request(method, "http://api" + path, headers=headers, timeout=5, **more)


@pytest.fixture(scope="session", autouse=True)
def data():
    assert call("POST", "/data").ok


def state_of(job):
    return call("GET", f"/jobs/{job}").json()["status"]


def start():
    days = call("GET", "/data").json()["days"]
    body = {"start": days[0]["date"], "end": days[-1]["date"]}
    return call("POST", "/jobs", json=body).json()["id"]


def wait(job, seconds):
    end = time.monotonic() + seconds
    while (seen := state_of(job)) != "complete":
        assert time.monotonic() < end, f"waited {seconds} s for the job; last seen {seen}"
        time.sleep(0.2)


def test_traced():
    wait(start(), 20)
    assert "correct-horse-staple" == 2


def test_killed():
    wait(start(), 8)


def test_refused():
    requests.get("http://api:81/", timeout=2)
""",
}


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace with the service, a Secret, and package and suite as ConfigMaps."""
    name = f"evidence-{secrets.token_hex(3)}"
    suite = tmp_path_factory.mktemp("suite")
    for file, text in SUITE.items():
        (suite / file).write_text(text)
    cluster.kubectl("create", "namespace", name)
    try:
        cluster.kubectl("-n", name, "apply", "-f", "-", text=service(name))
        cluster.kubectl(
            "-n", name, "create", "secret", "generic", "s", f"--from-literal=key={SECRET}"
        )
        for each in (package_config_map(), files_config_map("suite", suite)):
            cluster.kubectl("-n", name, "create", "-f", "-", text=each)
        for part in ("redis", "api", "worker"):
            cluster.kubectl("-n", name, *READY, f"deployment/{part}")
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def service(namespace: str) -> str:
    """Return the manifests of the service for another namespace, one pod a part."""
    kept = []
    for part in PARTS:
        for each in yaml.safe_load_all((CHECKOUT / "kubernetes" / part).read_text()):
            if each["kind"] in KINDS:
                each["metadata"]["namespace"] = namespace
                if "replicas" in each["spec"]:
                    each["spec"]["replicas"] = 1
                kept.append(each)
    return yaml.safe_dump_all(kept)


@pytest.fixture
def place(namespace: str, tmp_path: Path) -> Place:
    """A checkout without any tests, only with the Job's manifest."""
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes" / "90-test-job.yaml").write_text(cluster.job_manifest(namespace))
    (tmp_path / "pytest.ini").write_text(cluster.INI)
    return Place(namespace, tmp_path)


def test_a_failure_shows_what_api_and_worker_logged(place: Place) -> None:
    """Lines of both carry the test's trace id; the Secret's value and the token are nowhere."""
    result = place.run("test_target.py", "-k", "traced or refused", "--report=report")
    assert result.code == 1, result.stdout + result.stderr
    assert "2 failed" in result.stdout
    assert re.search(r'api-\S+/api: .*"POST /jobs', result.stdout)
    assert re.search(r'worker-\S+/worker: .*"job complete', result.stdout)
    trace = re.search(r'worker-\S+/worker: .*"trace_id":"([0-9a-f]{32})"', result.stdout)
    assert trace is not None
    assert f"traceparent: 00-{trace[1]}-" in result.stdout
    assert "1 test (test_target.py::test_refused) failed because api " in result.stdout
    texts = [path.read_text() for path in (place.folder / "report").iterdir()]
    for text in (result.stdout, str(result.junit), *texts):
        assert SECRET not in text
        assert "of-the-test" not in text
    assert any("[masked]" in text for text in texts)
    assert trace[1] in str(result.junit)


def test_a_worker_out_of_memory_is_the_likely_cause(place: Place) -> None:
    """The test waits in vain for a job that takes all its worker's memory; that is named."""
    container = {"name": "worker", "command": ["python", "-c", GREEDY]}
    patch = yaml.safe_dump({"spec": {"template": {"spec": {"containers": [container]}}}})
    cluster.kubectl("-n", place.namespace, "patch", "deployment", "worker", "-p", patch)
    cluster.kubectl("-n", place.namespace, *READY, "deployment/worker")
    cluster.wait_until(lambda: len(workers(place)) == 1, "the old worker to go")
    result = place.run("test_target.py", "-k", "killed")
    assert result.code == 1, result.stdout + result.stderr
    said = r"1 test \(test_target.py::test_killed\) failed because worker-\S+ was OOM-killed"
    assert re.search(rf"{said} \(limit 384 MiB\) .* before the failure", result.stdout)
    assert re.search(r"worker-\S+ was OOM-killed", str(result.junit))


def workers(place: Place) -> list[str]:
    """Return the names of the worker's pods."""
    return [name for name in place.names("pods") if name.startswith("worker")]
