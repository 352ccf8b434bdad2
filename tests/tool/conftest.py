"""Runs the same pytest command twice: here, and through the tool with a process as its pod."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import settings

from tests.checkout import CHECKOUT, inherited

collect_ignore = ["sample"]
settings.register_profile("tool", deadline=None)  # a shared machine stalls at times
settings.load_profile("tool")
# A shell ignores it for what it starts in the background; our runs must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SAMPLE = Path(__file__).with_name("sample")
MANIFEST = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: sample-test
spec:
  template:
    spec:
      containers:
        - name: suite
          image: unused
          command: [python, -m, pytest_k8s_job.pod.agent]
          args: []
"""
DOUBLE = """\
import os
import pathlib

from pytest_k8s_job.testing.local_pod import LocalCluster


def pytest_k8s_job_cluster(config):
    return LocalCluster(pathlib.Path(os.environ["SUITE"]))
"""
# No plugins but those that a test names; pytest orders colours by the hashes of their names.
REPEATABLE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0"}
SECONDS = 120  # for one run; the machine may be busy


@dataclass(frozen=True)
class Result:
    """What a user sees of a run."""

    code: int
    stdout: str
    stderr: str
    junit: list[dict[str, Any]]
    xml: str = ""

    @property
    def text(self) -> str:
        """Stdout without what must differ: times, and the tool's own lines."""
        return normalised(self.stdout)


def normalised(stdout: str) -> str:
    """Replace times, and drop the lines that only the tool writes."""
    text = re.sub(r"/(here|near)/sample\b", "/NEAR/sample", stdout)
    text = re.sub(r"\d+\.\d+(ms|us|s)( \(\d:\d\d:\d\d\))?", "N s", text)
    text = re.sub(r"self = .{0,4}CaptureManager.*", "self = CaptureManager", text)  # its numbers
    text = re.sub(r"cache from \S+ ago", "cache from T ago", text)
    text = re.sub(r"0x[0-9a-f]+|oldfd=\d+", "0xN", text)
    # Pytest cuts a long repr in its middle: where, depends on the digits of an address.
    text = re.sub(r"^\w+ = (<|&lt;).*\.\.\..*$", "a cut repr", text, flags=re.M)
    text = re.sub(r"^(=+) (.* in N s) =+$", r"\2", text, flags=re.M)
    return re.sub(
        r"^(Job sample-test-|The Job stays|The image ran other|target: ).*\n", "", text, flags=re.M
    )


def read_junit(path: Path) -> list[dict[str, Any]]:
    """Return the test cases of a JUnit file without their times."""
    if not path.exists():
        return []
    cases = []
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314 (our own run wrote it)
        inside = [
            (each.tag, _shown(each.attrib), normalised(each.text or "")) for each in case.iter()
        ]
        inside[0][1].pop("time")
        cases.append({"all": inside})
    return cases


def _shown(attributes: dict[str, str]) -> dict[str, str]:
    return {name: normalised(value) for name, value in attributes.items()}


class Side:
    """One of the two ways to run a suite: pytest is called in `folder`, tests run in `suite`."""

    def __init__(self, folder: Path, suite: Path, environment: dict[str, str], *extra: str) -> None:
        self.folder = folder
        self.suite = suite
        self.environment = environment
        self.extra = extra
        self.program: tuple[str, ...] = ("pytest",)

    def use(self, packages: Path) -> None:
        """Take these packages, another pytest say, before the installed ones."""
        paths = [str(packages), self.environment.get("PYTHONPATH", "")]
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start pytest with `arguments`."""
        return subprocess.Popen(
            [sys.executable, "-m", *self.program, *self.extra, *arguments],
            cwd=self.folder,
            env={**inherited(), **REPEATABLE, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )

    def run(self, *arguments: str) -> Result:
        """Run pytest with `arguments` to its end."""
        junit = self.folder / "junit.xml"
        junit.unlink(missing_ok=True)
        with self.start("--junitxml=junit.xml", *arguments) as process:
            stdout, stderr = process.communicate(timeout=SECONDS)
        xml = junit.read_text("utf-8") if junit.exists() else ""
        return Result(process.returncode, stdout, stderr, read_junit(junit), xml)


@pytest.fixture
def local(tmp_path: Path) -> Side:
    """Plain pytest in a copy of the sample suite."""
    return make_local(tmp_path)


@pytest.fixture
def remote(tmp_path: Path) -> Side:
    """The tool, where no test can be imported; its pod is a process in another copy."""
    return make_remote(tmp_path)


def make_local(tmp_path: Path) -> Side:
    """Copy the suite for plain pytest."""
    suite = tmp_path / "here" / "sample"
    shutil.copytree(SAMPLE, suite)
    return Side(suite, suite, {})


def make_remote(tmp_path: Path) -> Side:
    """Copy the suite for the pod; what is left of it here cannot be imported."""
    suite, near = tmp_path / "pod" / "sample", tmp_path / "near" / "sample"
    shutil.copytree(SAMPLE, suite)
    shutil.copytree(SAMPLE, near)
    for module in near.rglob("*.py"):
        module.write_text("raise SystemExit('the collector imported the suite')")
    (near / "job.yaml").write_text(MANIFEST)
    (tmp_path / "near_double.py").write_text(DOUBLE)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(tmp_path)]),
        "PYTEST_PLUGINS": "pytest_k8s_job.plugin,near_double",
        "SUITE": str(suite),
    }
    options = ["--k8s-manifest=job.yaml", *(f"--k8s-env={k}={v}" for k, v in REPEATABLE.items())]
    return Side(near, suite, environment, "--in-cluster", "--k8s-log=pod.log", *options)
