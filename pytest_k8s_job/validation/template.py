"""Templates of validation runs: CronJobs of the cluster, or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.job_manifest import job_of, load_job
from pytest_k8s_job.cluster.pods import Reader, read_list
from pytest_k8s_job.errors import GoneError, UsageError
from pytest_k8s_job.run.target_watch import search_for
from pytest_k8s_job.target.discovery import Search
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.validation.policy import TARGET, Policy

__all__ = ["Template", "load_template", "read_template", "read_templates"]

CRONJOBS = "/apis/batch/v1/namespaces/{}/cronjobs"


@dataclass(frozen=True)
class Template:
    """What a validation run is made from.

    Attributes:
        name: of the CronJob or Job, with which the names of the runs' Jobs begin.
        namespace: where the runs are.
        job: a Job object, as `cluster/job_manifest.py` makes runs of it.
        policy: what its annotations ask for.
    """

    name: str
    namespace: str
    job: dict[str, Any]
    policy: Policy

    @property
    def search(self) -> Search:
        """What its target is found by: its annotation, and the URLs in its environment."""
        return search_for(self.job, self.namespace, map(parse_said, self.policy.target), {})


def read_templates(
    reader: Reader, namespace: str, on_error: Callable[[str], None] | None = None
) -> list[Template]:
    """Return the CronJobs of a namespace that say what they test, by the annotation.

    A wrong annotation is told to `on_error`, and its CronJob left out; without it, UsageError.
    """
    found = []
    for each in read_list(reader, CRONJOBS.format(namespace)):
        if TARGET not in (each["metadata"].get("annotations") or {}):
            continue
        try:
            template = _template(each, namespace, f"CronJob {each['metadata']['name']}")
            _ = template.search  # a target that is no target shows here
        except UsageError as error:
            if on_error is None:
                raise
            on_error(str(error))
        else:
            found.append(template)
    return found


def read_template(cluster: KubernetesCluster, namespace: str, name: str) -> Template:
    """Return the CronJob with a name; without one, the only one with a target."""
    if not name:
        found = read_templates(cluster, namespace)
        if len(found) == 1:
            return found[0]
        names = ", ".join(each.name for each in found)
        some = f"name one of them: {names}" if names else f"annotate one with {TARGET}"
        count = f"{len(found)} CronJobs of namespace {namespace} say what they test"
        raise UsageError(f"{count}; {some}, or name a file with --manifest")
    try:
        cronjob = cluster.send("GET", f"{CRONJOBS.format(namespace)}/{name}")
    except GoneError:
        remedy = "kubectl apply its manifest, or name a file with --manifest"
        raise UsageError(f"there is no CronJob {name} in namespace {namespace}; {remedy}") from None
    return _template(cronjob, namespace, f"CronJob {name}")


def load_template(path: Path, namespace: str | None, default: str) -> Template:
    """Return the Job or CronJob of a file, in `namespace`, its own, or `default`."""
    job = load_job(path)
    namespace = namespace or job["metadata"].get("namespace") or default
    job["metadata"]["namespace"] = namespace
    annotations = job["metadata"].get("annotations") or {}
    return Template(job["metadata"]["name"], namespace, job, Policy.read(annotations, str(path)))


def _template(cronjob: Mapping[str, Any], namespace: str, where: str) -> Template:
    job = job_of({**cronjob, "kind": "CronJob"}, where)
    annotations = cronjob["metadata"].get("annotations") or {}
    name = job["metadata"]["name"]
    return Template(name, namespace, job, Policy.read(annotations, where))
