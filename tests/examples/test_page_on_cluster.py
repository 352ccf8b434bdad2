"""The page for users: its files and its commands, as they stand there, on the real cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import local_cluster
from tests.checkout import CHECKOUT

pytestmark = pytest.mark.cluster

PAGE = (CHECKOUT / "docs" / "your-own-service.md").read_text("utf-8")
BASE = "python:3.13-slim"  # stands in for a registry's: nodes here pull nothing
FILE = re.compile(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 300  # for all commands; the machine may be busy
# This machine has no docker: the same words build and bring the image into the node.
DOCKER = f"""\
#!{sys.executable}
import pathlib, sys
sys.path.insert(0, {str(CHECKOUT)!r})
import local_cluster
build, tag, name, folder = sys.argv[1:]
assert (build, tag) == ("build", "--tag"), sys.argv
local_cluster.build(pathlib.Path(folder, "Dockerfile"), name, pathlib.Path(folder))
local_cluster.load(name)
"""


def kubectl(*words: str) -> None:
    """Run kubectl on the local cluster."""
    program, config = str(local_cluster.kubectl()), str(local_cluster.kubeconfig())
    subprocess.run([program, "--kubeconfig", config, *words], check=True, timeout=SECONDS)


def script(texts: Path) -> str:
    """Return the page as one script, in which each file is written where the page shows it."""
    steps = [
        *((found.start(), f"cp {texts}/{found[1]} .") for found in FILE.finditer(PAGE)),
        *((found.start(), found[1]) for found in COMMANDS.finditer(PAGE)),
    ]
    return "\n".join(step for _, step in sorted(steps))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a user sees who makes the page's files and types its commands, one after the other."""
    folder = tmp_path_factory.mktemp("page")
    texts = tmp_path_factory.mktemp("texts")
    for name, text in FILE.findall(PAGE):
        (texts / name).write_text(text)
    local_cluster.load(BASE)
    programs = tmp_path_factory.mktemp("programs")
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    (programs / "pip").symlink_to(Path(sys.executable).with_name("pip"))
    (programs / "kubectl").symlink_to(local_cluster.kubectl())
    ours = ("PYTEST_", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kubectl("delete", "namespace", "hello", "--ignore-not-found")
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script(texts)],
            cwd=folder,
            env={
                **environment,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "KUBECONFIG": str(local_cluster.kubeconfig()),
                "CHECKOUT": str(CHECKOUT),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        yield done.stdout
    finally:
        kubectl("delete", "namespace", "hello", "--ignore-not-found", "--wait=false")


def test_the_page_has_what_it_speaks_of() -> None:
    """Files, commands and promised output are found in the page; none escapes this test."""
    assert {name for name, _ in FILE.findall(PAGE)} == {
        "service.yaml",
        "test_hello.py",
        "Dockerfile",
        "job.yaml",
        "pyproject.toml",
    }
    blocks = len(FILE.findall(PAGE)) + len(COMMANDS.findall(PAGE)) + len(PROMISED.findall(PAGE))
    assert PAGE.count("\n```") == 2 * blocks


def test_the_page_leads_to_what_it_promises(output: str) -> None:
    """The commands end as the page says: first a green run, then a red one, with its exit code."""
    for promised in "".join(PROMISED.findall(PAGE)).splitlines():
        words = re.sub(r" in [\d.]+s|, \d+ B, sha256 \w+", "", promised.strip("= "))
        assert words in output, output
    assert output.index("2 passed") < output.index("2 failed")
