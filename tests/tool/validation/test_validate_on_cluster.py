"""`k8s-job validate` and `gate` on the real cluster: one verdict for each rollout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import local_cluster
from tests.checkout import CHECKOUT
from tests.tool.diagnosis.place import kubectl, wait_until
from tests.tool.run.test_on_cluster import job_manifest
from tests.tool.target.shop import Shop, deployment, open_runs, open_shop, service

pytestmark = pytest.mark.cluster

SUITE = """\
import os, time, urllib.request

def get():
    with urllib.request.urlopen(os.environ["SHOP_URL"], timeout=5) as answer:
        return answer.read().decode()

def test_version():
    assert get() != "broken"

def test_slow():
    end = time.monotonic() + float(os.environ.get("SLOW", "0"))
    while time.monotonic() < end:
        get()
        time.sleep(0.1)
"""
PASSED, FAILED, NO_TESTS, NOT_RUN, VOID = 0, 1, 5, 10, 12


@dataclass(frozen=True)
class Pipeline:
    """What deploys the shop and asks for verdicts."""

    shop: Shop
    runs: str
    folder: Path

    def template(self, slow: float = 0, **container: Any) -> None:
        """Apply the suspended CronJob."""
        job = yaml.safe_load(job_manifest(self.runs))
        (suite,) = job["spec"]["template"]["spec"]["containers"]
        suite["env"] += [
            {"name": "SHOP_URL", "value": f"http://web.{self.shop.namespace}.svc"},
            {"name": "SLOW", "value": str(slow)},
        ]
        suite |= {"args": ["test_shop.py"]} | container
        cronjob = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": "shop",
                "namespace": self.runs,
                "annotations": {"pytest-k8s-job/target": f"{self.shop.namespace}/deployment/web"},
            },
            "spec": {
                "schedule": "0 0 1 1 *",
                "suspend": True,
                "jobTemplate": {"spec": job["spec"]},
            },
        }
        kubectl("-n", self.runs, "apply", "-f", "-", text=json.dumps(cronjob))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb of k8s-job."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI"))}
        kubeconfig = {"KUBECONFIG": str(local_cluster.kubeconfig()), "PYTHONPATH": str(CHECKOUT)}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_k8s_job", *words, "-n", self.runs],
            cwd=self.folder,
            env=inherited | kubeconfig,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def say(self, *words: str) -> tuple[int, str]:
        """Run a verb of k8s-job; return exit code and output."""
        with self.start(*words) as process:
            output, _ = process.communicate(timeout=180)
        return process.returncode, output

    def jobs(self) -> list[str]:
        """Return the names of the Jobs."""
        items = json.loads(kubectl("-n", self.runs, "get", "jobs", "-o", "json"))["items"]
        return [each["metadata"]["name"] for each in items]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace for the runs of all tests here."""
    with open_runs(tmp_path_factory.mktemp("suite"), SUITE) as name:
        yield name


