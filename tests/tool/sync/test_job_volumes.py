"""The Job of `--sync`: made from a user's manifest, or from none."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from pytest_k8s_job.cluster.job_manifest import Run, arguments_of, make_job
from pytest_k8s_job.cluster.joining import read_job
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.built_in import built_in_job, built_in_text, role_text
from pytest_k8s_job.sync.job_volumes import Part, mount
from pytest_k8s_job.wire.sync_layout import SYNC

PARTS = [Part("one", "files.000", b"a"), Part("two", "tool.zip", b"b")]


def job(command: list[str] | None, args: list[str]) -> dict[str, Any]:
    """Return a Job with this container, which has a variable and a volume of its own."""
    container: dict[str, Any] = {
        "name": "suite",
        "image": "tests:1",
        "args": args,
        "env": [{"name": "API", "value": "x"}],
        "volumeMounts": [{"name": "own", "mountPath": "/own"}],
    }
    if command is not None:
        container["command"] = command
    pod = {"containers": [container], "volumes": [{"name": "own", "emptyDir": {}}]}
    return {"kind": "Job", "metadata": {"name": "t"}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("command", "args", "python"),
    [
        (["python", "-m", "pytest_k8s_job.pod.agent"], ["t", "-v"], "python"),
        (["/venv/bin/python3", "-m", "pytest_k8s_job.pod.agent"], ["t", "-v"], "/venv/bin/python3"),
        (None, ["python", "-m", "pytest_k8s_job.pod.agent", "t", "-v"], "python3"),
        (None, ["t", "-v"], "python3"),
    ],
)
def test_command_and_volumes_are_added(
    command: list[str] | None, args: list[str], python: str
) -> None:
    """What the user has stays; the arguments stay pytest's; the Job tells what must run."""
    manifest = job(command, args)
    before = json.dumps(manifest)
    mounted = make_job(mount(manifest, PARTS, {"whole": []}, "d" * 64), Run(["a"]))
    assert json.dumps(manifest) == before
    pod = mounted["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["command"][0] == python
    assert container["args"] == ["a"]
    assert arguments_of(mount(manifest, PARTS, {}, "")) == ["t", "-v"]
    assert {each["name"] for each in pod["volumes"]} == {"own", "k8s-job-input", "k8s-job-work"}
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables["API"] == "x"
    assert json.loads(variables[SYNC]) == {"whole": []}
    assert read_job(mounted).sent_files == "d" * 64


@pytest.mark.parametrize(
    "command", [["sh", "-c", "prepare && python -m pytest_k8s_job.pod.agent"], ["pytest"]]
)
def test_a_command_that_does_more_is_refused(command: list[str]) -> None:
    """What a script prepares would be missing in silence."""
    with pytest.raises(UsageError, match="--sync replaces the container's command"):
        mount(job(command, []), PARTS, {}, "")


def test_the_built_in_job_needs_an_image() -> None:
    """The error says how to name one."""
    with pytest.raises(UsageError, match="--k8s-image python:"):
        built_in_job(None)
    container = built_in_job("python:3.13-slim")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "python:3.13-slim"


def test_the_files_of_init_are_what_is_built_in() -> None:
    """The text is the Job; the Role names what the docs name."""
    assert yaml.safe_load(built_in_text("x:1")) == built_in_job("x:1")
    rules = yaml.safe_load(role_text())["rules"]
    config_maps = next(each for each in rules if "configmaps" in each["resources"])
    assert set(config_maps["verbs"]) == {"list", "create", "patch", "delete"}
