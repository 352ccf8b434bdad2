"""The command `k8s-job watch`: validates each rollout by itself, for as long as it runs."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from typing import Any

from pytest_k8s_job.cli.validate import signing_key
from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.watch import Watch

__all__ = ["add_watch"]


def add_watch(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "validate each rollout of the targets that the namespace's CronJobs name"
    parser = commands.add_parser("watch", parents=[shared], help=about)
    parser.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="serve /metrics there (default: do not)"
    )
    parser.set_defaults(run_command=run_watch)


def run_watch(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Look until SIGTERM or Ctrl-C."""
    namespace = options.namespace or cluster.namespace

    def start(template: Template) -> subprocess.Popen[bytes]:
        words = ["validate", template.name, "--quiet", "--policy", "--namespace", namespace]
        for name in ("kubeconfig", "context"):
            if value := getattr(options, name):
                words += [f"--{name}", value]
        return subprocess.Popen([sys.executable, "-m", "pytest_k8s_job", *words])

    place = Place(namespace, options.kubeconfig, options.context)
    watch = Watch(cluster, namespace, Store(cluster, place, signing_key()), start, _say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watch.stop())
    if options.metrics_port is not None:
        from pytest_k8s_job.validation.metrics import Metrics  # noqa: PLC0415 (needs the extra)

        Metrics(lambda: watch.seen).serve(options.metrics_port)
    _say(f"watching namespace {namespace}, {cluster.describe()}")
    watch.run()
    return 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
