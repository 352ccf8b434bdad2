"""Which container of a pod is taken for the one that runs the tests."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.cluster.suite_container import split_arguments, suite_container
from pytest_k8s_job.errors import UsageError

PROXY = {"name": "proxy", "command": ["python", "-c"], "args": ["import time"]}
SUITE = {"name": "suite", "command": ["python", "-m", "pytest_k8s_job.pod.agent"], "args": ["-q"]}
SHELL = {"name": "shell", "command": ["sh", "-c", "exec python -m pytest_k8s_job.pod.agent -q"]}
IN_ARGS = {"name": "args", "args": ["-m", "pytest_k8s_job.pod.agent", "-q"]}
IMAGE = {"name": "image", "args": ["-q"]}
LOOKALIKE = {"name": "lookalike", "command": ["python", "-m", "my_pytest_k8s_job_helper"]}


def template(*containers: dict[str, Any], default: str | None = None) -> dict[str, Any]:
    """Return a pod template, with kubectl's annotation if `default` is given."""
    annotations = {"kubectl.kubernetes.io/default-container": default} if default else None
    return {"metadata": {"annotations": annotations}, "spec": {"containers": list(containers)}}


@pytest.mark.parametrize("suite", [SUITE, SHELL, IN_ARGS])
def test_the_container_with_the_agent_is_taken(suite: dict[str, Any]) -> None:
    """A helper that stands before it, or that the annotation names, changes nothing."""
    assert suite_container(template(PROXY, suite, LOOKALIKE)) is suite
    assert suite_container(template(PROXY, suite, default="proxy")) is suite


def test_without_an_agent_the_annotation_decides() -> None:
    """An image may start the agent by itself; the annotation says which container that is."""
    assert suite_container(template(PROXY, IMAGE, default="image")) is IMAGE
    assert suite_container(template(SUITE, SHELL, default="shell")) is SHELL


def test_the_only_container_is_taken() -> None:
    """A pod of one container needs no sign; a template may have no metadata."""
    assert suite_container({"spec": {"containers": [IMAGE]}}) is IMAGE


@pytest.mark.parametrize("default", [None, "nobody"])
def test_two_candidates_are_an_error_that_names_both(default: str | None) -> None:
    """The error also says what to write."""
    with pytest.raises(UsageError, match=r"proxy or image\? .*kubernetes\.io/default-container"):
        suite_container(template(PROXY, IMAGE, default=default))


def test_arguments_of_pytest_stand_behind_the_agent() -> None:
    """Only those are replaced: the words that start the agent stay."""
    assert split_arguments(SUITE) == ([], ["-q"])
    assert split_arguments(IMAGE) == ([], ["-q"])
    assert split_arguments(IN_ARGS) == (["-m", "pytest_k8s_job.pod.agent"], ["-q"])
    assert split_arguments({"args": ["-p", "pytest_k8s_job.plugin"]})[0] == []
