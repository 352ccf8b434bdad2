"""The command `k8s-job show`: shows a validation run again, also after its Job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import GoneError, UsageError
from pytest_k8s_job.validation.follow import Place, follow
from pytest_k8s_job.validation.store import Store

__all__ = ["add_show"]


def add_show(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "show a validation run again, also after its Job is gone; further options go to pytest"
    parser = commands.add_parser("show", parents=[shared], help=about, allow_abbrev=False)
    parser.add_argument("job", metavar="RUN", help="the name of its Job, as `k8s-job history` says")
    parser.add_argument("--report", metavar="DIR", help="write the page of the run there")
    parser.set_defaults(run_command=run_show)


def run_show(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Show the session of the run; return its exit code."""
    namespace = options.namespace or cluster.namespace
    place = Place(namespace, options.kubeconfig, options.context, show=True)
    report = Path(options.report).resolve() if options.report else None
    try:
        cluster.find(namespace, options.job)
    except GoneError:
        pass
    else:
        return int(follow(options.job, place, report=report).report["exit_code"])
    try:
        found = Store(cluster, place).follow(options.job, show=True, report=report)
    except GoneError as error:
        remedy = "`k8s-job history` lists those that are kept"
        raise UsageError(
            f"run {options.job}: neither its Job nor its log is there; {remedy}"
        ) from error
    return int(found.report["exit_code"])
