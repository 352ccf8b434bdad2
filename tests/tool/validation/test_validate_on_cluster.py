"""`k8s-job validate` and `gate` on the real cluster: one verdict for each rollout."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tool.diagnosis.place import kubectl, wait_until
from tests.tool.target.shop import deployment
from tests.tool.validation.pipeline import (
    FAILED,
    NO_TESTS,
    NOT_RUN,
    PASSED,
    Pipeline,
)

pytestmark = pytest.mark.cluster


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
    label = ("label", "job", job, "pytest-k8s-job/verdict=PASSED", "--overwrite")
    kubectl("-n", pipeline.runs, *label)
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
