"""A cluster without a cluster: the Job's container runs as a process on this machine.

For the tests of this package and for trying a suite's Job manifest without Kubernetes. The image,
volumes and security settings of the manifest mean nothing here; command, arguments and
environment are the manifest's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_k8s_job.agent import TERMINATION_LOG, exit_code
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError
from pytest_k8s_job.pods import JobRef, Phase, PodState

__all__ = ["LocalCluster"]

EXEC_SECONDS = 30.0  # for a command in the container
POLL_SECONDS = 0.01  # a file has no event for its growth in the standard library


class LocalCluster:
    """`Cluster` whose only pod is a process in the directory `suite`."""

    def __init__(self, suite: Path) -> None:
        self._suite = suite
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-k8s-job-pod-")
        self._log = Path(self._folder.name, "log")
        self._message = Path(self._folder.name, "termination-message")
        self._process: subprocess.Popen[bytes] | None = None
        self._job: Mapping[str, Any] = {}
        self._environment: dict[str, str] = {}

    def describe(self) -> str:
        return "this machine"

    def create(self, job: Mapping[str, Any]) -> JobRef:
        self._job = job
        container = job["spec"]["template"]["spec"]["containers"][0]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {each["name"]: each["value"] for each in container.get("env", ())}
        self._environment = {**inherited, **environment, TERMINATION_LOG: str(self._message)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _on_this_machine([*container["command"], *container["args"]]),
                cwd=self._suite,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return JobRef("local", job["metadata"]["name"], container["name"])

    def find(self, _namespace: str | None, name: str) -> Mapping[str, Any]:
        if not self._job or self._job["metadata"]["name"] != name:
            raise GoneError(f"there is no Job {name}")
        return self._job

    def pod(self, job: JobRef) -> PodState | None:
        if self._process is None:
            return None
        status = self._process.poll()
        if status is None:
            return PodState(job.name, Phase.RUNNING)
        message = self._message.read_text() if self._message.exists() else ""
        reason = "Completed" if status == 0 else "Error"
        return PodState(
            job.name, Phase.TERMINATED, reason, "", exit_code(status), termination_message=message
        )

    def trouble(self, _job: JobRef, _pod: str | None) -> str | None:
        return None

    def log(self, _job: JobRef, pod: str, _since: int | None) -> Iterator[bytes]:
        if self._process is None:
            raise NotReadyError(f"{pod} has not started")
        if not self._log.exists():
            raise GoneError(f"{pod} was deleted")
        with self._log.open("rb") as log:
            while True:
                ended = self._process.poll() is not None
                if chunk := log.read(1 << 16):
                    yield chunk
                elif ended:
                    return
                else:
                    time.sleep(POLL_SECONDS)

    def exec(self, _job: JobRef, pod: str, command: Sequence[str]) -> bytes:
        if self._process is None or self._process.poll() is not None:
            raise GoneError(f"{pod} does not run")
        try:
            done = subprocess.run(
                _on_this_machine(command),
                cwd=self._suite,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=EXEC_SECONDS,
            )
        except subprocess.SubprocessError as error:
            raise ClusterError(f"{' '.join(command)}: {error}") from error
        return done.stdout

    def delete(self, _job: JobRef) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()


def _on_this_machine(command: Sequence[str]) -> list[str]:
    return [sys.executable if word == "python" else word for word in command[:1]] + [*command[1:]]
