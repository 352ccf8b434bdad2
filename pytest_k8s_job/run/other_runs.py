"""Finds other runs from the same manifest that go on at the same time."""

from __future__ import annotations

from pytest_k8s_job.cluster.job_manifest import TEMPLATE_LABEL, Object
from pytest_k8s_job.cluster.joining import read_job, run_of
from pytest_k8s_job.cluster.objects import labels_of
from pytest_k8s_job.cluster.pods import JobFinder, Phase
from pytest_k8s_job.errors import ClusterError

__all__ = ["other_runs"]


def other_runs(cluster: JobFinder, metadata: Object) -> list[str]:
    """Return the names of Jobs with the template of `metadata` that have not ended.

    None without the right to list Jobs: a run is as good without.
    """
    template = metadata["labels"][TEMPLATE_LABEL]
    try:
        found = cluster.jobs(metadata.get("namespace"))
        same = (each for each in found if labels_of(each).get(TEMPLATE_LABEL) == template)
        jobs = [read_job(each) for each in same if run_of(each)]
        open_jobs = [each.job for each in jobs if not each.over]
        pods = cluster.pods(open_jobs) if open_jobs else {}
    except ClusterError:
        return []
    # The pod ends some time before its Job is said to have ended.
    ended = {job for job, pod in pods.items() if pod.phase is Phase.TERMINATED}
    return [each.name for each in open_jobs if each not in ended]
