"""A namespace of its own with the suites in it, and runs of `pytest --in-cluster` against it."""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import yaml

import local_cluster
from tests.chaos.collectors import COLLECTOR_PLUGINS
from tests.chaos.suites import SUITES
from tests.checkout import CHECKOUT, inherited
from tests.tool.config_maps import files_config_map, package_config_map
from tests.tool.run.test_on_cluster import INI, job_manifest, kubectl

if TYPE_CHECKING:
    from tests.chaos.cases import Case

__all__ = ["RUN_SECONDS", "Running", "Scene", "open_scene", "wait_until"]

RUN_SECONDS = 150.0  # a run that lasts longer hangs; the slowest needs 60 s here
POLL_SECONDS = 0.1
OPTIONS = ("-v", "--junitxml=junit.xml")
CLOCK_LIBRARY = "libfaketime.so.1"
CLOCK_PLACE = Path("/usr/lib")
CLOCK_FOLDER = "/clock"


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

    def kill(self) -> None:
        """Kill the collector: it can tidy nothing up."""
        self._process.kill()
        self._process.wait()
        self._alarm.cancel()

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

    def start(self, case: Case, kubeconfig: Path | None = None) -> Running:
        """Start a run of `case` that its collector watches."""
        folder = self._checkout(self._manifest(case))
        keep = "always" if case.is_joined else "never"
        words = ["--in-cluster", *OPTIONS, f"--k8s-keep={keep}", *case.words, case.suite]
        return self._launch(folder, ["pytest", *words], kubeconfig, case.plugin)

    def join(self, run: Running) -> Running:
        """Come back to `run` as another collector."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        words = ["attach", *where, run.job.rpartition("-")[2], *OPTIONS]
        return self._launch(self._checkout({}), ["pytest_k8s_job", *words])

    def collect_late(self, case: Case) -> Running:
        """Let kubectl start the run of `case`; read it when it has ended."""
        manifest = self._manifest(case)
        name = f"{case.name}-{secrets.token_hex(3)}"
        manifest["metadata"]["name"] = name
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        container["args"] = ["-v", case.suite]
        kubectl("-n", self.namespace, "create", "-f", "-", text=yaml.safe_dump(manifest))
        path = "jsonpath={.items[*].status.phase}"
        pod = ("-n", self.namespace, "get", "pod", "-l", f"job-name={name}", "-o", path)
        wait_until(lambda: kubectl(*pod) in ("Succeeded", "Failed"), f"the end of {name}")
        where = [f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        words = ["collect", *where, f"job/{name}", *OPTIONS]
        return self._launch(self._checkout({}), ["pytest_k8s_job", *words])

    def _manifest(self, case: Case) -> dict[str, Any]:
        manifest: dict[str, Any] = yaml.safe_load(job_manifest(self.namespace))
        manifest["spec"].update(case.job)
        pod = manifest["spec"]["template"]["spec"]
        container = pod["containers"][0]
        container["resources"] = {"limits": case.limits}
        if case.clock:
            preload = {"LD_PRELOAD": f"{CLOCK_FOLDER}/{CLOCK_LIBRARY}", "FAKETIME": case.clock}
            container["env"] += [{"name": name, "value": preload[name]} for name in preload]
            container["volumeMounts"].append({"name": "clock", "mountPath": CLOCK_FOLDER})
            pod["volumes"].append({"name": "clock", "configMap": {"name": "clock"}})
        return manifest

    def _checkout(self, manifest: dict[str, Any]) -> Path:
        folder = self.folder / secrets.token_hex(4)
        (folder / "kubernetes").mkdir(parents=True)
        (folder / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
        (folder / "pytest.ini").write_text(INI)
        return folder

    def _launch(
        self, folder: Path, module: list[str], kubeconfig: Path | None = None, plugin: str = ""
    ) -> Running:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=folder,
            env={
                **inherited(),
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
def open_scene(folder: Path, *, with_clock: bool) -> Iterator[Scene]:
    """Make the namespace and delete it at the end; both sides run a copy of the package."""
    scene = Scene(f"chaos-{secrets.token_hex(3)}", folder)
    package = scene.source / "pytest_k8s_job"
    shutil.copytree(
        CHECKOUT / "pytest_k8s_job", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, text in COLLECTOR_PLUGINS.items():
        (scene.source / f"{name}.py").write_text(text)
    suite = folder / "suite"
    suite.mkdir()
    for name, text in SUITES.items():
        (suite / name).write_text(text)
    kubectl("create", "namespace", scene.namespace)
    try:
        for each in (package_config_map(scene.source), files_config_map("suite", suite)):
            kubectl("-n", scene.namespace, "create", "-f", "-", text=each)
        if with_clock:
            file = f"--from-file={clock_library()}"
            kubectl("-n", scene.namespace, "create", "configmap", "clock", file)
        yield scene
    finally:
        kubectl("delete", "namespace", scene.namespace, "--wait=false")


def clock_library() -> Path:
    """Return libfaketime, which shows another time to the process that it is loaded into."""
    if not (found := list(CLOCK_PLACE.glob(f"*/faketime/{CLOCK_LIBRARY}"))):
        subprocess.run([CHECKOUT / "deployment" / "install-packages", "libfaketime"], check=True)
        found = list(CLOCK_PLACE.glob(f"*/faketime/{CLOCK_LIBRARY}"))
    return found[0]


def _outcomes(junit: Path) -> Counter[tuple[str, str]]:
    if not junit.exists():
        return Counter()
    found: Counter[tuple[str, str]] = Counter()
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314 (our own run wrote it)
        tags = {each.tag for each in case}
        bad = next((tag for tag in ("failure", "error", "skipped") if tag in tags), "passed")
        found[case.attrib["name"], bad] += 1
    return found
