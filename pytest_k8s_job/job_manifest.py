"""The Job of one run, made from the same manifest that `kubectl apply` uses.

A Job's template cannot change and its name is taken once, so each run creates a new Job: same
template, unique name, a label with the run id, and pytest's arguments in place of its own.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pytest_k8s_job.agent import CACHE, DEADLINE, GRACE, NONCE, RUN_ID, TEST_TIMEOUT
from pytest_k8s_job.errors import UsageError

__all__ = ["RUN_LABEL", "Run", "container_of", "load_job", "make_job", "paths_of"]

RUN_LABEL = "pytest-k8s-job/run"
NAME_LIMIT = 63  # characters of a label value; the Job's name becomes one on its pods

Object = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What is new in one run; the ids are drawn when it is made."""

    arguments: Sequence[str]
    namespace: str | None = None
    image: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""
    test_timeout: float | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))


def load_job(path: Path) -> Object:
    """Return the one Job in the YAML file `path`."""
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
    except OSError as error:
        raise UsageError(f"cannot read the Job manifest {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the Job manifest {path} is not YAML: {_one_line(error)}") from error
    jobs = [each for each in documents if isinstance(each, dict) and each.get("kind") == "Job"]
    if len(jobs) != 1:
        raise UsageError(f"{path} must hold exactly one Job, it holds {len(jobs)}")
    job: Object = jobs[0]
    try:
        container_of(job)["name"], job["metadata"]["name"]
    except (KeyError, IndexError, TypeError) as error:
        raise UsageError(f"the Job in {path} has no name or no container") from error
    return job


def container_of(job: Object) -> Object:
    """Return the container that runs the tests: the first."""
    container: Object = job["spec"]["template"]["spec"]["containers"][0]
    return container


def paths_of(job: Object) -> list[str]:
    """Return the paths among the manifest's own arguments, which are the default selection."""
    return [str(each) for each in container_of(job).get("args") or () if str(each)[:1] != "-"]


def make_job(manifest: Object, run: Run) -> Object:
    """Return the Job object of `run`; `manifest` stays as it is."""
    job = copy.deepcopy(manifest)
    metadata = job["metadata"]
    metadata["name"] = f"{metadata['name'][: NAME_LIMIT - len(run.run_id) - 1]}-{run.run_id}"
    if run.namespace:
        metadata["namespace"] = run.namespace
    for labelled in (metadata, job["spec"]["template"].setdefault("metadata", {})):
        labelled.setdefault("labels", {})[RUN_LABEL] = run.run_id
    container = container_of(job)
    container["args"] = list(run.arguments)
    if run.image:
        container["image"] = run.image
    ours = {**run.environment, **_limits(job, run)}
    ours |= {RUN_ID: run.run_id, NONCE: run.nonce, CACHE: run.cache}
    kept = [each for each in container.get("env") or () if each["name"] not in ours]
    container["env"] = [*kept, *({"name": name, "value": ours[name]} for name in ours)]
    return job


def _limits(job: Object, run: Run) -> dict[str, str]:
    """Return the seconds that the agent must know to end pytest before Kubernetes does."""
    pod = job["spec"]["template"]["spec"]
    seconds = {
        DEADLINE: job["spec"].get("activeDeadlineSeconds"),
        GRACE: pod.get("terminationGracePeriodSeconds"),
        TEST_TIMEOUT: run.test_timeout,
    }
    return {name: f"{value:g}" for name, value in seconds.items() if value is not None}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
