"""The Job of one run, made from the same manifest that `kubectl apply` uses.

A Job's template cannot change and its name is taken once, so each run creates a new Job: same
template, unique name, a label with the run id, and pytest's arguments in place of its own.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from pytest_k8s_job.cluster.suite_container import split_arguments, suite_container
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.wire.agent_settings import CACHE, DEADLINE, GRACE, NONCE, RUN_ID, TEST_TIMEOUT
from pytest_k8s_job.wire.sharding import INDEX, Selection, key_of

__all__ = [
    "PARTIAL",
    "REPLACES",
    "RUN_LABEL",
    "SENT_FILES",
    "TEMPLATE_LABEL",
    "WHY",
    "Run",
    "arguments_of",
    "container_of",
    "job_name",
    "job_of",
    "load_job",
    "make_job",
    "replacement",
]

RUN_LABEL = "pytest-k8s-job/run"
TEMPLATE_LABEL = "pytest-k8s-job/template"  # name of the Job or CronJob that runs are made from
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REPLACES = "pytest-k8s-job/replaces"  # annotation: the shard whose pod was taken away
WHY = "pytest-k8s-job/why"  # annotation: what happened to that pod
SENT_FILES = "pytest-k8s-job/files"  # annotation: digest of the files that the pods must run
PARTIAL = "pytest-k8s-job/partial"  # annotation: the Job runs only what that pod left
NAME_LIMIT = 63  # characters of a label value; the Job's name becomes one on its pods

Object = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What is new in one Job of a run, with ids of its own.

    The Job that replaces the pod of a shard has `suffix` and `notes` (annotations) of its own,
    and the `index` of the shard if it is to run all of it. `pod_notes` are annotations of the pod
    template, which nobody can change once the Job exists.
    """

    arguments: Sequence[str]
    namespace: str | None = None
    image: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""
    selection: Selection = field(default_factory=Selection)
    test_timeout: float | None = None
    suffix: str = ""
    index: int | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    pod_notes: Mapping[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))


def load_job(path: Path) -> Object:
    """Return the one Job in the YAML file `path`."""
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
    except OSError as error:
        hint = "name it with --k8s-manifest or the ini value k8s_job_manifest"
        raise UsageError(
            f"cannot read the Job manifest {path}: {error.strerror}; {hint}"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"the Job manifest {path} is not YAML: {_one_line(error)}") from error
    kinds = ("Job", "CronJob")
    jobs = [each for each in documents if isinstance(each, dict) and each.get("kind") in kinds]
    if len(jobs) != 1:
        raise UsageError(f"{path} must hold exactly one Job or CronJob, it holds {len(jobs)}")
    return job_of(jobs[0], str(path))


def job_of(document: Object, where: str) -> Object:
    """Return the Job that a Job or CronJob object describes; `where` names it in errors."""
    job = document
    try:
        if document["kind"] == "CronJob":
            made = document["spec"]["jobTemplate"]
            own, more = document["metadata"], made.get("metadata") or {}
            labels = {**(own.get("labels") or {}), **(more.get("labels") or {})}
            annotations = {**(own.get("annotations") or {}), **(more.get("annotations") or {})}
            annotations.pop(LAST_APPLIED, None)
            metadata = {"name": own["name"], "labels": labels, "annotations": annotations}
            if own.get("namespace"):
                metadata["namespace"] = own["namespace"]
            job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
            job["spec"] = made["spec"]
        container_of(job)["name"], job["metadata"]["name"]
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise UsageError(f"the Job in {where} has no name or no container") from error
    return job


def container_of(job: Mapping[str, Any]) -> Object:
    """Return the container of `job` that runs the tests."""
    return suite_container(job["spec"]["template"])


def arguments_of(job: Mapping[str, Any]) -> list[str]:
    """Return the manifest's own arguments, which are the default selection."""
    return split_arguments(container_of(job))[1]


def job_name(manifest: str, run: str) -> str:
    """Return the name of a run's Job: the manifest's, cut to fit, and the run."""
    ending = f"-{run}"
    return manifest[: NAME_LIMIT - len(ending)] + ending


def make_job(manifest: Object, run: Run) -> Object:
    """Return the Job object of `run`; `manifest` stays as it is."""
    job = copy.deepcopy(manifest)
    metadata = job["metadata"]
    metadata["name"] = job_name(metadata["name"], f"{run.run_id}{run.suffix}")
    if run.namespace:
        metadata["namespace"] = run.namespace
    # `labels:` with nothing behind it is null, which Kubernetes takes as well.
    template = job["spec"]["template"]
    template["metadata"] = template.get("metadata") or {}
    for labelled in (metadata, template["metadata"]):
        ours = {RUN_LABEL: run.run_id, TEMPLATE_LABEL: manifest["metadata"]["name"]}
        labelled["labels"] = {**(labelled.get("labels") or {}), **ours}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **run.notes}
    if run.pod_notes:
        own = template["metadata"].get("annotations") or {}
        template["metadata"]["annotations"] = {**own, **run.pod_notes}
    _let_pods_fail_alone(job["spec"], run.selection.shards if run.index is None else 1)
    container = container_of(job)
    container["args"] = [*split_arguments(container)[0], *run.arguments]
    if run.image:
        container["image"] = run.image
    added = {**run.environment, **_limits(job, run), **run.selection.encode()}
    added |= {RUN_ID: run.run_id, NONCE: run.nonce, CACHE: run.cache}
    if run.index is not None:
        added[INDEX] = str(run.index)
    kept = [each for each in container.get("env") or () if each["name"] not in added]
    container["env"] = [*kept, *({"name": name, "value": added[name]} for name in added)]
    return job


def _let_pods_fail_alone(spec: Object, shards: int) -> None:
    """Keep the Job controller from trying again, and a failed shard from ending the others.

    A pod that was taken away is replaced by a Job for just the tests that it did not report.
    """
    spec.pop("podFailurePolicy", None)
    if shards == 1:
        spec["backoffLimit"] = 0
        return
    spec.pop("backoffLimit", None)
    indexed = {"completionMode": "Indexed", "completions": shards, "parallelism": shards}
    spec.update(indexed, backoffLimitPerIndex=0)


def _limits(job: Object, run: Run) -> dict[str, str]:
    """Return the seconds that the agent must know to end pytest before Kubernetes does."""
    pod = job["spec"]["template"]["spec"]
    seconds = {
        DEADLINE: job["spec"].get("activeDeadlineSeconds"),
        GRACE: pod.get("terminationGracePeriodSeconds"),
        TEST_TIMEOUT: run.test_timeout,
    }
    return {name: f"{value:g}" for name, value in seconds.items() if value is not None}


def replacement(run: Run, shard: int, attempt: int, left: Sequence[str] | None, why: str) -> Run:
    """Return the run of a pod that replaces one of `shard`; None leaves all tests."""
    suffix = f"-shard{shard}-{attempt}"
    notes = {REPLACES: str(shard), WHY: why}
    run = replace(run, suffix=suffix, notes=notes, nonce=secrets.token_hex(16))
    if left is None:
        return replace(run, index=shard)
    only = Selection(only=frozenset(map(key_of, left)))
    return replace(run, selection=only, notes={**notes, PARTIAL: "true"})


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
