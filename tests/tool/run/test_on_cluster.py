"""The tool on the real local cluster: this source tree and a small suite, mounted into a pod.

Package and suite travel in ConfigMaps on top of the test image, so that nothing is built here.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import local_cluster
from tests.checkout import CHECKOUT, inherited
from tests.tool.config_maps import MOUNTS, PYTHONPATH, files_config_map, package_config_map
from tests.tool.conftest import SECONDS, Result, read_junit

pytestmark = pytest.mark.cluster

IMAGE = "weather-test:0.1.0"  # Python and pytest; its own suite is not used here
INI = "[pytest]\nk8s_job_manifest = kubernetes/90-test-job.yaml\n"
SUITE = {
    "pytest.ini": "[pytest]\n",
    "test_pass.py": "def test_one(): pass\n\n\ndef test_two(): pass\n",
    "test_fail.py": "def test_fails():\n    assert 1 == 2\n",
    "test_slow.py": (
        "import time\n\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('i', range(30))\ndef test_slow(i):\n    time.sleep(0.2)\n"
    ),
    "test_flaky.py": (
        "tries = []\n\n\ndef test_second_try():\n    tries.append(1)\n    assert len(tries) == 2\n"
    ),
}


def kubectl(*words: str, text: str | None = None) -> str:
    """Run kubectl on the local cluster and return what it says."""
    command = [str(local_cluster.kubectl()), "--kubeconfig", str(local_cluster.kubeconfig())]
    return subprocess.run(
        [*command, *words], input=text, check=True, capture_output=True, text=True, timeout=SECONDS
    ).stdout


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; say `what` was awaited if it never does."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited {SECONDS} s for {what}"
        time.sleep(0.1)


def environment(*paths: Path, plugins: str = "") -> dict[str, str]:
    """Return the environment of a process that has the tool from this checkout, and the cluster."""
    return inherited() | {
        "KUBECONFIG": str(local_cluster.kubeconfig()),
        "PYTHONPATH": os.pathsep.join(map(str, [CHECKOUT, *paths])),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": f"pytest_k8s_job.plugin{plugins}",
    }


@dataclass(frozen=True)
class Place:
    """A namespace of our own, and a checkout that runs its tests there."""

    namespace: str
    folder: Path

    def start(self, *arguments: str, plugins: str = "") -> subprocess.Popen[str]:
        """Start `pytest --in-cluster` in the checkout."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "--in-cluster", "--junitxml=junit.xml", *arguments],
            cwd=self.folder,
            env=environment(self.folder, plugins=plugins),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, plugins: str = "") -> Result:
        """Run `pytest --in-cluster` to its end."""
        with self.start(*arguments, plugins=plugins) as process:
            return self.result(process)

    def result(self, process: subprocess.Popen[str]) -> Result:
        """Wait for a run that was started."""
        stdout, stderr = process.communicate(timeout=SECONDS)
        return Result(process.returncode, stdout, stderr, read_junit(self.folder / "junit.xml"))

    def names(self, kind: str) -> list[str]:
        """Return the names of the objects of `kind` in the namespace."""
        items = json.loads(kubectl("-n", self.namespace, "get", kind, "-o", "json"))["items"]
        return [item["metadata"]["name"] for item in items]


def job_manifest(namespace: str) -> str:
    """Return a Job that runs the mounted suite with the mounted package."""
    container = {
        "name": "suite",
        "image": IMAGE,
        "command": ["python", "-m", "pytest_k8s_job.pod.agent"],
        "args": ["test_pass.py"],
        "workingDir": MOUNTS["suite"],
        "env": [{"name": "PYTHONPATH", "value": PYTHONPATH}],
        "volumeMounts": [{"name": name, "mountPath": MOUNTS[name]} for name in MOUNTS],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 2,
        "containers": [container],
        "volumes": [{"name": name, "configMap": {"name": name}} for name in MOUNTS],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "small", "namespace": namespace},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }
    )


