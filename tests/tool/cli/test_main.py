"""The command `k8s-job` without a cluster: pipes that close, a kubeconfig that is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import CHECKOUT
from tests.tool.cluster import test_client as client

server, kubeconfig = client.server, client.kubeconfig


def job(name: str) -> dict[str, Any]:
    """Return the object of a Job that runs the agent, with much to print."""
    suite = {"name": "suite", "command": ["python", "-m", "pytest_k8s_job.pod.agent"]}
    return {
        "metadata": {
            "name": name,
            "namespace": "mine",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"template": {"spec": {"containers": [suite]}}},
    }


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start `k8s-job` without any kubeconfig of this machine."""
    environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_k8s_job", *words],
        env={**environment, "HOME": "/nonexistent", "PYTHONPATH": str(CHECKOUT)},
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(("verb", "jobs"), [("list", 1), ("list", 2000), ("diagnose", 0)])
def test_a_pipe_that_closes_ends_the_command_quietly(
    verb: str, jobs: int, server: client.ApiServer, kubeconfig: str
) -> None:
    """`k8s-job list | head -3` shows no traceback, whether the output fits a buffer or not."""
    names = [f"job-{number}-with-a-name-that-takes-its-place" for number in range(jobs)]
    server.body = {"metadata": {"name": "mine"}, "items": [job(name) for name in names]}
    read, write = os.pipe()
    os.close(read)
    with start(verb, f"--kubeconfig={kubeconfig}", stdout=write) as process:
        os.close(write)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 141


def test_a_missing_kubeconfig_names_the_remedy(tmp_path: Path) -> None:
    """Who has no kubeconfig reads what to set, in one line."""
    with start("list", cwd=tmp_path) as process:
        message = process.communicate(timeout=60)[1]
    assert process.returncode == 4
    assert message.count("\n") == 1
    assert "no cluster to run in" in message
    assert "Set KUBECONFIG, or name a file with --kubeconfig" in message
