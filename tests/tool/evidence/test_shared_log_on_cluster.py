"""Failures that share a cause in the target's log, and neighbours that share nothing with them."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tool.config_maps import files_config_map, package_config_map
from tests.tool.conftest import Result
from tests.tool.evidence.test_evidence_on_cluster import READY, service
from tests.tool.run import test_on_cluster as cluster

pytestmark = pytest.mark.cluster

Place = cluster.Place
PASSWORD = "x"
OLD = "ended"  # in every sentence of the diagnosis on a restart
SUITE = {
    "pytest.ini": "[pytest]\n",
    "test_calls.py": """\
import os
import time

import pytest
import requests


def call(method, path, **more):
    headers = {"traceparent": os.environ["TRACEPARENT"]}
    url = os.environ["API_URL"] + path
    return requests.request(method, url, headers=headers, timeout=5, **more)


def test_first():
    assert call("POST", "/data").status_code == 201


def wait_until_told():
    end = time.monotonic() + 100
    while not os.path.exists("/tmp/go-on"):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_told():
    wait_until_told()


@pytest.mark.parametrize("day", range(1, 6))
def test_job(day):
    body = {"start": "2012-01-01", "end": f"2012-01-0{day}"}
    assert call("POST", "/jobs", json=body).status_code == 202


def test_help():
    assert call("GET", "/help").status_code == 200


def test_own():
    wait_until_told()
    assert call("GET", "/help").status_code == 404
""",
}
NEIGHBOURS: dict[str, dict[str, Any]] = {
    "api-crash": {"image": cluster.IMAGE, "command": ["python", "-c", "raise SystemExit(3)"]},
    "api-nopull": {"image": "registry.invalid/nopull:1"},
}


@dataclass(frozen=True)
class Report:
    """What a run left: its output and its report."""

    result: Result
    document: dict[str, Any]

    @property
    def first_cause(self) -> str:
        """The first line below "likely causes"."""
        lines = self.result.stdout.splitlines()
        return lines[next(i for i, each in enumerate(lines) if " likely causes " in each) + 1]

    @property
    def sections(self) -> str:
        """All that stands under the failed tests."""
        return "\n".join(
            f"{title}: {text}"
            for test in self.document["tests"]
            for failure in test["failures"]
            for title, text in failure["sections"]
        )


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace with the service, whose Redis has restarted some time ago."""
    name = f"shared-{secrets.token_hex(3)}"
    suite = tmp_path_factory.mktemp("suite")
    for file, text in SUITE.items():
        (suite / file).write_text(text)
    cluster.kubectl("create", "namespace", name)
    try:
        cluster.kubectl("-n", name, "apply", "-f", "-", text=service(name))
        for each in (package_config_map(), files_config_map("suite", suite)):
            cluster.kubectl("-n", name, "create", "-f", "-", text=each)
        for part in ("redis", "api", "worker"):
            cluster.kubectl("-n", name, *READY, f"deployment/{part}")
        with suppress(subprocess.CalledProcessError):  # it ends with the container
            redis_cli(name, "shutdown", "nosave")
        cluster.wait_until(lambda: restarts(name, "redis") > 0, "the restart of Redis")
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def redis_cli(namespace: str, *words: str) -> None:
    """Run redis-cli in the pod of Redis."""
    cluster.kubectl("-n", namespace, "exec", "deployment/redis", "--", "redis-cli", *words)


def restarts(namespace: str, name: str) -> int:
    """Return how often the containers of an app have been restarted."""
    pods = json.loads(cluster.kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return sum(
        each["restartCount"]
        for pod in pods
        if pod["metadata"]["name"].startswith(name)
        for each in pod["status"].get("containerStatuses", ())
    )


@pytest.fixture
def place(namespace: str, tmp_path: Path) -> Place:
    """A checkout whose manifest names the API's URL."""
    manifest = yaml.safe_load(cluster.job_manifest(namespace))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": "API_URL", "value": "http://api"})
    container["args"] = ["test_calls.py"]
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "pytest.ini").write_text(cluster.INI)
    return Place(namespace, tmp_path)


