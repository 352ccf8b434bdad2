"""The Job of a run, made from the manifest that kubectl applies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.cluster.job_manifest import (
    RUN_LABEL,
    TEMPLATE_LABEL,
    Run,
    arguments_of,
    container_of,
    load_job,
    make_job,
)
from pytest_k8s_job.wire.agent_settings import DEADLINE, GRACE, NONCE, RUN_ID, TEST_TIMEOUT
from tests.checkout import CHECKOUT

REAL = CHECKOUT / "kubernetes" / "90-integration-test.yaml"


def environment(job: dict[str, object]) -> dict[str, str]:
    """Return the container's environment."""
    return {each["name"]: each.get("value", "") for each in container_of(job)["env"]}


def test_each_run_has_a_name_of_its_own() -> None:
    """Two runs of one manifest are two Jobs, and their labels tell them apart."""
    manifest = load_job(REAL)
    one, two = (make_job(manifest, Run([])) for _ in range(2))
    assert one["metadata"]["name"] != two["metadata"]["name"]
    assert one["metadata"]["name"].startswith(manifest["metadata"]["name"] + "-")
    label = one["metadata"]["labels"][RUN_LABEL]
    assert one["spec"]["template"]["metadata"]["labels"][RUN_LABEL] == label
    assert environment(one)[RUN_ID] == label


def test_the_manifest_is_kept() -> None:
    """Everything else stays as it was written: labels, limits, security, environment."""
    manifest = load_job(REAL)
    job = make_job(manifest, Run(["-x", "tests"]))
    assert manifest == load_job(REAL)
    before, after = container_of(manifest), container_of(job)
    assert after["args"] == ["-x", "tests"]
    assert {**after, "args": 0, "env": 0} == {**before, "args": 0, "env": 0}
    assert environment(manifest).items() <= environment(job).items()
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert labels.items() <= job["spec"]["template"]["metadata"]["labels"].items()


def test_a_run_changes_what_it_was_told_to() -> None:
    """Image, namespace and variables of the run take the place of the manifest's."""
    run = Run([], namespace="other", image="mine:2", environment={"API_WAIT": "5", "NEW": ""})
    job = make_job(load_job(REAL), run)
    assert job["metadata"]["namespace"] == "other"
    assert container_of(job)["image"] == "mine:2"
    assert environment(job)["API_WAIT"] == "5"
    assert environment(job)["NEW"] == ""
    assert [each["name"] for each in container_of(job)["env"]].count("API_WAIT") == 1


def test_long_names_are_cut() -> None:
    """A Job's name becomes a label of its pods, which takes 63 characters."""
    manifest = load_job(REAL)
    manifest["metadata"]["name"] = "x" * 63
    run = Run([])
    name = make_job(manifest, run)["metadata"]["name"]
    assert len(name) == 63
    assert name.endswith(run.run_id)


def test_nonces_are_drawn_anew() -> None:
    """No two runs share a nonce, and it is long enough not to be guessed."""
    nonces = {environment(make_job(load_job(REAL), Run([])))[NONCE] for _ in range(10)}
    assert len(nonces) == 10
    assert {len(nonce) for nonce in nonces} == {32}


@pytest.mark.parametrize(
    ("args", "found"),
    [("[tests, -k, a or b]", ["tests", "-k", "a or b"]), ("[-n, 2]", ["-n", "2"]), ("null", [])],
)
def test_the_default_is_the_manifests(args: str, found: list[str], tmp_path: Path) -> None:
    """The manifest's own arguments say what to run when the user names nothing."""
    file = tmp_path / "job.yaml"
    file.write_text(
        "kind: Job\nmetadata: {name: x}\nspec: {template: {spec: {containers: "
        f"[{{name: c, args: {args}}}]}}}}}}\n"
    )
    assert arguments_of(load_job(file)) == found


def test_the_agent_learns_when_kubernetes_would_end_it() -> None:
    """Deadline and grace period of the manifest, and the time for one test, go to the agent."""
    manifest = load_job(REAL)
    told = environment(make_job(manifest, Run([], test_timeout=2.5)))
    assert float(told[DEADLINE]) == manifest["spec"]["activeDeadlineSeconds"]
    assert told[GRACE] == "30"
    assert told[TEST_TIMEOUT] == "2.5"
    del manifest["spec"]["activeDeadlineSeconds"]
    assert not {DEADLINE, TEST_TIMEOUT} & environment(make_job(manifest, Run([]))).keys()


def test_empty_metadata_is_filled() -> None:
    """A manifest whose labels, annotations or template metadata are null makes a Job too."""
    container = {"name": "c"}
    manifest: dict[str, Any] = {
        "metadata": {"name": "x", "labels": None, "annotations": None},
        "spec": {"template": {"metadata": None, "spec": {"containers": [container]}}},
    }
    run = Run([])
    job = make_job(manifest, run)
    labels = {RUN_LABEL: run.run_id, TEMPLATE_LABEL: "x"}
    assert job["metadata"]["labels"] == labels
    assert job["spec"]["template"]["metadata"]["labels"] == labels
    assert manifest["metadata"]["labels"] is None
