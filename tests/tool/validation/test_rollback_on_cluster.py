"""What a failure does where the template's policy is to roll back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tool.target.shop import deployment
from tests.tool.validation.pipeline import FAILED, PASSED, Pipeline

pytestmark = pytest.mark.cluster
POLICY = ("validate", "--policy", "--quiet")


def version(pipeline: Pipeline, kind: str = "deployment") -> str:
    """Return the version that is deployed."""
    path = "jsonpath={.spec.template.spec.containers[0].env[0].value}"
    return pipeline.shop.kubectl("get", f"{kind}/web", "-o", path)


def stateful(version: str) -> dict[str, Any]:
    """Return the shop as a StatefulSet of two pods."""
    made = deployment("web", version, replicas=2)
    made["spec"] |= {"serviceName": "web", "podManagementPolicy": "Parallel"}
    return made | {"kind": "StatefulSet"}


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


def test_a_stateful_set_is_rolled_back(pipeline: Pipeline) -> None:
    """Its revisions are ControllerRevisions: it gets the one that passed last, and passes again."""
    pipeline.shop.kubectl("delete", "deployment/web", "--cascade=foreground")
    pipeline.template(on_failure="rollback", kind="statefulset")
    pipeline.shop.apply(stateful("1"))
    code, output = pipeline.say(*POLICY)
    assert code == PASSED, output
    passed = current_revision(pipeline)
    pipeline.shop.apply(stateful("broken"))
    code, output = pipeline.say(*POLICY)
    assert code == FAILED, output
    assert "rolled back: statefulset/web" in output
    assert output.splitlines()[-1].startswith("FAILED ")
    assert output.splitlines()[-1].endswith(", PASSED")
    assert (version(pipeline, "statefulset"), current_revision(pipeline)) == ("1", passed)
    found = [(each["verdict"], each["revision"]) for each in pipeline.kept()]
    assert [verdict for verdict, _ in found] == ["PASSED", "FAILED", "PASSED"]
    assert found[0] == found[2] != found[1]
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == PASSED, output


def current_revision(pipeline: Pipeline) -> str:
    """Return the ControllerRevision that all pods of the StatefulSet have."""
    path = "jsonpath={.status.currentRevision}"
    return pipeline.shop.kubectl("get", "statefulset/web", "-o", path)


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