def run_during(place: Place, act: Callable[[], None], names: str) -> Report:
    """Run the tests of these names; do `act` after the first, before the second goes on."""
    with place.start("-v", "-k", names, "--report=report") as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "test_first PASSED" in line:
                break
        assert "test_first PASSED" in shown, shown
        act()
        selector = ("-l", "pytest-k8s-job/run", "--field-selector=status.phase=Running")
        where = ("-n", place.namespace)
        pod = cluster.kubectl(*where, "get", "pods", *selector, "-o", "name").strip()
        cluster.kubectl(*where, "exec", pod, "--", "touch", "/tmp/go-on")  # noqa: S108 (a pod's)
        result = place.result(process)
    document = json.loads((place.folder / "report" / "report.json").read_text())
    return Report(Result(result.code, shown + result.stdout, result.stderr, []), document)


def check_shared(report: Report, said: str) -> None:
    """The line that the API logged must come first everywhere, and the old restart nowhere."""
    assert report.result.code == 1, report.result.stdout
    start = f"api logged in 5 of 5 failed tests: {said}"
    assert report.first_cause.startswith(start)
    assert report.document["first_line"].startswith(f"5 of 8 tests failed; {start}")
    assert OLD not in report.document["first_line"]
    assert report.result.stdout.count("failed because") == 0, "the same is said once"


def test_a_redis_without_memory_is_the_first_line(place: Place) -> None:
    """Jobs are refused while reading still works: the API's log says for want of what."""

    def act() -> None:
        redis_cli(place.namespace, "config", "set", "maxmemory", "1")

    try:
        report = run_during(place, act, "first or told or job or help")
    finally:
        redis_cli(place.namespace, "config", "set", "maxmemory", "160mb")
    oom = "OOM command not allowed when used memory > 'maxmemory'"
    check_shared(report, f"Redis failed: {oom}")
    assert "answered by api-" in report.sections or "deployment/api, 1 pod" in report.sections


def test_a_redis_that_wants_a_password_is_the_first_line(place: Place) -> None:
    """Its connections are closed, and new ones are refused."""

    def act() -> None:
        redis_cli(place.namespace, "config", "set", "requirepass", PASSWORD)
        kill = ("client", "kill", "type", "normal")
        redis_cli(place.namespace, "-a", PASSWORD, *kill)

    try:
        report = run_during(place, act, "first or told or job or help")
    finally:
        redis_cli(place.namespace, "-a", PASSWORD, "config", "set", "requirepass", "")
    check_shared(report, "Redis failed: NOAUTH ")


def test_neighbours_stand_under_no_failed_test(place: Place) -> None:
    """One crash-loops and one cannot be pulled while a test fails by its own assertion."""

    def act() -> None:
        for name, container in NEIGHBOURS.items():
            place_neighbour(place.namespace, name, container)
        cluster.wait_until(lambda: restarts(place.namespace, "api-crash") > 0, "the crash loop")
        cluster.wait_until(lambda: "ErrImagePull" in events(place.namespace), "the missing image")

    report = run_during(place, act, "first or own")
    assert report.result.code == 1, report.result.stdout
    assert "connected to: api:80" in report.sections
    told = (report.sections, str(report.document["events"]), str(report.document["target"]))
    for text in told:
        assert not [name for name in NEIGHBOURS if name in text], text
    names = {each["name"] for each in report.document["tested"]["workloads"]}
    assert names == {"api", "redis", "worker"}
    assert report.document["target_line"] in report.result.stdout


def place_neighbour(namespace: str, name: str, container: dict[str, Any]) -> None:
    """Create a Deployment that is no part of the service, though its name begins alike."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x"} | container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("-n", namespace, "create", "-f", "-", text=json.dumps(made))


def events(namespace: str) -> str:
    """Return the namespace's events."""
    return cluster.kubectl("-n", namespace, "get", "events", "-o", "json")
