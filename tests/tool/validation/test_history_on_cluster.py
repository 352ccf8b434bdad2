"""On the real cluster: Events and labels as kubectl shows them, and a planted Secret in none."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import local_cluster
from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.validation.events import announce
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.masking import mask_secrets
from pytest_k8s_job.validation.metrics import Metrics
from pytest_k8s_job.validation.notify import notify
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import Store
from tests.checkout import CHECKOUT
from tests.tool.conftest import SECONDS
from tests.tool.run.test_on_cluster import kubectl
from tests.tool.run.test_shards_on_cluster import kubeconfig_of
from tests.tool.target.shop import deployment, open_runs, open_shop, service
from tests.tool.validation.pipeline import Pipeline
from tests.tool.validation.receiver import answer, receiving
from tests.tool.validation.runs import run

pytestmark = pytest.mark.cluster

PLANTED = "pl4nted-v4lue-" + "0123456789"
FAILING_SUITE = """\
import os, pytest

@pytest.mark.parametrize("value", [os.environ["token"]])
def test_it(value):
    print("printed", value)
    assert value == "another", f"the token is {value}"
"""
JOB = "integration-test-0a1b2c3d4e"


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace with a Deployment, a Job that waits, a template and a Secret."""
    name = f"history-test-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    try:
        kubectl("-n", name, "create", "deployment", "api", "--image=none", "--replicas=0")
        kubectl(
            "-n", name, "create", "secret", "generic", "s", f"--from-literal=password={PLANTED}"
        )
        kubectl("-n", name, "create", "-f", "-", text=waiting_job())
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def cluster() -> KubernetesCluster:
    """The cluster."""
    return connect(str(local_cluster.kubeconfig()))


def waiting_job() -> str:
    """Return a Job that nothing starts."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "suite", "image": "none"}]}
    spec = {"suspend": True, "template": {"spec": pod}}
    return yaml.safe_dump(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": JOB}, "spec": spec}
    )


def here(verdict: str, namespace: str, **more: Any) -> Validation:
    """Return a validation of the namespace's Deployment."""
    workloads = (("deployment", namespace, "api"),)
    return run(verdict, namespace=namespace, job=JOB, workloads=workloads, **more)


def events(namespace: str) -> list[dict[str, Any]]:
    """Return the Events that this tool wrote."""
    listed = json.loads(kubectl("-n", namespace, "get", "events", "-o", "json"))["items"]
    return [each for each in listed if each["source"].get("component") == "k8s-job"]


def test_kubectl_shows_the_verdict(namespace: str, cluster: KubernetesCluster) -> None:
    """describe shows it on the Deployment, get jobs -l finds its Job, and twice makes one Event."""
    failed = here("FAILED", namespace)
    assert announce(cluster, failed) == []
    assert announce(cluster, failed) == []
    assert [each["reason"] for each in events(namespace)] == ["TestsFailed"]
    described = kubectl("-n", namespace, "describe", "deployment", "api")
    line = next(each for each in described.splitlines() if "TestsFailed" in each)
    assert line.split()[:2] == ["Warning", "TestsFailed"]
    assert "k8s-job" in line
    assert line.endswith("(167 passed, 1 failed in 42 s, run 0a1b2c3d4e): " + failed.first_line)
    shown = kubectl("-n", namespace, "events", "--for=deployment/api")
    assert "TestsFailed" in shown
    selector = "pytest-k8s-job/verdict=FAILED,pytest-k8s-job/revision=3f2a9c1e55"
    assert (
        kubectl("-n", namespace, "get", "jobs", "-l", selector, "-o", "name")
        == f"job.batch/{JOB}\n"
    )
    assert announce(cluster, here("PASSED", namespace)) == []
    assert sorted(each["reason"] for each in events(namespace)) == ["TestsFailed", "TestsPassed"]
    assert kubectl("-n", namespace, "get", "jobs", "-l", selector, "-o", "name") == ""


def account(namespace: str, name: str, folder: Path) -> KubernetesCluster:
    """Return the cluster as a new service account sees it, which has no rights yet."""
    kubectl("-n", namespace, "create", "serviceaccount", name)
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig_of(namespace, name)))
    return connect(str(file))


def test_without_rights_each_missing_one_is_told(namespace: str, tmp_path: Path) -> None:
    """A service account without any Role gets lines that name the right, and no exception."""
    powerless = account(namespace, "nobody", tmp_path)
    before = len(events(namespace))
    event, labels = announce(powerless, here("VOID", namespace))
    assert "no Event on deployment api" in event
    assert 'cannot create resource "events"' in event
    assert f"no labels on Job {JOB}" in labels
    assert 'cannot patch resource "jobs"' in labels
    assert len(events(namespace)) == before


