"""The command `k8s-job attach`: shows a run, found by its id, as a pytest session."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_k8s_job.cli.collect import collect
from pytest_k8s_job.cli.runs import find_run
from pytest_k8s_job.cluster.client import KubernetesCluster

__all__ = ["add_attach"]


def add_attach(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "the same, by the id of a run"
    parser = commands.add_parser("attach", parents=[shared], help=about, allow_abbrev=False)
    parser.add_argument("run", nargs="?", help="default: the newest run")
    parser.set_defaults(run_command=run_attach, takes_pytest_options=True)


def run_attach(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Show the run with this id, or the newest."""
    return collect(cluster, options, find_run(cluster, options.namespace, options.run))
