"""The two ways to run a suite in the cluster: plain pytest as a Job, and the tool."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from tests.checkout import inherited
from tests.other_suites.comparison import Seen, read
from tests.other_suites.source import EXAMPLE, Source

__all__ = ["Ran", "own_namespace", "run_by_tool", "run_plain"]

RUN_SECONDS = 1200  # for one run; the longest needs three minutes on two cores of its own
POLL_SECONDS = 0.5
REPORTING = ("-ra", "-o", "junit_logging=all", "-o", "junit_family=xunit1")
MARK = "-----JUNIT-----"
# The file travels in the log; compressed, as the node keeps only the newest 10 MiB.
SCRIPT = (
    'python -m pytest "$@" --junitxml=/tmp/junit.xml; code=$?;'
    f" echo; echo {MARK}; gzip -c /tmp/junit.xml | base64; exit $code"
)


@dataclass(frozen=True)
class Ran:
    """A run that ended: what it reported, and how many seconds it took in all."""

    seen: Seen
    terminal: str
    seconds: float


@contextmanager
def own_namespace() -> Iterator[str]:
    """Make a namespace and delete it at the end."""
    name = f"suites-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def kubectl(*words: str, text: str | None = None) -> str:
    """Run kubectl on the local cluster and return what it says."""
    command = [str(local_cluster.kubectl()), "--kubeconfig", str(local_cluster.kubeconfig())]
    return subprocess.run(
        [*command, *words],
        input=text,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=RUN_SECONDS,
    ).stdout


def run_plain(source: Source, arguments: Sequence[str], namespace: str) -> Ran:
    """Run plain pytest in the suite's image, as a Job."""
    began = time.monotonic()
    job = yaml.safe_load((EXAMPLE / "job.yaml").read_text())
    job["metadata"]["name"] = name = f"plain-{source.name}"
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["image"] = source.image
    container["command"] = ["sh", "-c", SCRIPT, "plain"]
    container["args"] = [*arguments, *REPORTING, "--color=no"]
    kubectl("-n", namespace, "create", "-f", "-", text=json.dumps(job))
    code = exit_code(namespace, name)
    terminal, mark, packed = kubectl("-n", namespace, "logs", f"job/{name}").partition(MARK)
    if not mark:
        raise RuntimeError(f"the log of {name} has no JUnit file:\n{terminal[-3000:]}")
    junit = gzip.decompress(base64.b64decode(packed)).decode("utf-8")
    kubectl("-n", namespace, "delete", "job", name, "--wait=false")
    seen = read(code, terminal, junit, "/suite")
    return Ran(seen, terminal, time.monotonic() - began)


def exit_code(namespace: str, job: str) -> int:
    """Wait for the end of the pod's container and return its exit code."""
    end = time.monotonic() + RUN_SECONDS
    while time.monotonic() < end:
        found = kubectl("-n", namespace, "get", "pod", "-l", f"job-name={job}", "-o", "json")
        pods: list[dict[str, Any]] = json.loads(found)["items"]
        for pod in pods:
            for status in pod["status"].get("containerStatuses", ()):
                if "terminated" in status["state"]:
                    return int(status["state"]["terminated"]["exitCode"])
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{job} did not end within {RUN_SECONDS} s")


def run_by_tool(source: Source, arguments: Sequence[str], namespace: str, shards: int) -> Ran:
    """Run the suite by `pytest --in-cluster`, called where a user calls it: in the checkout."""
    began = time.monotonic()
    junit = source.folder.parent / f"junit-{shards}.xml"
    ours = [
        "--in-cluster",
        f"--k8s-manifest={EXAMPLE / 'job.yaml'}",
        f"--k8s-namespace={namespace}",
        f"--k8s-image={source.image}",
        "--k8s-keep=never",
        f"--junitxml={junit}",
        *([f"--shards={shards}"] if shards > 1 else []),
    ]
    done = subprocess.run(
        [Path(sys.executable).with_name("pytest"), *ours, *arguments, *REPORTING],
        cwd=source.folder,
        env={
            **inherited(),
            "KUBECONFIG": str(local_cluster.kubeconfig()),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_k8s_job.plugin",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    if not junit.exists():
        raise RuntimeError(f"{source.name} left no JUnit file:\n{done.stdout[-3000:]}")
    seen = read(done.returncode, done.stdout, junit.read_text("utf-8"), str(source.folder))
    return Ran(seen, done.stdout, time.monotonic() - began)