def test_a_planted_secret_is_shown_nowhere(namespace: str, cluster: KubernetesCluster) -> None:
    """Neither Events, Job, kept run, history, metrics nor notice hold the value of a Secret."""
    encoded = base64.b64encode(PLANTED.encode()).decode()
    raw = here(
        "FAILED",
        namespace,
        run_id="planted",
        first_line=f"1 of 2 tests failed: AssertionError: 'x' != '{PLANTED}'",
        failed=(f"test_it.py::test_it[{PLANTED}]", f"test_it.py::test_it[{encoded}]"),
        note=f"Authorization: Bearer {PLANTED[::-1]}; {PLANTED}",
        target_line=f"target: {PLANTED}",
    )
    masked = mask_secrets(cluster, raw, None)
    place = Place(namespace, str(local_cluster.kubeconfig()))
    Store(cluster, place).keep(masked, None, None, b"")
    shown = all_that_is_shown(cluster, place, masked)
    assert "planted" in shown[0]
    for text in shown:
        assert not any(value in text for value in (PLANTED, encoded, PLANTED[::-1])), text
    assert sum("[masked]" in text for text in shown) >= 4
    assert PLANTED in raw.first_line


def test_what_cannot_be_masked_is_left_out(namespace: str, tmp_path: Path) -> None:
    """Who may not read a Secret of the tests shows nothing that they said; who may, masks it."""
    validator = account(namespace, "validator", tmp_path)
    raw = here(
        "FAILED",
        namespace,
        first_line=f"1 of 2 tests failed: AssertionError: 'x' != '{PLANTED}'",
        failed=(f"test_it.py::test_it[{PLANTED}]",),
    )
    job = yaml.safe_load(waiting_job())
    (suite,) = job["spec"]["template"]["spec"]["containers"]
    suite["env"] = [{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}}]
    left_out = mask_secrets(validator, raw, job)
    assert PLANTED not in json.dumps(left_out.as_json())
    assert left_out.first_line == (
        "1 test failed; the reason is left out: no right to get secrets s, which the tests have,"
        " so their values cannot be masked"
    )
    assert (left_out.verdict, left_out.failed) == ("FAILED", ("test_it.py::test_it",))
    rule = ("create", "role", "s", "--verb=get", "--resource=secrets", "--resource-name=s")
    kubectl("-n", namespace, *rule)
    bound = (f"--serviceaccount={namespace}:validator", "--role=s")
    kubectl("-n", namespace, "create", "rolebinding", "s", *bound)
    masked = mask_secrets(validator, raw, job)
    assert masked.first_line == "1 of 2 tests failed: AssertionError: 'x' != '[masked]'"
    assert masked.failed == ("test_it.py::test_it[[masked]]",)


def test_a_failing_assertion_shows_no_secret(
    cluster: KubernetesCluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A test that fails with a Secret's value in its message and its id: nobody reads it."""
    suite = tmp_path_factory.mktemp("suite")
    shop_and_runs = open_shop(deployment("web"), service("web")), open_runs(suite, FAILING_SUITE)
    with shop_and_runs[0] as shop, shop_and_runs[1] as runs:
        shop.wait("web")
        literal = f"--from-literal=token={PLANTED}"
        kubectl("-n", runs, "create", "secret", "generic", "s", literal)
        pipeline = Pipeline(shop, runs, tmp_path)
        pipeline.template(envFrom=[{"secretRef": {"name": "s"}}])
        code, output = pipeline.say("validate", "--quiet")
        assert code == 1, output
        job = pipeline.jobs()[0]
        log = kubectl("-n", runs, "logs", f"job/{job}")
        assert PLANTED in log  # else nothing was planted
        place = Place(runs, str(local_cluster.kubeconfig()))
        masked = mask_secrets(cluster, Store(cluster, place).read("shop")[0], None)
        shown = all_that_is_shown(cluster, place, masked)
        events = kubectl("-n", shop.namespace, "get", "events", "-o", "json")
        assert "TestsFailed" in events
        assert "[masked]" in events
        assert job in shown[1]
        for text in (events, *shown):
            assert PLANTED not in text


def all_that_is_shown(
    cluster: KubernetesCluster, place: Place, validation: Validation
) -> list[str]:
    """Return the history, what is posted, metrics and objects, after announcing a verdict."""
    assert announce(cluster, validation) == []
    with receiving(answer(200)) as receiver:
        assert notify(f"{receiver.url}/{PLANTED}", validation, b"key") == ""
        receiver.answers = [answer(500), answer(404)]
        refused = notify(f"{receiver.url}/{PLANTED}", validation, b"key")
        assert refused
        bodies = [body.decode() for _, _, body in receiver.seen]
    words = [sys.executable, "-m", "pytest_k8s_job", "history", validation.name]
    words += [f"--namespace={place.namespace}", f"--kubeconfig={place.kubeconfig}"]
    history = [
        subprocess.run(
            [*words, *more],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout
        for more in ([], ["--json"])
    ]
    kept = Store(cluster, place).read(validation.name)
    metrics = Metrics(lambda: [(validation.name, kept, 0.0)]).text().decode()
    objects = kubectl("-n", place.namespace, "get", "events,jobs,configmaps", "-o", "json")
    return [*history, *bodies, refused, metrics, objects]
