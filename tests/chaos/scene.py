"""A namespace of its own with the suites in it, and runs of `pytest --in-cluster` against it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

import local_cluster
from tests.chaos.suites import SUITES
from tests.tool.conftest import ROOT
from tests.tool.test_on_cluster import CUTTING, INI, job_manifest, kubectl

__all__ = ["RUN_SECONDS", "Running", "Scene", "open_scene", "wait_until"]

RUN_SECONDS = 150.0  # a run that lasts longer hangs; the slowest needs 60 s here
POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; raise TimeoutError with `what` if it never does."""
    end = time.monotonic() + RUN_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {RUN_SECONDS:g} s for {what}")
        time.sleep(POLL_SECONDS)


class Running:
    """One `pytest --in-cluster` that was started; `finish` ends it."""

    def __init__(self, scene: Scene, folder: Path, process: subprocess.Popen[str]) -> None:
        self.scene = scene
        self.text = ""
        self._folder = folder
        self._process = process
        self._alarm = threading.Timer(RUN_SECONDS, process.kill)
        self._alarm.start()

    def wait_for(self, words: str) -> None:
        """Read the output until a line has `words`; raise EOFError if none has."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.text += line
            if words in line:
                return
        raise EOFError(f"the run ended before {words!r}")

    @property
    def job(self) -> str:
        """Name of the Job, as the output says it."""
        found = re.search(r"^Job (\S+),", self.text, re.M)
        if found is None:
            raise LookupError(f"no Job in {self.text!r}")
        return found[1]

    @property
    def pod(self) -> str:
        """Name of the Job's pod."""
        label = f"job-name={self.job}"
        where = ("-n", self.scene.namespace, "get", "pod", "-l", label)
        return kubectl(*where, "-o", "jsonpath={.items[0].metadata.name}")

    def finish(self) -> tuple[int, Counter[tuple[str, str]]]:
        """Wait for the end; return the exit code and how often JUnit has each (test, outcome)."""
        assert self._process.stdout is not None
        self.text += self._process.stdout.read()
        code = self._process.wait()
        self._alarm.cancel()
        return code, _outcomes(self._folder / "junit.xml")


class Scene:
    """A namespace with the package and the suites as ConfigMaps."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder
        self.source = folder / "source"
        self.kubeconfig = local_cluster.kubeconfig()

    def start(
        self,
        suite: str,
        job: dict[str, Any],
        limits: dict[str, str],
        kubeconfig: Path | None,
        plugin: str,
    ) -> Running:
        """Start a run of the file `suite`; `job` goes into the Job's spec."""
        folder = self.folder / secrets.token_hex(4)
        (folder / "kubernetes").mkdir(parents=True)
        manifest = yaml.safe_load(job_manifest(self.namespace))
        manifest["spec"].update(job)
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = {"limits": limits}
        (folder / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
        (folder / "pytest.ini").write_text(INI)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI"))}
        words = ["--in-cluster", "-v", "--junitxml=junit.xml", "--k8s-keep=never", suite]
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            cwd=folder,
            env={
                **inherited,
                "KUBECONFIG": str(kubeconfig or self.kubeconfig),
                "PYTHONPATH": str(self.source),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTEST_PLUGINS": ",".join(filter(None, ["pytest_k8s_job.plugin", plugin])),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Running(self, folder, process)


@contextmanager
def open_scene(folder: Path) -> Iterator[Scene]:
    """Make the namespace and delete it at the end; both sides run a copy of the package."""
    scene = Scene(f"chaos-{secrets.token_hex(3)}", folder)
    package = scene.source / "pytest_k8s_job"
    shutil.copytree(ROOT / "pytest_k8s_job", package, ignore=shutil.ignore_patterns("__pycache__"))
    (scene.source / "cutting.py").write_text(CUTTING)
    suite = folder / "suite"
    suite.mkdir()
    for name, text in SUITES.items():
        (suite / name).write_text(text)
    kubectl("create", "namespace", scene.namespace)
    try:
        for config, source in (("package", package), ("suite", suite)):
            files = [f"--from-file={each}" for each in sorted(source.iterdir()) if each.is_file()]
            kubectl("-n", scene.namespace, "create", "configmap", config, *files)
        yield scene
    finally:
        kubectl("delete", "namespace", scene.namespace, "--wait=false")


def _outcomes(junit: Path) -> Counter[tuple[str, str]]:
    if not junit.exists():
        return Counter()
    found: Counter[tuple[str, str]] = Counter()
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314 (our own run wrote it)
        tags = {each.tag for each in case}
        bad = next((tag for tag in ("failure", "error", "skipped") if tag in tags), "passed")
        found[case.attrib["name"], bad] += 1
    return found
