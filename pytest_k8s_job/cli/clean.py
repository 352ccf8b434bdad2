"""The command `k8s-job clean`: deletes the Jobs of ended runs, and unused packages."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from pytest_k8s_job.cli.runs import jobs_of_runs
from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import read_job, run_of
from pytest_k8s_job.sync.config_maps import ConfigMaps, is_unused

__all__ = ["add_clean"]


def add_clean(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "delete the Jobs of ended runs"
    parser = commands.add_parser("clean", parents=[shared], help=about)
    parser.add_argument("--all", action="store_true", help="of running ones too")
    parser.set_defaults(run_command=run_clean)


def run_clean(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Delete the Jobs of runs, but none that `kubectl apply` made, then unused packages."""
    for job in jobs_of_runs(cluster, options.namespace):
        joined = read_job(job)
        if run_of(job) and (options.all or joined.over):
            cluster.delete(joined.job)
            print(f"deleted {joined.job}")
    namespace = options.namespace or cluster.namespace
    config_maps = ConfigMaps(cluster, namespace)
    jobs, now = cluster.jobs(namespace), datetime.now(UTC)
    for found in config_maps.shared():
        if is_unused(found, jobs, now):
            config_maps.delete(found["metadata"]["name"])
            print(f"deleted {namespace}/{found['metadata']['name']}, unused for a week")
    return 0
