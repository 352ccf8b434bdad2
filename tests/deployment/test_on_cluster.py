"""The deployment commands on the real local cluster: what they choose, and what they refuse."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import local_cluster
from deployment.__main__ import WORKLOADS
from deployment.kubectl import start_local
from tests.checkout import CHECKOUT

pytestmark = pytest.mark.cluster

SECONDS = 90  # no command here takes longer on a slow machine


@pytest.fixture(scope="module", autouse=True)
def kubectl_on_path() -> Iterator[None]:
    """A kubectl on the PATH, as the user of another cluster has it; started here if need be."""
    local_cluster.up()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{local_cluster.kubectl().parent}:{os.environ['PATH']}")
        yield


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace of the test's own, gone afterwards."""
    name = f"deployment-{secrets.token_hex(4)}"
    start_local("default").run("create", "namespace", name)
    yield name
    start_local("default").run("delete", "namespace", name, "--wait=false")


def _run(*args: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m deployment` with the user's kubeconfig in place, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "deployment", *args],
        cwd=CHECKOUT,
        env={**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _deployment(
    name: str, command: list[str], replicas: int = 1, probe: str = "true"
) -> dict[str, object]:
    labels = {"app.kubernetes.io/name": name}
    container = {
        "name": name,
        "image": "redis:8.0",
        "command": command,
        "readinessProbe": {"exec": {"command": [probe]}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def test_nothing_deployed_is_not_run(namespace: str) -> None:
    """A namespace without the service is said to be empty, with the remedy, as NOT_RUN."""
    done = _run("--namespace", namespace, "test", "--deploy", "no")
    assert done.returncode == 10, done.stdout
    assert "DEPLOY=yes would deploy this checkout first" in done.stdout
    assert "in cluster: NOT_RUN" in done.stdout
    assert f"deployment/redis: nothing of that name is in namespace {namespace}" in done.stdout


def test_scaled_to_zero_is_not_run(namespace: str) -> None:
    """A workload scaled to 0 is named at once, with the command that scales it up."""
    running = [_deployment(name, ["sleep", "600"]) for name in ("redis", "worker")]
    documents = [*running, _deployment("api", ["sleep", "600"], replicas=0)]
    start_local(namespace).run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))
    done = _run("--namespace", namespace, "test", "--deploy", "no")
    assert done.returncode == 10, done.stdout
    text = (
        f"deployment api is scaled to 0: kubectl -n {namespace} scale deployment/api --replicas=1"
    )
    assert text in done.stdout


def test_a_crashing_pod_is_named_with_its_last_words(namespace: str) -> None:
    """A workload whose pod crash-loops is named with Kubernetes' reason and its last log line."""
    command = ["sh", "-c", "echo no such queue; exit 3"]
    documents = [_deployment(name, command, probe="false") for name in WORKLOADS]
    start_local(namespace).run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))
    done = _run("--namespace", namespace, "test", "--deploy", "no")
    assert done.returncode == 10, done.stdout
    assert "with exit code 3: no such queue\n" in done.stdout
    for name in WORKLOADS:
        assert f"deployment/{name}: 0 of 1 new pods ready" in done.stdout


def test_what_waiting_does_not_mend_ends_the_waiting(namespace: str) -> None:
    """A command that the image does not have is said within seconds, not after the time-out."""
    documents = [_deployment(name, ["no-such-program"]) for name in WORKLOADS]
    start_local(namespace).run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))
    done = _run("--namespace", namespace, "test", "--deploy", "no", "--", "--wait-rollout=150")
    assert done.returncode == 10, done.stdout
    assert "has no program no-such-program" in done.stdout
    assert "the rollout cannot end: " in done.stdout


def test_ctrl_c_leaves_no_job(namespace: str) -> None:
    """Ctrl-C on the command reaches pytest, which deletes the Job before it ends."""
    kubectl = start_local(namespace)
    documents = [_deployment(name, ["sleep", "600"]) for name in WORKLOADS]
    kubectl.run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))
    command = [sys.executable, "-m", "deployment", "--context", local_cluster.CONTEXT]
    with subprocess.Popen(
        [*command, "--namespace", namespace, "test", "--deploy", "no"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        before = ""
        while "started" not in before:  # the pod's suite now waits for a service that never comes
            letter = process.stdout.read(1)
            assert letter, f"ended before its Job started: {before}"
            before += letter
        os.killpg(process.pid, signal.SIGINT)
        after = process.stdout.read()
    assert process.returncode == 2, after
    assert "Ctrl-C: the Job" in after
    assert not kubectl.get("jobs")


def test_an_unknown_context_is_refused() -> None:
    """A context that is not there is one line with a remedy, not a run somewhere else."""
    done = _run("--context", "nowhere", "test")
    assert done.returncode == 1
    assert done.stderr == (
        "error: context nowhere does not answer: try `kubectl --context nowhere version`\n"
    )
    assert not done.stdout


def test_a_dead_current_context_means_the_local_cluster(tmp_path: Path, namespace: str) -> None:
    """A current context whose server does not answer is said, and the local cluster taken."""
    kubeconfig = _renamed_kubeconfig(tmp_path, server="https://127.0.0.1:9")
    done = _run("--namespace", namespace, "test", "--deploy", "no", kubeconfig=kubeconfig)
    assert "current context theirs does not answer: taking the local cluster" in done.stdout
    assert f"context {local_cluster.CONTEXT} · server" in done.stdout
    assert done.returncode == 10


def test_an_answering_current_context_is_only_tested(tmp_path: Path, namespace: str) -> None:
    """On the user's own cluster nothing is deployed unless asked for."""
    kubeconfig = _renamed_kubeconfig(tmp_path)
    done = _run("--namespace", namespace, "test", kubeconfig=kubeconfig)
    assert "context theirs · server https://" in done.stdout
    assert f"namespace {namespace}" in done.stdout
    assert "testing what is deployed" in done.stdout
    assert done.returncode == 10
    assert not start_local(namespace).get("deployments")


def _renamed_kubeconfig(folder: Path, server: str | None = None) -> Path:
    """The local cluster's kubeconfig under another context's name: a cluster of the user's."""
    config = yaml.safe_load(local_cluster.kubeconfig().read_text())
    config["contexts"][0]["name"] = config["current-context"] = "theirs"
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def test_kubectl_is_not_needed_for_the_local_cluster(namespace: str) -> None:
    """Without kubectl on the PATH the local cluster is used with the kubectl that it brings."""
    python = Path(sys.executable).parent
    assert not shutil.which("kubectl", path=str(python))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{python}:/usr/sbin:/usr/bin:/sbin:/bin")
        done = _run("--namespace", namespace, "test", "--deploy", "no")
    assert f"context {local_cluster.CONTEXT} · server" in done.stdout
    assert done.returncode == 10
