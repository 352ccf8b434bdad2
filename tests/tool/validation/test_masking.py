"""Which Secrets a Job's pod names, and which verdicts hold nothing that a test said."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.validation.masking import named_secrets, withhold
from tests.tool.validation.runs import run


def job(**pod: Any) -> dict[str, Any]:
    """Return a Job with this pod."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "suite"}], **pod}}}}


@pytest.mark.parametrize(
    "pod",
    [
        {
            "containers": [
                {"envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}]}
            ]
        },
        {"initContainers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]},
        {
            "containers": [
                {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}
            ]
        },
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
    ],
    ids=["envFrom", "init", "env", "volume", "projected"],
)
def test_each_way_to_a_secret(pod: dict[str, Any]) -> None:
    """Every place of a pod that holds a Secret's value is found."""
    assert list(named_secrets(job(**pod))) == ["s"]


def test_a_pod_without_secrets() -> None:
    """Plain variables, other volumes and no Job at all name none."""
    containers = [{"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}]}]
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "p", "projected": {"sources": []}}]
    assert list(named_secrets(job(containers=containers, volumes=volumes))) == []
    assert list(named_secrets(None)) == []


@pytest.mark.parametrize("verdict", ["PASSED", "VOID", "NOT_RUN"])
def test_words_of_the_tool_stay(verdict: str) -> None:
    """What holds no text of a test is shown as it is."""
    found = run(verdict, first_line="the rollout changed")
    assert withhold(found, ["s"]) == found


@pytest.mark.parametrize("verdict", ["FAILED", "INCOMPLETE", "USAGE ERROR", "NO_TESTS"])
def test_words_of_tests_go(verdict: str) -> None:
    """All else may hold a value, and names the Secrets instead."""
    found = withhold(run(verdict, first_line="it said hunter2", failed=()), ["a", "b"])
    assert found.first_line.startswith(f"{verdict}; the reason is left out: ")
    assert "secrets a, b" in found.first_line
    assert "hunter2" not in found.first_line


def test_parameters_go() -> None:
    """Ids of tests are shown without what they were called with, each once."""
    failed = ("t.py::test_a[hunter2]", "t.py::test_a[hunter3]", "t.py::test_b")
    found = withhold(run("FAILED", failed=failed), ["s"])
    assert found.failed == ("t.py::test_a", "t.py::test_b")
    assert found.first_line.startswith("3 tests failed; ")
