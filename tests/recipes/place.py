"""Where a case runs: a namespace of its own, the images, and commands whose output is kept."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from tests.checkout import CHECKOUT, inherited
from tests.recipes.cases import Case

__all__ = ["RECIPES", "Object", "Place", "build_images", "documents", "open_place", "set_tests"]

Object = dict[str, Any]

RECIPES = CHECKOUT / "examples" / "recipes"
SECONDS = 180.0  # for one decision; the slowest needs 90 s on two busy cores
POLL_SECONDS = 0.5
SERVICES = ("1", "2", "3")


def build_images() -> None:
    """Build the images of service, tests and gate from this checkout; load them into the node."""
    names = []
    with tempfile.TemporaryDirectory(prefix="recipes-images-") as folder:
        for name, source, arguments in _images():
            context = Path(folder) / name.replace(":", "-")
            shutil.copytree(RECIPES / source, context)
            if source != "demo/server":
                _build_wheel(context / "dist")
            local_cluster.build(context / "Dockerfile", name, context, arguments)
            names.append(name)
        local_cluster.load(*names)


def _images() -> Iterator[tuple[str, str, dict[str, str]]]:
    for version in SERVICES:
        yield f"demo-service:{version}", "demo/server", {"VERSION": version}
    yield "demo-test:1", "demo/suite", {}
    yield "k8s-job:1", "image", {}


def _build_wheel(folder: Path) -> None:
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(CHECKOUT)], check=True)


class Place:
    """A namespace, and the output of the commands that a user would type there.

    Attributes:
        namespace: its name.
        folder: for files of the case.
        shown: what the user typed and saw so far.
    """

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder
        self.shown: list[str] = []
        kubeconfig = shutil.copy(local_cluster.kubeconfig(), folder / "kubeconfig")
        self.environment = {
            **inherited(),
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{Path(sys.executable).parent}:{local_cluster.kubectl().parent}"
            f":{os.environ['PATH']}",
        }
        self.kubectl("config", "set-context", "--current", f"--namespace={namespace}")

    def run(
        self, *words: str, text: str | None = None, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, output and errors together, whatever its exit code."""
        return subprocess.run(
            words,
            input=text,
            cwd=folder or self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def show(self, *words: str, folder: Path | None = None, typed: str = "") -> int:
        """Run a command of the user and keep what it prints; return its exit code."""
        done = self.run(*words, folder=folder)
        text = f"$ {typed or shlex.join(words)}\n{done.stdout}"
        self.shown.append(text.replace(self.namespace, "demo").rstrip())
        return done.returncode

    def kubectl(self, *words: str, text: str | None = None, namespace: str = "") -> str:
        """Run kubectl in the namespace; return its output, and fail if it fails."""
        where = ["--namespace", namespace] if namespace else []
        done = self.run("kubectl", *where, *words, text=text)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stdout}")
        return done.stdout

    def read(self, kind: str, name: str, namespace: str = "") -> Object:
        """Return an object, {} if it is not there."""
        where = ("--namespace", namespace or self.namespace)
        text = self.run("kubectl", *where, "get", kind, name, "-o", "json", "--ignore-not-found")
        return dict(json.loads(text.stdout)) if text.stdout.startswith("{") else {}

    def wait(self, what: str, seen: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Wait until `seen` returns something; return that."""
        end = time.monotonic() + seconds
        while not (found := seen()):
            if time.monotonic() > end:
                raise TimeoutError(f"{self.namespace}: {what}: not within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        return found

    def objects(self, folder: str, case: Case, version: str) -> list[Object]:
        """Return what the kustomization in `folder` makes, with the tests of the case."""
        text = self.kubectl("kustomize", str(RECIPES / folder))
        found = documents(text.replace(".demo/", f".{self.namespace}/"))
        for each in found:
            if each["kind"] == "CronJob":
                set_tests(each, case)
            if each["metadata"]["name"] == "demo" and each["kind"] in ("Deployment", "Rollout"):
                container_of(each["spec"]["template"])["image"] = f"demo-service:{version}"
        return found

    def apply(self, objects: Iterable[Object], namespace: str = "") -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", text=yaml.safe_dump_all(objects), namespace=namespace)

    def pass_version_1(self) -> None:
        """Have a verdict on what is deployed: it passes."""
        done = self.run("k8s-job", "validate", "demo-test")
        if done.returncode:
            raise RuntimeError(f"version 1 does not pass: {done.stdout}")

    def logs_of_job(self, job: str) -> str:
        """Return the log of a Job's pod."""
        return self.run("kubectl", "-n", self.namespace, "logs", f"job/{job}").stdout


@contextmanager
def open_place(name: str) -> Iterator[Place]:
    """Yield a new place, and delete its namespace at the end."""
    with tempfile.TemporaryDirectory(prefix="recipes-") as folder:
        place = Place(f"recipe-{name}-{secrets.token_hex(2)}", Path(folder))
        try:
            place.kubectl("create", "namespace", place.namespace)
            yield place
        finally:
            place.kubectl("delete", "namespace", place.namespace, "--wait=false")


def documents(text: str) -> list[Object]:
    """Return the objects of a YAML text."""
    return [each for each in yaml.safe_load_all(text) if each]


def container_of(template: Object) -> Object:
    """Return the one container of a pod template."""
    containers: list[Object] = template["spec"]["containers"]
    (container,) = containers
    return container


def set_tests(cronjob: Object, case: Case) -> None:
    """Put the tests of a case into the template of the runs."""
    container = container_of(cronjob["spec"]["jobTemplate"]["spec"]["template"])
    container |= {"image": case.tests, "args": list(case.args)}
    if case.url:
        container["env"][0]["value"] = case.url
