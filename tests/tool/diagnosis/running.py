"""Runs the tool against a fault of its Job: how long until it gives up, and its first line."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import yaml

from tests.checkout import CHECKOUT, inherited
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.place import Place

__all__ = ["RunResult", "run_tool"]

SECONDS = 90.0
NOT_RUN = 10
TITLE = "in cluster: NOT_RUN"


@dataclass(frozen=True)
class RunResult:
    """How a run with the fault ended."""

    code: int
    seconds: float
    text: str

    @property
    def first_line(self) -> str:
        """The first line of the summary."""
        lines = iter(self.text.splitlines())
        for line in lines:
            if TITLE in line and line.startswith("="):
                return next(lines, "")
        return ""

    def right(self, fault: Fault) -> bool:
        """Whether the run ended as NOT_RUN, its first line naming the cause."""
        return self.code == NOT_RUN and all(each in self.first_line for each in fault.words)


def run_tool(fault: Fault, place: Place) -> RunResult:
    """Run `pytest --in-cluster` with the Job of the fault."""
    folder = place.folder / "checkout"
    folder.mkdir()
    manifest = folder / "job.yaml"
    manifest.write_text(yaml.safe_dump(fault.job))
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = [f"--k8s-manifest={manifest}", f"--k8s-namespace={place.name}", "--k8s-keep=never"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--in-cluster", *options],
        cwd=folder,
        env={
            **inherited(),
            "KUBECONFIG": str(place.kubeconfig),
            "PYTHONPATH": str(CHECKOUT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_k8s_job.plugin",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return RunResult(done.returncode, time.monotonic() - began, done.stdout)