@pytest.fixture(scope="session")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A throwaway namespace with the package and the suite as ConfigMaps."""
    name = f"tool-test-{secrets.token_hex(3)}"
    suite = tmp_path_factory.mktemp("suite")
    for file, text in SUITE.items():
        (suite / file).write_text(text)
    kubectl("create", "namespace", name)
    try:
        for each in (package_config_map(), files_config_map("suite", suite)):
            kubectl("-n", name, "create", "-f", "-", text=each)
        yield name
    finally:
        # The tests that take the cluster down and up come before this.
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def place(namespace: str, tmp_path: Path) -> Place:
    """A checkout without any tests, only with the Job's manifest."""
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes" / "90-test-job.yaml").write_text(job_manifest(namespace))
    (tmp_path / "pytest.ini").write_text(INI)
    return Place(namespace, tmp_path)


def test_passes_when_all_tests_pass(place: Place) -> None:
    """A passing suite exits 0 and leaves no Job behind."""
    before = place.names("jobs")
    result = place.run()
    assert result.code == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout
    assert len(result.junit) == 2
    assert place.names("jobs") == before


def test_fails_when_a_test_fails(place: Place) -> None:
    """A failing test exits 1, shows its traceback and says where the log is."""
    result = place.run("test_pass.py", "test_fail.py")
    assert result.code == 1
    assert "assert 1 == 2" in result.stdout
    assert "1 failed, 2 passed" in result.stdout
    assert f"kubectl -n {place.namespace} logs job/small-" in result.stdout


def test_a_helper_that_never_ends_may_stand_before_the_suite(place: Place) -> None:
    """The container of the agent is followed; the verdict does not wait for the pod's end."""
    manifest = place.folder / "kubernetes" / "90-test-job.yaml"
    job = yaml.safe_load(manifest.read_text())
    helper = {
        "name": "proxy",
        "image": IMAGE,
        "command": ["python", "-c"],
        "args": ["import time; time.sleep(3600)"],
    }
    job["spec"]["template"]["spec"]["containers"].insert(0, helper)
    manifest.write_text(yaml.safe_dump(job))
    before = place.names("jobs")
    passed = place.run()
    assert passed.code == 0, passed.stdout + passed.stderr
    assert "2 passed" in passed.stdout
    assert place.names("jobs") == before
    failed = place.run("test_fail.py", "--k8s-keep=never")
    assert failed.code == 1, failed.stdout + failed.stderr
    assert place.names("jobs") == before


def test_missing_image_is_not_run(place: Place) -> None:
    """An image that nobody has is named within seconds, with exit code 10."""
    began = time.monotonic()
    result = place.run("--k8s-image=registry.invalid/nowhere:1")
    assert result.code == 10, result.stdout
    assert time.monotonic() - began < 15
    assert "in cluster: NOT_RUN" in result.stdout
    assert "registry.invalid/nowhere:1" in result.stdout
    assert any("error" in str(case) for case in result.junit)


def test_missing_namespace_is_not_run(place: Place) -> None:
    """A namespace that does not exist is one line, not a traceback."""
    result = place.run("--k8s-namespace=no-such-namespace")
    assert result.code == 10
    assert 'namespaces "no-such-namespace" not found' in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_deleted_pod_never_passes(place: Place) -> None:
    """A pod that is killed in the middle makes the run INCOMPLETE."""
    with place.start("test_slow.py", "-v") as process:
        wait_until(lambda: "test_slow[2] PASSED" in _read_on(process), "the third test")
        pod = next(name for name in place.names("pods") if _is_running(place, name))
        kubectl("-n", place.namespace, "delete", "pod", pod, "--grace-period=0", "--force")
        result = place.result(process)
    assert result.code == 11, result.stdout
    assert "in cluster: INCOMPLETE" in result.stdout


