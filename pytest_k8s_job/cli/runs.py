"""The runs of a namespace: their Jobs, found by label or by the agent's command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import run_of
from pytest_k8s_job.cluster.objects import created
from pytest_k8s_job.cluster.suite_container import runs_agent
from pytest_k8s_job.errors import UsageError

__all__ = ["find_run", "jobs_of_runs"]


def jobs_of_runs(cluster: KubernetesCluster, namespace: str | None) -> list[Mapping[str, Any]]:
    """Return the Jobs that run the agent, the oldest first."""
    jobs = [job for job in cluster.jobs(namespace) if run_of(job) or _has_agent(job)]
    return sorted(jobs, key=created)


def find_run(cluster: KubernetesCluster, namespace: str | None, run: str | None) -> str:
    """Return the name of the Job of `run`; without one, of the newest."""
    jobs = jobs_of_runs(cluster, namespace)
    found = [job for job in jobs if run_of(job) and run in (None, run_of(job))]
    if not found:
        raise UsageError(f"there is no run {run}" if run else "there is no run")
    return str(found[-1]["metadata"]["name"])


def _has_agent(job: Mapping[str, Any]) -> bool:
    return any(map(runs_agent, job["spec"]["template"]["spec"]["containers"]))
