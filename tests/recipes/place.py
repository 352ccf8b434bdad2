"""Where a case runs: a namespace of its own, the images, and commands whose output is kept."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from tests.checkout import CHECKOUT
from tests.recipes.cases import Case

__all__ = ["RECIPES", "SECONDS", "Place", "build_images", "open_place"]

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
            if source != "demo/service":
                _build_wheel(context / "dist")
            local_cluster.build(context / "Dockerfile", name, context, arguments)
            names.append(name)
        local_cluster.load(*names)


def _images() -> Iterator[tuple[str, str, dict[str, str]]]:
    for version in SERVICES:
        yield f"demo-service:{version}", "demo/service", {"VERSION": version}
    yield "demo-test:1", "demo/tests", {}
    yield "k8s-job:1", "gate", {}


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
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI"))},
            "KUBECONFIG": str(local_cluster.kubeconfig()),
            "PATH": f"{Path(sys.executable).parent}:{local_cluster.kubectl().parent}"
            f":{os.environ['PATH']}",
        }

    def run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command, output and errors together, whatever its exit code."""
        return subprocess.run(
            words,
            input=text,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def show(self, *words: str) -> int:
        """Run a command of the user and keep what it prints; return its exit code."""
        done = self.run(words[0], "--namespace", self.namespace, *words[1:])
        text = done.stdout.replace(self.namespace, "demo").rstrip()
        self.shown.append(f"$ {' '.join(words)}\n{text}")
        return done.returncode

    def kubectl(self, *words: str, text: str | None = None, namespace: str = "") -> str:
        """Run kubectl in the namespace; return its output, and fail if it fails."""
        where = ("--namespace", namespace or self.namespace)
        done = self.run("kubectl", *where, *words, text=text)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stdout}")
        return done.stdout

    def read(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
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

    def text(self, path: Path, case: Case | None = None) -> str:
        """Return a manifest of the recipes with this namespace, and the tests of the case."""
        text = path.read_text()
        for before, after in (("namespace: demo", "namespace: {}"), (".demo/", ".{}/")):
            text = text.replace(before, after.format(self.namespace))
        if case is not None:
            args = json.dumps(list(case.args))
            text = text.replace("demo-test:1", case.tests).replace("[test_demo.py]", args)
        return text

    def apply(self, text: str, namespace: str = "") -> None:
        """Apply manifests."""
        self.kubectl("apply", "-f", "-", text=text, namespace=namespace)

    def logs_of_job(self, job: str) -> str:
        """Return the log of a Job's pod."""
        return self.run("kubectl", "-n", self.namespace, "logs", f"job/{job}").stdout


@contextmanager
def open_place(name: str) -> Iterator[Place]:
    """Yield a new place, and delete its namespace at the end."""
    with tempfile.TemporaryDirectory(prefix="recipes-") as folder:
        place = Place(f"recipe-{name}-{secrets.token_hex(2)}", Path(folder))
        place.kubectl("create", "namespace", place.namespace)
        try:
            yield place
        finally:
            place.kubectl("delete", "namespace", place.namespace, "--wait=false")


def documents(text: str) -> list[dict[str, Any]]:
    """Return the objects of a YAML text."""
    return [each for each in yaml.safe_load_all(text) if each]
