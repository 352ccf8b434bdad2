"""The command `k8s-job collect`: shows the run of a Job as a pytest session."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import read_job

__all__ = ["add_collect", "collect"]


def add_collect(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "show the run of a Job as a pytest session; further options go to pytest"
    # --co is pytest's, so nothing of ours may be abbreviated.
    parser = commands.add_parser("collect", parents=[shared], help=about, allow_abbrev=False)
    parser.add_argument("job", metavar="job/NAME")
    parser.set_defaults(run_command=run_collect, takes_pytest_options=True)


def run_collect(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Show the run of the Job that was named."""
    return collect(cluster, options, options.job.removeprefix("job/"))


def collect(cluster: KubernetesCluster, options: argparse.Namespace, name: str) -> int:
    """Run pytest here with the pod's arguments, joined to the Job `name`."""
    arguments = read_job(cluster.find(options.namespace, name)).arguments
    ours = ["--in-cluster", f"--k8s-attach={name}"]
    for key in ("namespace", "context", "kubeconfig"):
        if getattr(options, key):
            ours.append(f"--k8s-{key}={getattr(options, key)}")
        elif key != "kubeconfig":
            ours += ["-o", f"k8s_job_{key}="]  # the ini file here may mean another cluster
    # In a process of its own: pytest complains of plugins that are imported before it starts.
    words = [*arguments, "--color=auto", *ours, *options.pytest_options]
    return subprocess.run([sys.executable, "-m", "pytest", *words], check=False).returncode
