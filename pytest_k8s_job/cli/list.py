"""The command `k8s-job list`: the runs of a namespace, a line each."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_k8s_job.cli.runs import jobs_of_runs
from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import Joined, read_job
from pytest_k8s_job.cluster.objects import created
from pytest_k8s_job.cluster.pods import PodState

__all__ = ["add_list"]

LINE = "{:40} {:10} {:>8}  {}"


def add_list(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("list", parents=[shared], help="show the runs")
    parser.set_defaults(run_command=run_list)


def run_list(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Print a line for each run."""
    print(LINE.format("JOB", "RUN", "AGE", "STATE"))
    jobs = jobs_of_runs(cluster, options.namespace)
    all_joined = [read_job(job) for job in jobs]
    pods = cluster.pods([joined.job for joined in all_joined]) if all_joined else {}
    for job, joined in zip(jobs, all_joined, strict=True):
        state = _state(pods.get(joined.job), joined)
        print(LINE.format(joined.job.name, joined.run or "-", _age(job), state))
    return 0


def _age(job: Mapping[str, Any]) -> str:
    seconds = (datetime.now(UTC) - datetime.fromisoformat(created(job))).total_seconds()
    return f"{int(seconds)} s"


def _state(pod: PodState | None, joined: Joined) -> str:
    if pod is None:
        return "pod is gone" if joined.over else "created"
    if pod.exit_code is None:
        return pod.reason or pod.phase.name.lower()
    return f"ended, exit code {pod.exit_code}"
