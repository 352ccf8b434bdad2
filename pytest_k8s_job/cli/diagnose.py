"""The command `k8s-job diagnose`: what is wrong in a namespace, with or without a run."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import json
from typing import Any, Protocol

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.diagnosis.api_check import check_through_api, place_of
from pytest_k8s_job.diagnosis.focus import diagnose_scope
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.text_report import diagnosis_text
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.target.discovery import Search, find_target, missing
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
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
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="KIND/NAME",
        help="only what is wrong with this, as deployment/api, NS/service/api or '-l app=api', and"
        " with what it hangs on; again for more",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run_command=run_diagnose)


def run_diagnose(cluster: Place, options: argparse.Namespace) -> int:
    """Diagnose the namespace or the target, print what is wrong, return the exit code."""
    namespace = options.namespace or cluster.namespace
    checks: tuple[TargetCheckResult, ...] = ()
    if options.url:
        if not options.namespace:
            namespace = place_of(options.url, namespace)[1]
        checks = (check_through_api(cluster, options.url, namespace),)
    target = _target(cluster, namespace, options.target)
    found = diagnose_scope(cluster, Scope(namespace, target=target), checks)
    if options.json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        named = [str(each) for each in target.workloads]
        named = named or [f"service/{each.name}" for each in target.services]
        what = f" with {', '.join(named)}" if named else ""
        print(diagnosis_text(found, f"{what} in namespace {namespace} of {cluster.describe()}"))
    return EXIT_FOUND if found.findings else 0


def _target(cluster: Place, namespace: str, words: list[str]) -> Target:
    """Return what `--target` names; raise UsageError for what is not there."""
    if not words:
        return Target()
    search = Search(namespace, tuple(map(parse_said, words)))
    target = find_target(cluster, search)
    if target.unknown:
        raise UsageError(f"--target: what it is cannot be read; {target.unknown[0]}")
    for said in missing(target, search):
        place = said.namespace or namespace
        raise UsageError(f"--target {said.text}: nothing of that name is in namespace {place}")
    return target
