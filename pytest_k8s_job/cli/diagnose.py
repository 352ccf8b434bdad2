"""The command `k8s-job diagnose`: what is wrong in a namespace, with or without a run."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
from typing import Any, Protocol

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.diagnosis.api_check import check_through_api, place_of
from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.rules.access import notes
from pytest_k8s_job.diagnosis.snapshot_reader import take_snapshot
from pytest_k8s_job.diagnosis.text_report import as_json, as_text
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["EXIT_FOUND", "add_diagnose", "run_diagnose"]

EXIT_FOUND = 1  # something is wrong


class Place(Reader, Protocol):
    """A cluster, and the namespace that counts without `-n`."""

    @property
    def namespace(self) -> str:
        """The namespace of the context."""


def add_diagnose(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "say what is wrong in a namespace, root cause first; exit 0 if nothing is"
    parser = commands.add_parser("diagnose", parents=[shared], help=about)
    parser.add_argument(
        "--url", help="also look whether this URL of a Service answers, as http://api.NS.svc/readyz"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run_command=run_diagnose)


def run_diagnose(cluster: Place, options: argparse.Namespace) -> int:
    """Take a snapshot, print what it shows, return the exit code."""
    namespace = options.namespace or cluster.namespace
    checks: tuple[TargetCheckResult, ...] = ()
    if options.url:
        if not options.namespace:
            namespace = place_of(options.url, namespace)[1]
        checks = (check_through_api(cluster, options.url, namespace),)
    snapshot = take_snapshot(cluster, namespace, checks)
    findings = diagnose(snapshot)
    if options.json:
        print(as_json(findings, notes(snapshot)))
    else:
        unread = notes(snapshot)
        fine = "nothing wrong was found" if unread else "nothing is wrong"
        place = f" in namespace {namespace} of {cluster.describe()}"
        print(as_text(findings, unread, fine + place))
    return EXIT_FOUND if findings else 0
