"""The command `k8s-job`: comes back to runs that another process, or `kubectl apply`, started.

All state is in the cluster: the Job object, its pod's status and its log.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pytest_k8s_job.cli.diagnose import add_diagnosis, run_diagnosis
from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.joining import Joined, read_job
from pytest_k8s_job.cluster.pods import pod_of
from pytest_k8s_job.errors import K8sJobError, UsageError

__all__ = ["main"]

AGENT = "pytest_k8s_job.pod.agent"
USAGE_ERROR = 4  # pytest's own


def main(words: Sequence[str] | None = None) -> int:
    """Do what `words` (default: the command line) say; return the exit code."""
    options, rest = _parser().parse_known_args(words)
    if rest and options.command not in ("collect", "attach"):
        _parser().error(f"unknown words: {' '.join(rest)}")
    try:
        cluster = connect(options.kubeconfig, options.context)
        match options.command:
            case "list":
                return _list(cluster, options.namespace)
            case "clean":
                return _clean(cluster, options.namespace, everything=options.all)
            case "diagnose":
                return run_diagnosis(cluster, options)
            case "attach":
                name = _find_run(cluster, options.namespace, options.run)
            case _:
                name = options.job.removeprefix("job/")
        return _collect(cluster, options, name, rest)
    except K8sJobError as error:
        print(f"k8s-job: {error}", file=sys.stderr)  # noqa: T201 (the interface)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-n", "--namespace", help="default: the context's")
    shared.add_argument("--context", help="context of the kubeconfig (default: current)")
    shared.add_argument("--kubeconfig", metavar="FILE")
    parser = argparse.ArgumentParser(prog="k8s-job", description="Come back to runs of tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[shared], help="show the runs")
    about = "show the run of a Job as a pytest session; further options go to pytest"
    common: dict[str, Any] = {"parents": [shared], "allow_abbrev": False}  # --co is pytest's
    collect = commands.add_parser("collect", help=about, **common)
    collect.add_argument("job", metavar="job/NAME")
    attach = commands.add_parser("attach", help="the same, by the id of a run", **common)
    attach.add_argument("run", nargs="?", help="default: the newest run")
    add_diagnosis(commands, shared)
    clean = commands.add_parser("clean", parents=[shared], help="delete the Jobs of ended runs")
    clean.add_argument("--all", action="store_true", help="of running ones too")
    return parser


def _collect(
    cluster: KubernetesCluster, options: argparse.Namespace, name: str, rest: list[str]
) -> int:
    """Run pytest here with the arguments that it has in the pod, joined to the Job."""
    arguments = read_job(cluster.find(options.namespace, name)).arguments
    ours = ["--in-cluster", f"--k8s-attach={name}"]
    for key in ("namespace", "context", "kubeconfig"):
        if getattr(options, key):
            ours.append(f"--k8s-{key}={getattr(options, key)}")
        elif key != "kubeconfig":
            ours += ["-o", f"k8s_job_{key}="]  # the ini file here may mean another cluster
    # In a process of its own: pytest complains of plugins that are imported before it starts.
    command = [sys.executable, "-m", "pytest", *arguments, "--color=auto", *ours, *rest]
    return subprocess.run(command, check=False).returncode


def _runs(cluster: KubernetesCluster, namespace: str | None) -> list[Mapping[str, Any]]:
    """Return the Jobs that run the agent, the oldest first."""
    jobs = [job for job in cluster.jobs(namespace) if RUN_LABEL in _labels(job) or _is_agent(job)]
    return sorted(jobs, key=_created)


def _labels(job: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = job["metadata"].get("labels") or {}
    return labels


def _is_agent(job: Mapping[str, Any]) -> bool:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return AGENT in (container.get("command") or ())


def _created(job: Mapping[str, Any]) -> str:
    return str(job["metadata"]["creationTimestamp"])


def _find_run(cluster: KubernetesCluster, namespace: str | None, run: str | None) -> str:
    """Return the name of the Job of `run`; without one, of the newest."""
    found = [
        job
        for job in _runs(cluster, namespace)
        if RUN_LABEL in _labels(job) and run in (None, _labels(job)[RUN_LABEL])
    ]
    if not found:
        raise UsageError(f"there is no run {run}" if run else "there is no run")
    return str(found[-1]["metadata"]["name"])


def _list(cluster: KubernetesCluster, namespace: str | None) -> int:
    """Print a line for each run."""
    line = "{:40} {:10} {:>8}  {}".format
    print(line("JOB", "RUN", "AGE", "STATE"))  # noqa: T201 (the interface)
    now = datetime.now(UTC)
    for job in _runs(cluster, namespace):
        age = int((now - datetime.fromisoformat(_created(job))).total_seconds())
        joined = read_job(job)
        run = _labels(job).get(RUN_LABEL, "-")
        print(line(joined.job.name, run, f"{age} s", _state(cluster, joined)))  # noqa: T201
    return 0


def _state(cluster: KubernetesCluster, joined: Joined) -> str:
    pod = pod_of(cluster, joined.job)
    if pod is None:
        return "pod is gone" if joined.over else "created"
    if pod.exit_code is None:
        return pod.reason or pod.phase.name.lower()
    return f"ended, exit code {pod.exit_code}"


def _clean(cluster: KubernetesCluster, namespace: str | None, *, everything: bool) -> int:
    """Delete the Jobs of ended runs; one that `kubectl apply` made is somebody's own."""
    for job in _runs(cluster, namespace):
        joined = read_job(job)
        if RUN_LABEL in _labels(job) and (everything or joined.over):
            cluster.delete(joined.job)
            print(f"deleted {joined.job}")  # noqa: T201 (the interface)
    return 0
