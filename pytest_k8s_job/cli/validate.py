"""The commands `k8s-job validate` and `k8s-job gate`: the verdict on what is deployed."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import ClusterError, UsageError
from pytest_k8s_job.validation.events import verdict_text
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.gate import Gate
from pytest_k8s_job.validation.notify import check_url, notify
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template, load_template, read_template
from pytest_k8s_job.validation.validate import Validator, Wishes
from pytest_k8s_job.verdict.verdict import EXIT_NOT_RUN

__all__ = ["SIGNING_KEY", "add_gate", "add_validate", "seconds", "signing_key"]

SIGNING_KEY = "K8S_JOB_SIGNING_KEY"  # environment: the file with the key that signs kept verdicts
NOTIFY_URL = "K8S_JOB_NOTIFY_URL"  # environment: the default of --notify, which may hold a token
NOTIFY_KEY = "K8S_JOB_NOTIFY_KEY"  # environment: the file with the key that signs notices
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def add_validate(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare `k8s-job validate`."""
    about = "test what is deployed once its rollout is over, unless it has a verdict already"
    parser = commands.add_parser("validate", parents=[shared], help=about)
    _add_template(parser)
    parser.add_argument("--again", action="store_true", help="run although there is a verdict")
    parser.add_argument(
        "--retry-void",
        type=int,
        default=1,
        metavar="N",
        help="how often a VOID is followed by a run on the newer rollout (default: 1)",
    )
    parser.add_argument(
        "--wait-rollout",
        type=seconds,
        default=300.0,
        metavar="TIME",
        help="how long the rollout may take (default: 5m)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=900.0,
        metavar="TIME",
        help="how long to wait for another run on the same target (default: 15m)",
    )
    parser.add_argument(
        "--policy",
        action="store_true",
        help="after a failure, do what the template's annotations ask for: roll back",
    )
    parser.add_argument(
        "--notify",
        metavar="URL",
        default=os.environ.get(NOTIFY_URL, ""),
        help=f"post the verdict there (default: the environment's {NOTIFY_URL})",
    )
    parser.add_argument("--quiet", action="store_true", help="print the steps, not the session")
    parser.set_defaults(run_command=run_validate)


def add_gate(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare `k8s-job gate`."""
    about = "wait for the verdict on what is deployed, start nothing; exit 10 without one"
    parser = commands.add_parser("gate", parents=[shared], help=about)
    _add_template(parser)
    parser.add_argument(
        "--for", dest="revision", default="", metavar="REVISION", help="only this revision"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="TIME", help="default: 10m"
    )
    parser.set_defaults(run_command=run_gate)


def run_validate(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Validate, print the verdict, return its exit code."""
    template = _template(cluster, options)
    place = replace(_place(template, options), show=not options.quiet)
    store = Store(cluster, place, signing_key())
    wishes = Wishes(options.wait_rollout, options.timeout, options.again, options.retry_void)
    wishes = replace(wishes, policy=options.policy)
    if options.notify:
        check_url(options.notify)
    validator = Validator(cluster, place, template, store, _say)
    try:
        found = validator.validate(wishes)
    except ClusterError as error:
        _say(f"NO VERDICT: {error}")
        return EXIT_NOT_RUN
    _say(verdict_text(found))
    earlier = [each for each in validator.concluded if each.job != found.job]
    for each in [*earlier, found] if options.notify else ():
        if failed := notify(options.notify, each, _notify_key()):
            _say(failed)
    return found.exit_code


def run_gate(cluster: KubernetesCluster, options: argparse.Namespace) -> int:
    """Wait for the verdict, print it, return its exit code."""
    template = _template(cluster, options)
    place = _place(template, options)
    gate = Gate(cluster, place, template, Store(cluster, place, signing_key()), _say)
    found, missing = gate.wait(options.revision, options.timeout)
    if found is None:
        _say(f"NO VERDICT: {missing}")
        return EXIT_NOT_RUN
    _say(verdict_text(found))
    return found.exit_code


def signing_key() -> bytes | None:
    """Return the key that signs kept verdicts, from the file that the environment names."""
    return _key_of(SIGNING_KEY)


def _notify_key() -> bytes | None:
    return _key_of(NOTIFY_KEY)


def _key_of(variable: str) -> bytes | None:
    name = os.environ.get(variable)
    if not name:
        return None
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{variable}: cannot read {name}: {error.strerror}") from error
    if not key:
        raise UsageError(f"{variable}: the file {name} is empty")
    return key


def seconds(text: str) -> float:
    """Return a time as `90`, `90s`, `10m` or `1h` in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"a time as 90s, 10m or 1h, not {text!r}")
    return float(match[1]) * UNITS[match[2]]


def _add_template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", default="", help="the CronJob; default: the only one with a target"
    )
    parser.add_argument("--manifest", metavar="FILE", help="a file with the Job or CronJob instead")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="KIND/NAME",
        help="what is tested, in place of the template's annotation; again for more",
    )


def _template(cluster: KubernetesCluster, options: argparse.Namespace) -> Template:
    if options.manifest:
        found = load_template(Path(options.manifest), options.namespace, cluster.namespace)
    else:
        found = read_template(cluster, options.namespace or cluster.namespace, options.name)
    if options.target:
        found = replace(found, policy=replace(found.policy, target=tuple(options.target)))
    return found


def _place(template: Template, options: argparse.Namespace) -> Place:
    return Place(template.namespace, options.kubeconfig, options.context)


def _say(line: str) -> None:
    print(line, flush=True)
