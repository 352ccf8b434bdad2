"""The real cluster of this machine, as a user has it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from local_cluster.settings import CONTEXT, Paths
from tests.checkout import CHECKOUT


class Cluster:
    """The cluster as a user has it: the command line, and kubectl."""

    def __init__(self) -> None:
        self.paths = Paths.of_user()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m local_cluster ...`, whatever its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "local_cluster", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=CHECKOUT,
        )

    def up(self) -> float:
        """`up`; how many seconds it took."""
        start = time.monotonic()
        done = self.run("up")
        assert done.returncode == 0, done.stderr
        return time.monotonic() - start

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of kubectl on this cluster."""
        program = str(self.paths.state / "bin/kubectl")
        where = ["--kubeconfig", str(self.paths.kubeconfig), "--context", CONTEXT]
        done = subprocess.run(
            [program, *where, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """One object, or a list of them, as decoded JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition holds; fails with `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
