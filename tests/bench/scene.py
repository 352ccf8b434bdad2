"""What is measured in: the image, a namespace, Jobs, and commands with a clock."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from tests.bench.image.suites import write
from tests.checkout import CHECKOUT, inherited

__all__ = [
    "CHECKOUT",
    "HERE",
    "IMAGE",
    "NO_AUTOLOAD",
    "PLAIN",
    "RUN_SECONDS",
    "Scene",
    "Timed",
    "build_image",
    "job",
    "open_scene",
    "plain_job",
    "tool",
]

HERE = Path(__file__).parent
IMAGE = "pytest-k8s-job-bench:1"
RUN_SECONDS = 300.0  # a command that takes longer hangs; the slowest needs 90 s here
POLL_SECONDS = 0.1
PLAIN = ["python", "-m", "pytest"]
NO_AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
CONTEXT_FILES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements/build.txt",
    "requirements/suite.txt",
    "requirements/bench.txt",
)


@dataclass(frozen=True)
class Timed:
    """A command that succeeded: when it began and ended, and when a line of its output came."""

    began: float
    ended: float
    seen: float | None
    output: str

    @property
    def seconds(self) -> float:
        """Wall time of the command."""
        return self.ended - self.began


def build_image() -> None:
    """Build the image from this checkout and load it into the node."""
    with tempfile.TemporaryDirectory(prefix="bench-image-") as folder:
        context = Path(folder)
        for name in CONTEXT_FILES:
            place = context / name
            place.parent.mkdir(exist_ok=True)
            shutil.copy2(CHECKOUT / name, place)
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "pytest_k8s_job", context / "pytest_k8s_job", ignore=unwanted)
        shutil.copytree(HERE / "image", context, ignore=unwanted, dirs_exist_ok=True)
        local_cluster.build(context / "Dockerfile", IMAGE, context)
    local_cluster.load(IMAGE)


def job(namespace: str, suite: str, command: list[str], args: list[str]) -> dict[str, Any]:
    """Return a Job that runs `command` in the directory of `suite`."""
    container = {
        "name": "suite",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "args": args,
        "workingDir": f"/suites/{suite}",
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"bench-{suite.replace('_', '-')}", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def plain_job(namespace: str, suite: str, command: list[str]) -> dict[str, Any]:
    """Return a Job that runs plain pytest by `command`, without pytest's loading of plugins."""
    manifest = job(namespace, suite, command, [])
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": NO_AUTOLOAD, "value": "1"}]
    return manifest


def tool(*words: str, module: str = "pytest") -> list[str]:
    """Return the command line of Python with `module`."""
    return [sys.executable, "-m", module, *words]


class Scene:
    """A namespace of our own and a folder for each suite, without any tests in it."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder
        self.suites = folder / "suites"
        write(self.suites)
        self._kubectl = [str(local_cluster.kubectl())]
        self.environment = {
            **inherited(),
            "KUBECONFIG": str(local_cluster.kubeconfig()),
            "PYTHONPATH": str(CHECKOUT),
            NO_AUTOLOAD: "1",
            "PYTEST_PLUGINS": "pytest_k8s_job.plugin",
        }

    def kubectl_command(self, *words: str) -> list[str]:
        """Return the command line of kubectl in the namespace."""
        return [*self._kubectl, "-n", self.namespace, *words]

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """Run kubectl and return what it says."""
        return self._run_kubectl(words, text, check=True)

    def try_kubectl(self, *words: str) -> str:
        """Run kubectl and return what it says on stdout, also if it fails."""
        return self._run_kubectl(words, None, check=False)

    def _run_kubectl(self, words: tuple[str, ...], text: str | None, *, check: bool) -> str:
        return subprocess.run(
            self.kubectl_command(*words),
            input=text,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=RUN_SECONDS,
        ).stdout

    def checkout(self, suite: str) -> Path:
        """Return a directory with nothing but the Job manifest of `suite`."""
        folder = self.folder / f"checkout-{suite}"
        if not folder.exists():
            folder.mkdir()
            command = ["python", "-m", "pytest_k8s_job.pod.agent"]
            manifest = job(self.namespace, suite, command, [])
            (folder / "pytest.ini").write_text("[pytest]\nk8s_job_manifest = job.yaml\n")
            (folder / "job.yaml").write_text(yaml.safe_dump(manifest))
        return folder

    def create(self, manifest: Mapping[str, Any]) -> str:
        """Create the Job `manifest` under a name of its own; return the name."""
        name = f"{manifest['metadata']['name']}-{secrets.token_hex(3)}"
        named = {**manifest, "metadata": {**manifest["metadata"], "name": name}}
        self.kubectl("create", "-f", "-", text=json.dumps(named))
        return name

    def finished_pod(self, name: str) -> dict[str, Any]:
        """Wait for the end of the container of Job `name`; return its `terminated` state."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            pods = json.loads(self.kubectl("get", "pods", "-l", f"job-name={name}", "-o", "json"))
            for pod in pods["items"]:
                for status in pod["status"].get("containerStatuses", ()):
                    if ended := status["state"].get("terminated"):
                        return dict(ended)
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"Job {name} did not end")

    def run(
        self,
        command: list[str],
        folder: Path,
        extra: Mapping[str, str] | None = None,
        wait_for: str = "",
        code: int = 0,
    ) -> Timed:
        """Run `command` to exit code `code`; note when a line with `wait_for` came."""
        seen = None
        lines = []
        began = time.monotonic()
        with subprocess.Popen(
            command,
            cwd=folder,
            env={**self.environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            alarm = threading.Timer(RUN_SECONDS, process.kill)
            alarm.start()
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if wait_for and wait_for in line:
                    seen = time.monotonic()
            process.wait()
            ended = time.monotonic()
            alarm.cancel()
        output = "".join(lines)
        if process.returncode != code:
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{output}")
        return Timed(began, ended, seen, output)


@contextmanager
def open_scene() -> Iterator[Scene]:
    """Make the namespace and delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scene = Scene(f"bench-{secrets.token_hex(3)}", Path(folder))
        scene.kubectl("create", "namespace", scene.namespace)
        try:
            yield scene
        finally:
            scene.kubectl("delete", "namespace", scene.namespace, "--wait=false")