def test_interrupt_deletes_the_job(place: Place) -> None:
    """Ctrl-C deletes Job and pod, says so, and exits 2."""
    with place.start("test_slow.py", "-v") as process:
        wait_until(lambda: "test_slow[2] PASSED" in _read_on(process), "the third test")
        process.send_signal(signal.SIGINT)
        result = place.result(process)
    assert result.code == 2
    deleted = next(line for line in result.stdout.splitlines() if line.startswith("Ctrl-C: "))
    name = deleted.split(f"{place.namespace}/")[1].split()[0]
    assert name not in place.names("jobs")
    wait_until(lambda: not any(pod.startswith(name) for pod in place.names("pods")), "no pod")


def test_refused_pod_is_not_run(place: Place) -> None:
    """Pod Security refuses the pod, not the Job; its words are shown within seconds."""
    kubectl("create", "namespace", f"{place.namespace}-strict")
    try:
        label = "pod-security.kubernetes.io/enforce=restricted"
        kubectl("label", "namespace", f"{place.namespace}-strict", label)
        result = place.run(f"--k8s-namespace={place.namespace}-strict")
    finally:
        kubectl("delete", "namespace", f"{place.namespace}-strict", "--wait=false")
    assert result.code == 10, result.stdout
    assert 'violates PodSecurity "restricted:latest"' in result.stdout


def test_container_that_cannot_start_is_not_run(place: Place) -> None:
    """A command that the image does not have is named in the runtime's words."""
    manifest = place.folder / "kubernetes" / "90-test-job.yaml"
    manifest.write_text(manifest.read_text().replace("- python", "- no-such-command"))
    result = place.run()
    assert result.code == 10, result.stdout
    assert "no-such-command" in result.stdout
    assert "executable file not found" in result.stdout


def test_a_target_that_is_not_there_is_named(place: Place) -> None:
    """A wrong Service name is told from inside the pod, before any test runs."""
    target = ("-o", "k8s_target_url=http://absent", "-o", "k8s_target_wait=0")
    result = place.run(*target)
    assert result.code == 10, result.stdout
    title = "= in cluster: NOT_RUN ="
    _, _, summary = result.stdout.partition(title)
    assert summary.splitlines()[1].startswith(
        f"there is no Service absent in namespace {place.namespace}"
    )
    assert "passed" not in result.stdout


CUTTING = """\
import time

from pytest_k8s_job.cluster.client import KubernetesCluster, connect


class CuttingCluster(KubernetesCluster):
    def log(self, job, pod, since):
        end = time.monotonic() + 1
        for chunk in super().log(job, pod, since):
            yield chunk
            if time.monotonic() > end:
                return


def pytest_k8s_job_cluster(config):
    cluster = connect()
    cluster.__class__ = CuttingCluster
    return cluster
"""


def test_cut_log_stream_loses_nothing(place: Place) -> None:
    """A log connection that breaks every second costs no result."""
    (place.folder / "cutting.py").write_text(CUTTING)
    result = place.run("test_slow.py", "--k8s-log=pod.log", plugins=",cutting")
    assert result.code == 0, result.stdout
    assert "30 passed" in result.stdout
    assert len(result.junit) == 30
    hello = (place.folder / "pod.log").read_bytes().count(b" 0 1/1 ")
    assert hello > 1, "the stream was never cut"


def _read_on(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _is_running(place: Place, pod: str) -> bool:
    phase = "jsonpath={.status.phase}"
    return kubectl("-n", place.namespace, "get", "pod", pod, "-o", phase) == "Running"


def test_another_run_of_the_same_tests_is_told(place: Place) -> None:
    """While it goes on; one whose pod has just ended is none."""
    before = set(place.names("jobs"))
    with place.start("test_slow.py") as slow:
        wait_until(lambda: bool(set(place.names("jobs")) - before), "the first run's Job")
        (job,) = set(place.names("jobs")) - before
        at_once = place.run()
        first = place.result(slow)
    assert (at_once.code, first.code) == (0, 0), at_once.stdout + first.stdout
    assert f"another run of the same tests goes on: Job {job}" in at_once.stdout
    assert "another run" not in place.run().stdout
