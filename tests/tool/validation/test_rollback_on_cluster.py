"""What a failure does where the template's policy is to roll back."""

from __future__ import annotations

import pytest

from tests.tool.target.shop import deployment
from tests.tool.validation.pipeline import FAILED, PASSED, Pipeline

pytestmark = pytest.mark.cluster
POLICY = ("validate", "--policy", "--quiet")


def version(pipeline: Pipeline) -> str:
    """Return the version that is deployed."""
    path = "jsonpath={.spec.template.spec.containers[0].env[0].value}"
    return pipeline.shop.kubectl("get", "deployment/web", "-o", path)


def test_a_failure_is_rolled_back_to_what_passed_last(pipeline: Pipeline) -> None:
    """Not simply to the revision before: that one has failed too."""
    pipeline.template(on_failure="rollback")
    assert pipeline.say(*POLICY)[0] == PASSED
    pipeline.template()
    pipeline.shop.apply(deployment("web", "broken"))
    assert pipeline.say(*POLICY)[0] == FAILED
    pipeline.template(on_failure="rollback")
    broken = deployment("web", "broken")
    broken["spec"]["template"]["metadata"]["annotations"] = {"try": "2"}
    pipeline.shop.apply(broken)
    code, output = pipeline.say(*POLICY)
    assert code == FAILED, output
    assert "rolled back: deployment/web" in output
    assert output.splitlines()[-1].startswith("FAILED ")
    assert output.splitlines()[-1].endswith(", PASSED")
    assert version(pipeline) == "1"
    assert [each["verdict"] for each in pipeline.kept()] == ["PASSED", "FAILED", "FAILED", "PASSED"]


def test_without_a_policy_nothing_is_rolled_back(pipeline: Pipeline) -> None:
    """`report` is the default, and `validate` by hand changes nothing."""
    assert pipeline.say(*POLICY)[0] == PASSED
    pipeline.shop.apply(deployment("web", "broken"))
    code, output = pipeline.say(*POLICY)
    assert (code, "rolled back" in output) == (FAILED, False), output
    pipeline.template(on_failure="rollback")
    code, output = pipeline.say("validate", "--quiet")
    assert (code, "rolled back" in output) == (FAILED, False), output
    assert version(pipeline) == "broken"


def test_nothing_to_go_back_to(pipeline: Pipeline) -> None:
    """No revision of it has passed."""
    pipeline.template(on_failure="rollback")
    pipeline.shop.apply(deployment("web", "broken"))
    code, output = pipeline.say(*POLICY)
    assert code == FAILED, output
    assert "not rolled back: no revision of it has passed yet" in output


@pytest.mark.parametrize(
    ("mark", "value", "word"),
    [
        ("argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/web", "argocd app rollback"),
        ("kustomize.toolkit.fluxcd.io/name", "shop", "revert the commit"),
        ("meta.helm.sh/release-name", "shop", "helm rollback"),
    ],
)
def test_what_belongs_to_another_controller_is_left(
    pipeline: Pipeline, mark: str, value: str, word: str
) -> None:
    """It would be undone: the user is told what to do there instead."""
    pipeline.template(on_failure="rollback")
    assert pipeline.say(*POLICY)[0] == PASSED
    pipeline.shop.apply(deployment("web", "broken"))
    pipeline.shop.kubectl("annotate", "deployment/web", f"{mark}={value}")
    code, output = pipeline.say(*POLICY)
    assert code == FAILED, output
    assert "not rolled back: deployment/web belongs to" in output
    assert word in output
    assert version(pipeline) == "broken"


def test_a_workload_without_history_is_left(pipeline: Pipeline) -> None:
    """With revisionHistoryLimit 0 there is nothing to roll back to."""
    pipeline.template(on_failure="rollback")
    assert pipeline.say(*POLICY)[0] == PASSED
    broken = deployment("web", "broken")
    broken["spec"]["revisionHistoryLimit"] = 0
    pipeline.shop.apply(broken)
    code, output = pipeline.say(*POLICY)
    assert code == FAILED, output
    assert "its revisionHistoryLimit is 0" in output
