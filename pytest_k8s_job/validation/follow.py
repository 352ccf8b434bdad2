"""Follows a Job as a pytest session in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_k8s_job.errors import ClusterError

__all__ = ["DOCUMENT", "KEPT", "USAGE_ERROR", "Followed", "Place", "follow"]

PLUGIN = "pytest_k8s_job.validation.session_plugin"
DOCUMENT = "PYTEST_K8S_JOB_DOCUMENT"  # environment of PLUGIN: the file that the session leaves
KEPT = "PYTEST_K8S_JOB_KEPT"  # environment of PLUGIN: the folder of a kept run
USAGE_ERROR = 4  # pytest's own exit code
TAIL = 2000  # characters of the output that an error shows


@dataclass(frozen=True)
class Place:
    """Where a process of its own finds the cluster, and whether it prints."""

    namespace: str
    kubeconfig: str | None = None
    context: str | None = None
    show: bool = False

    @property
    def words(self) -> list[str]:
        """The options of `pytest --in-cluster` for it."""
        named = {"kubeconfig": self.kubeconfig, "context": self.context}
        chosen = [f"--k8s-{name}={value}" for name, value in named.items() if value]
        return [f"--k8s-namespace={self.namespace}", *chosen]


@dataclass(frozen=True)
class Followed:
    """What a session that followed a Job left.

    Attributes:
        report: report.json, as docs/report-schema.json describes it.
        log: the raw log of the pod.
    """

    report: Mapping[str, Any]
    log: bytes


def follow(
    job: str,
    place: Place,
    target: Sequence[str] = (),
    *,
    kept: Path | None = None,
    report: Path | None = None,
) -> Followed:
    """Follow a Job to its end; `kept`: the folder that holds it instead.

    The session is the one of `k8s-job collect`, so the verdict is drawn as for every run. Raises
    ClusterError if the session left no report. `report`: where it shall stay.
    """
    with tempfile.TemporaryDirectory(prefix="k8s-job-validation-") as name:
        folder = Path(name)
        document, log = folder / "report.json", folder / "pod.log"
        (folder / "pytest.ini").write_text("[pytest]\n")  # an ini file of others means nothing here
        words = ["--in-cluster", f"--k8s-attach={job}", *place.words, "--color=auto"]
        words += [f"--k8s-log={log}", "-p", "no:cacheprovider", "-p", PLUGIN]
        words += [f"--report={report}"] if report is not None else []
        words += [f"--target={each}" for each in target]
        environment = {**os.environ, DOCUMENT: str(document)}
        environment.pop("PYTEST_ADDOPTS", None)
        if kept is not None:
            environment[KEPT] = str(kept)
            words.append("--k8s-evidence=no")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=folder,
            env=environment,
            stdout=None if place.show else subprocess.PIPE,
            stderr=None if place.show else subprocess.STDOUT,
            text=True,
            check=False,
        )
        raw = log.read_bytes() if log.exists() else b""
        try:
            found = json.loads(document.read_text("utf-8"))
        except (OSError, ValueError):
            if done.returncode == USAGE_ERROR and raw:
                return Followed(_refused(raw), raw)
            said = f": {(done.stdout or '')[-TAIL:].strip()}" if not place.show else ""
            raise ClusterError(f"the run of Job {job} could not be read{said}") from None
        return Followed(found, raw)


def _refused(log: bytes) -> Mapping[str, Any]:
    """Return the report of a session whose arguments pytest in the pod has refused."""
    lines = (each for each in log.decode("utf-8", "replace").splitlines() if "::k8s" not in each)
    said = (each.partition("error: ")[2] for each in lines)
    line = next(filter(None, said), "its log says why")
    now = time.time()
    report = {"verdict": "USAGE ERROR", "exit_code": USAGE_ERROR, "first_line": line}
    return report | {"counts": {}, "tests": [], "finished": now}
