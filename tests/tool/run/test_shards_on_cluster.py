"""Shards, replaced pods, repeated tests and the least of rights, on the real cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import local_cluster
from tests.checkout import CHECKOUT
from tests.tool.cli import test_cli_on_cluster as cli
from tests.tool.conftest import SECONDS
from tests.tool.run import test_on_cluster as cluster

pytestmark = pytest.mark.cluster

namespace, place = cluster.namespace, cluster.place
Place = cluster.Place


def test_shards_give_one_session_and_the_same_junit_when_collected(place: Place) -> None:
    """Three pods, one verdict; `attach` gives the same JUnit bytes but the times of reading."""
    first = place.run("--shards=3", "test_slow.py", "test_fail.py", "-v", "--k8s-keep=always")
    assert first.code == 1, first.stdout
    assert "1 failed, 30 passed" in first.stdout
    assert {f"[shard {n}]" for n in range(3)} <= set(
        re.findall(r"^\[shard \d\]", first.stdout, re.M)
    )
    _, run = cli.newest_run(place)
    again = cli.k8s_job(place, "attach", run, "--junitxml=collected.xml")
    assert again.code == 1, again.stdout + again.stderr
    assert without_reading(place.folder / "collected.xml") == without_reading(
        place.folder / "junit.xml"
    )


def without_reading(junit: Path) -> str:
    """Return the file without when, where and how long it was read."""
    return re.sub(r' (time|timestamp|hostname)="[^"]*"', "", junit.read_text(), count=3)


@pytest.mark.parametrize("shards", [1, 2])
def test_an_evicted_pod_is_replaced(place: Place, shards: int) -> None:
    """The Eviction API takes one pod in mid-run; every test is reported once, and it passes."""
    with place.start(f"--shards={shards}", "test_slow.py", "-v") as process:
        cluster.wait_until(lambda: "PASSED" in cluster._read_on(process), "the first test")
        pod = next(name for name in place.names("pods") if cluster._is_running(place, name))
        evict(place.namespace, pod)
        result = place.result(process)
    assert result.code == 0, result.stdout
    assert "30 passed" in result.stdout
    assert f"pod {pod} was taken away (EvictionByEvictionAPI)" in result.stdout
    assert len(result.junit) == 30
    assert any("was taken away" in str(case) for case in result.junit)


def evict(namespace: str, pod: str) -> None:
    """Ask the Eviction API to take the pod away."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(body))


def test_what_failed_runs_again(place: Place) -> None:
    """--rerun-failed runs the failed test alone; without a failure it says so."""
    assert place.run("test_pass.py", "test_fail.py").code == 1
    name, run = cli.newest_run(place)
    over = ("wait", f"job/{name}", "--for=condition=Failed", f"--timeout={SECONDS}s")
    cluster.kubectl("-n", place.namespace, *over)
    again = place.run("--rerun-failed", run, "test_pass.py", "test_fail.py", "--k8s-keep=never")
    assert again.code == 1, again.stdout + again.stderr
    assert "1 failed, 2 deselected" in again.stdout
    unknown = place.run("--rerun-failed=feedbeef")
    assert unknown.code == 4
    assert "there is no run feedbeef" in unknown.stderr


def test_a_flaky_test_is_shown(place: Place) -> None:
    """With --retries, a test that passes on its second try passes, and is called flaky."""
    result = place.run("--retries=2", "test_flaky.py")
    assert result.code == 0, result.stdout
    assert "1 passed, 1 rerun" in result.stdout
    assert "FLAKY test_flaky.py::test_second_try - passed on try 2; before: " in result.stdout
    assert "flaky" in str(result.junit)


def test_the_role_of_the_manifests_is_enough(place: Place) -> None:
    """All commands work with the rights of kubernetes/50-test-runner.yaml, and not without."""
    objects = yaml.safe_load_all((CHECKOUT / "kubernetes" / "50-test-runner.yaml").read_text())
    for each in objects:
        each["metadata"]["namespace"] = place.namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = place.namespace
        cluster.kubectl("apply", "-f", "-", text=yaml.safe_dump(each))
    kubeconfig = place.folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(place.namespace, "test-runner")))
    ours = f"--k8s-kubeconfig={kubeconfig}"
    assert place.run(ours, "test_pass.py", "--shards=2", "--k8s-keep=always").code == 0
    name, run = cli.newest_run(place)
    other = f"--kubeconfig={kubeconfig}"
    assert name in cli.k8s_job(place, "list", other).stdout
    assert cli.k8s_job(place, "attach", run, other).code == 0
    done = ("wait", f"job/{name}", "--for=condition=Complete", f"--timeout={SECONDS}s")
    cluster.kubectl("-n", place.namespace, *done)
    assert f"deleted {place.namespace}/{name}" in cli.k8s_job(place, "clean", other).stdout
    cluster.kubectl("-n", place.namespace, "delete", "rolebinding", "test-runner")
    refused = place.run(ours, "test_pass.py")
    assert refused.code == 10
    assert 'cannot create resource "jobs"' in refused.stdout


def kubeconfig_of(namespace: str, account: str) -> dict[str, object]:
    """Return a kubeconfig with the rights of a service account."""
    config = yaml.safe_load(local_cluster.kubeconfig().read_text())
    token = cluster.kubectl("-n", namespace, "create", "token", account).strip()
    context = {"cluster": config["clusters"][0]["name"], "user": account, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": config["clusters"][:1],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": account, "context": context}],
        "current-context": account,
    }
