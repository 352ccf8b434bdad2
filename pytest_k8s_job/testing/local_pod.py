"""A double of the cluster: the Job's container is a process on this machine.

For the tests of this package and for trying a suite's Job manifest without Kubernetes. The image,
volumes and security settings of the manifest mean nothing here; command, arguments and
environment are the manifest's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.cluster.suite_container import suite_container
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError
from pytest_k8s_job.pod.agent import exit_code
from pytest_k8s_job.wire.agent_settings import TERMINATION_LOG
from pytest_k8s_job.wire.sharding import INDEX

__all__ = ["LocalCluster"]

EXEC_SECONDS = 30.0  # for a command in the container
POLL_SECONDS = 0.01  # a file has no event for its growth in the standard library


class LocalPod:
    """One pod: a process, with its log and termination message in `folder`."""

    def __init__(self, name: str, container: Mapping[str, Any], suite: Path, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.name = name
        self.log = folder / "log"
        self.disrupted = ""
        self._message = folder / "termination-message"
        self._suite = suite
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {each["name"]: each["value"] for each in container.get("env", ())}
        self._environment = {**inherited, **environment, TERMINATION_LOG: str(self._message)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                _on_this_machine([*container["command"], *container["args"]]),
                cwd=suite,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on this terminal is none in a pod
            )

    @property
    def state(self) -> PodState:
        """The state that a cluster would report."""
        status = self.process.poll()
        if status is None:
            return PodState(self.name, Phase.RUNNING, disrupted=self.disrupted)
        message = self._message.read_text() if self._message.exists() else ""
        reason = "Completed" if status == 0 else "Error"
        return PodState(
            self.name,
            Phase.TERMINATED,
            reason,
            "",
            exit_code(status),
            termination_message=message,
            disrupted=self.disrupted,
        )

    def exec(self, command: Sequence[str]) -> bytes:
        """Run `command` in the pod's environment; return its output."""
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

    def converse(self, command: Sequence[str]) -> LocalStream:
        """Begin to run `command` in the pod's environment."""
        return LocalStream(
            subprocess.Popen(
                _on_this_machine(command),
                cwd=self._suite,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C on this terminal is none in a pod
            )
        )

    def end(self) -> None:
        """Tell the process to stop, and wait until it has."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class LocalStream:
    """`Stream` to a process on this machine."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 (we asked for a pipe)
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise ClusterError(f"the command has ended: {error}") from error

    def receive(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 (as above)
        return os.read(self._process.stdout.fileno(), 1 << 16)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class LocalCluster:
    """`Cluster` whose pods are processes in the directory `suite`."""

    def __init__(self, suite: Path) -> None:
        self._suite = suite
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-k8s-job-pod-")
        self._jobs: dict[str, Mapping[str, Any]] = {}
        self.processes: dict[tuple[str, int], LocalPod] = {}

    @property
    def server(self) -> str:
        return "none"

    @property
    def namespace(self) -> str:
        return "local"

    def describe(self) -> str:
        return "this machine"

    def create(self, job: Mapping[str, Any]) -> JobRef:
        name = job["metadata"]["name"]
        self._jobs[name] = job
        container = suite_container(job["spec"]["template"])
        for number in range(job["spec"].get("completions", 1)):
            index = {"name": INDEX, "value": str(number)}
            variables = [index, *container.get("env", ())]
            folder = Path(self._folder.name, name, str(number))
            pod = LocalPod(f"{name}-{number}", {**container, "env": variables}, self._suite, folder)
            self.processes[name, number] = pod
        return JobRef("local", name, container["name"])

    def find(self, _namespace: str | None, name: str) -> Mapping[str, Any]:
        if name not in self._jobs:
            raise GoneError(f"there is no Job {name}")
        return self._jobs[name]

    def jobs(self, _namespace: str | None) -> list[Mapping[str, Any]]:
        return list(self._jobs.values())

    def pods(self, jobs: Sequence[JobRef]) -> dict[JobRef, PodState]:
        found = {job: self.processes.get((job.name, job.shard or 0)) for job in jobs}
        return {job: pod.state for job, pod in found.items() if pod is not None}

    def read(self, _path: str, _accept: str) -> tuple[bytes, float]:
        return b'{"metadata": {"name": "local"}, "items": []}', 0.0

    def send(self, _method: str, _path: str, _body: object = None) -> Mapping[str, Any]:
        raise ClusterError("pods on this machine have no ConfigMaps: --sync needs a cluster")

    def log(self, job: JobRef, pod: str, _since: int | None) -> Iterator[bytes]:
        found = self.processes.get((job.name, job.shard or 0))
        if found is None:
            raise NotReadyError(f"{pod} has not started")
        if not found.log.exists():
            raise GoneError(f"{pod} was deleted")
        with found.log.open("rb") as log:
            while True:
                ended = found.process.poll() is not None
                if chunk := log.read(1 << 16):
                    yield chunk
                elif ended:
                    return
                else:
                    time.sleep(POLL_SECONDS)

    def exec(self, job: JobRef, pod: str, command: Sequence[str]) -> bytes:
        return self._running(job, pod).exec(command)

    def converse(self, job: JobRef, pod: str, command: Sequence[str]) -> LocalStream:
        return self._running(job, pod).converse(command)

    def _running(self, job: JobRef, pod: str) -> LocalPod:
        found = self.processes.get((job.name, job.shard or 0))
        if found is None or found.process.poll() is not None:
            raise GoneError(f"{pod} does not run")
        return found

    def delete(self, job: JobRef) -> None:
        for (name, _), pod in self.processes.items():
            if name == job.name:
                pod.end()
        self._jobs.pop(job.name, None)
        shutil.rmtree(Path(self._folder.name, job.name), ignore_errors=True)


def _on_this_machine(command: Sequence[str]) -> list[str]:
    return [sys.executable if word == "python" else word for word in command[:1]] + [*command[1:]]