@pytest.fixture
def pipeline(runs: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A shop of its own, with no run yet."""
    with open_shop(deployment("web"), service("web")) as shop:
        shop.wait("web")
        made = Pipeline(shop, runs, tmp_path)
        made.template()
        try:
            yield made
        finally:
            kubectl("-n", runs, "delete", "jobs,cronjobs", "--all")
            kubectl("-n", runs, "delete", "configmaps", "-l", "pytest-k8s-job/template")


def test_a_rollout_has_one_verdict(pipeline: Pipeline) -> None:
    """Who comes later is told; scaling and restarts change nothing; `--again` runs once more."""
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert (code, "NO VERDICT" in output) == (NOT_RUN, True), output
    code, output = pipeline.say("validate")
    assert code == PASSED, output
    assert "PASSED" in output.splitlines()[-1]
    assert "2 passed" in output
    (job,) = pipeline.jobs()
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == PASSED, output
    pipeline.shop.kubectl("scale", "deployment/web", "--replicas=2")
    pipeline.shop.wait("web")
    code, output = pipeline.say("validate", "--quiet")
    assert code == PASSED, output
    assert "PASSED before, " in output
    assert pipeline.jobs() == [job]
    code, output = pipeline.say("validate", "--quiet", "--again")
    assert code == PASSED, output
    assert pipeline.jobs() == [job, f"{job}-2"]


def test_a_kept_verdict_outlives_its_job(pipeline: Pipeline) -> None:
    """It is drawn again from the kept log; another log, or a forged text, is no proof."""
    assert pipeline.say("validate", "--quiet")[0] == PASSED
    (job,) = pipeline.jobs()
    kubectl("-n", pipeline.runs, "delete", "job", job, "--wait=true")
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == PASSED, output
    kept = json.loads(kubectl("-n", pipeline.runs, "get", "configmap", job, "-o", "json"))
    kept["data"]["pod.json"] = kept["data"]["pod.json"].replace('"exit_code": 0', '"exit_code": 1')
    kept["metadata"] = {key: kept["metadata"][key] for key in ("name", "labels", "annotations")}
    kubectl("-n", pipeline.runs, "delete", "configmap", job)
    kubectl("-n", pipeline.runs, "create", "-f", "-", text=json.dumps(kept))
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == NOT_RUN, output


def test_a_label_is_no_verdict(pipeline: Pipeline) -> None:
    """Whoever may label a Job cannot make it pass."""
    pipeline.shop.apply(deployment("web", "broken"))
    code, output = pipeline.say("validate", "--quiet")
    assert code == FAILED, output
    assert "test_version" in output
    (job,) = pipeline.jobs()
    kubectl("-n", pipeline.runs, "label", "job", job, "pytest-k8s-job/verdict=PASSED")
    kubectl("-n", pipeline.runs, "delete", "configmap", job)
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == FAILED, output


def test_two_at_once_share_one_job(pipeline: Pipeline) -> None:
    """The Job's name is the lock: the second one joins."""
    pipeline.template(slow=3)
    with pipeline.start("validate", "--quiet") as one, pipeline.start("validate", "--quiet") as two:
        outputs = [each.communicate(timeout=120)[0] for each in (one, two)]
    assert (one.returncode, two.returncode) == (PASSED, PASSED), outputs
    assert len(pipeline.jobs()) == 1


def test_each_rollout_is_validated(pipeline: Pipeline) -> None:
    """The old verdict says nothing of the new rollout, nor the first of the way back to it."""
    assert pipeline.say("validate", "--quiet")[0] == PASSED
    pipeline.shop.apply(deployment("web", "2"))
    pipeline.shop.wait("web")
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert (code, "has no verdict" in output) == (NOT_RUN, True), output
    assert pipeline.say("validate", "--quiet")[0] == PASSED
    pipeline.shop.kubectl("rollout", "undo", "deployment/web")
    code, output = pipeline.say("validate", "--quiet")
    assert code == PASSED, output
    assert "before" not in output
    assert len(pipeline.jobs()) == 3


def test_a_rollout_in_mid_run_is_void_and_then_validated(pipeline: Pipeline) -> None:
    """The verdict is one on the newer rollout; without a second try, it is VOID."""
    pipeline.template(slow=12)
    with pipeline.start("validate", "--quiet") as process:
        wait_until(lambda: len(pipeline.jobs()) == 1 and is_testing(pipeline), "the first run")
        pipeline.shop.apply(deployment("web", "2"))
        pipeline.template()
        output, _ = process.communicate(timeout=180)
    assert process.returncode == PASSED, output
    assert "VOID shop-" in output
    assert len(pipeline.jobs()) == 2


def is_testing(pipeline: Pipeline) -> bool:
    """Whether a test has begun."""
    log = kubectl("-n", pipeline.runs, "logs", "-l", "pytest-k8s-job/template=shop", check=False)
    return log.count("\n") > 5


def test_an_image_that_does_not_exist(pipeline: Pipeline) -> None:
    """The rollout cannot end: NOT_RUN with its cause, until it is mended."""
    pipeline.shop.kubectl("set", "image", "deployment/web", "web=registry.invalid/nowhere:1")
    for _ in range(2):
        code, output = pipeline.say("validate", "--quiet")
        assert code == NOT_RUN, output
        assert "registry.invalid/nowhere:1" in output
    assert pipeline.jobs() == []
    assert pipeline.say("gate", "--timeout", "1s")[0] == NOT_RUN
    pipeline.shop.kubectl("rollout", "undo", "deployment/web")
    assert pipeline.say("validate", "--quiet")[0] == PASSED


@pytest.mark.parametrize(
    ("container", "expected", "word"),
    [
        ({"image": "registry.invalid/tests:1"}, NOT_RUN, "registry.invalid/tests:1"),
        ({"args": ["-k", "nothing_of_this_name"]}, NO_TESTS, "NO_TESTS"),
    ],
)
def test_no_test_is_no_success(
    pipeline: Pipeline, container: dict[str, Any], expected: int, word: str
) -> None:
    """The test image is missing, or no test was chosen: validate and gate both say no."""
    pipeline.template(**container)
    code, output = pipeline.say("validate", "--quiet")
    assert (code, word in output) == (expected, True), output
    assert pipeline.say("gate", "--timeout", "1s")[0] == expected
