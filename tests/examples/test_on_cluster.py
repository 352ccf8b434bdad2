"""The example as a user runs it: the built wheel in a fresh environment, in a namespace of its own.

Nothing of this repository but the wheel is used; neither its service nor its settings.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import local_cluster
from tests.checkout import CHECKOUT

pytestmark = pytest.mark.cluster

EXAMPLE = CHECKOUT / "examples" / "redis-ping"
IMAGE = "redis-ping-test:1"
SECONDS = 120  # for one command; the machine may be busy


def call(*command: str | Path, folder: Path, code: int = 0) -> str:
    """Run `command` in `folder`; return its output, and fail unless it exits with `code`."""
    ours = ("PYTEST_", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**environment, "KUBECONFIG": str(local_cluster.kubeconfig())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@dataclass(frozen=True)
class User:
    """Somebody with a copy of the example, the wheel installed, and a namespace."""

    folder: Path
    namespace: str

    def kubectl(self, *words: str) -> str:
        """Call kubectl in the namespace."""
        program = local_cluster.kubectl()
        return call(program, "--namespace", self.namespace, *words, folder=self.folder)

    def pytest(self, *words: str, code: int) -> str:
        """Call `pytest --in-cluster`, which must exit with `code`."""
        program = self.folder / "venv" / "bin" / "pytest"
        where = f"--k8s-namespace={self.namespace}"
        return call(program, "--in-cluster", where, *words, folder=self.folder, code=code)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user who followed the example's README up to the last line."""
    folder = tmp_path_factory.mktemp("user") / EXAMPLE.name
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("dist"))
    user = User(folder, f"example-{secrets.token_hex(3)}")
    wheel = build_wheel(folder / "dist")
    local_cluster.build(folder / "Dockerfile", IMAGE, folder)
    local_cluster.load(IMAGE)
    call(local_cluster.kubectl(), "create", "namespace", user.namespace, folder=folder)
    try:
        user.kubectl("apply", "-f", "redis.yaml")
        install(f"{wheel}[collector]", folder)
        user.kubectl("rollout", "status", "deployment/redis", "--timeout=60s")
        yield user
    finally:
        user.kubectl("delete", "namespace", user.namespace, "--wait=false")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, with the build tools that are here."""
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "wheel", *offline]
    call(*pip, "--wheel-dir", folder, CHECKOUT, folder=folder.parent)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(requirement: str, folder: Path) -> None:
    """Install into a fresh environment; without a pip of its own and compiled files for speed."""
    call(sys.executable, "-m", "venv", "--without-pip", "venv", folder=folder)
    pip = [sys.executable, "-m", "pip", "--python", "venv/bin/python"]
    call(*pip, "install", "--quiet", "--no-compile", requirement, folder=folder)


def test_the_example_passes(user: User) -> None:
    """A target that is not ours, with a Job manifest that is not ours, passes with exit code 0."""
    seen = user.pytest("-v", code=0)
    assert seen.count(" PASSED ") == 3, seen
    assert "3 passed" in seen


def test_without_its_target_the_example_fails(user: User) -> None:
    """A target scaled to 0 is NOT_RUN; who tests it all the same sees what does not answer."""
    user.kubectl("scale", "deployment/redis", "--replicas=0")
    user.kubectl("wait", "--for=delete", "pod", "--selector=app=redis", "--timeout=60s")
    assert "deployment redis is scaled to 0" in user.pytest(code=10)
    seen = user.pytest("--wait-rollout=0", code=1)
    assert "Redis does not answer" in seen
    assert "3 errors" in seen
