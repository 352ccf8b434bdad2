"""The command `k8s-job clean`: deletes the Jobs of ended runs."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
from typing import Any

from pytest_k8s_job.cli.runs import jobs_of_runs
from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import read_job, run_of

__all__ = ["add_clean"]


def add_clean(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "delete the Jobs of ended runs"
    parser = commands.add_parser("clean", parents=[shared], help=about)
    parser.add_argument("--all", action="store_true", help="of running ones too")
    parser.set_defaults(run_command=run_clean)


def run_clean(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Delete the Jobs of runs; one that `kubectl apply` made is its author's own."""
    for job in jobs_of_runs(cluster, options.namespace):
        joined = read_job(job)
        if run_of(job) and (options.all or joined.over):
            cluster.delete(joined.job)
            print(f"deleted {joined.job}")
    return 0
