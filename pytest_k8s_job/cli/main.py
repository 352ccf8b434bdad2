"""The command `k8s-job`: comes back to runs that another process, or `kubectl apply`, started.

All state is in the cluster: the Job object, its pod's status and its log.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pytest_k8s_job.cli.attach import add_attach
from pytest_k8s_job.cli.clean import add_clean
from pytest_k8s_job.cli.collect import add_collect
from pytest_k8s_job.cli.diagnose import add_diagnose
from pytest_k8s_job.cli.history import add_history
from pytest_k8s_job.cli.init import add_init
from pytest_k8s_job.cli.list import add_list
from pytest_k8s_job.cli.loop import add_loop
from pytest_k8s_job.cli.show import add_show
from pytest_k8s_job.cli.validate import add_gate, add_validate
from pytest_k8s_job.cli.watch import add_watch
from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.errors import K8sJobError

__all__ = ["main"]

ADDERS = (
    add_list,
    add_collect,
    add_attach,
    add_validate,
    add_gate,
    add_history,
    add_show,
    add_watch,
    add_diagnose,
    add_clean,
    add_init,
    add_loop,
)
USAGE_ERROR = 4  # pytest's own
PIPE_CLOSED = 141  # what a shell shows for a program that SIGPIPE ended


def main(words: Sequence[str] | None = None) -> int:
    """Do what `words` (default: the command line) say; return the exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(words)
    if rest and not options.takes_pytest_options:
        parser.error(f"unknown words: {' '.join(rest)}")
    options.pytest_options = rest
    try:
        cluster = options.needs_cluster and connect(options.kubeconfig, options.context)
        code = int(options.run_command(cluster, options))
        sys.stdout.flush()  # a closed pipe shows here, and not when Python ends
    except K8sJobError as error:
        print(f"k8s-job: {error}", file=sys.stderr)  # noqa: T201 (the interface)
        return USAGE_ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still buffered
        return PIPE_CLOSED
    return code


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-n", "--namespace", help="default: the context's")
    shared.add_argument("--context", help="context of the kubeconfig (default: current)")
    shared.add_argument("--kubeconfig", metavar="FILE")
    shared.set_defaults(takes_pytest_options=False, needs_cluster=True)
    parser = argparse.ArgumentParser(prog="k8s-job", description="Come back to runs of tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in ADDERS:
        add(commands, shared)
    return parser
