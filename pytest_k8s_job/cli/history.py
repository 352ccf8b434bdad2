"""The command `k8s-job history`: the kept runs of a template, and what they show together."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.summary import duration_text, failing_lines, sparkline, table
from pytest_k8s_job.validation.template import read_template

__all__ = ["add_history", "history_lines"]


def add_history(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "show the kept validation runs, newest first, and which tests fail since when"
    parser = commands.add_parser("history", parents=[shared], help=about)
    parser.add_argument(
        "name", nargs="?", default="", help="the CronJob; default: the only one with a target"
    )
    parser.add_argument("--json", action="store_true", help="print the runs as JSON")
    parser.set_defaults(run_command=run_history)


def run_history(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Print the history; return 0."""
    namespace = options.namespace or cluster.namespace
    name = options.name or read_template(cluster, namespace, "").name
    found = Store(cluster, Place(namespace, options.kubeconfig, options.context)).read(name)
    if options.json:
        print(json.dumps([each.as_json() for each in found], indent=1))
        return 0
    if isinstance(output := sys.stdout, io.TextIOWrapper):
        output.reconfigure(errors="replace")  # a sparkline on a terminal without Unicode
    print(*history_lines(f"{name} in namespace {namespace}", found), sep="\n")
    return 0


def history_lines(title: str, validations: Sequence[Validation]) -> list[str]:
    """Return the lines that the command prints; the runs are the newest first."""
    if not validations:
        return [f"{title} has no kept run"]
    lines = [f"{title}, newest first", *table(validations)]
    timed = [each.seconds for each in reversed(validations) if each.run_id]
    if len(timed) > 1:
        shortest, longest = duration_text(min(timed)), duration_text(max(timed))
        lines += ["", f"durations, oldest first: {sparkline(timed)} ({shortest} to {longest})"]
    return [*lines, *failing_lines(validations)]
