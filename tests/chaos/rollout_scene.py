"""A shop whose rollouts are driven, and runs against it from two namespaces."""

from __future__ import annotations

import itertools
import json
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from pytest_k8s_job.cluster.text import epoch
from tests.chaos.rollout_case import Case, Seen
from tests.tool.config_maps import files_config_map, package_config_map
from tests.tool.diagnosis.place import kubectl
from tests.tool.run.test_on_cluster import INI, Place, job_manifest
from tests.tool.target.shop import Shop, deployment, open_shop, service

__all__ = ["RolloutScene", "open_rollout_scene"]

SECONDS = 120.0  # for one run and for one rollout
IMAGES = ("weather-api:0.1.0", "weather-test:0.1.0")  # both have Python
FIRST, LAST = "test_shop.py::test_shop[0] PASSED", "test_shop.py::test_shop[7] PASSED"
SUITE = """\
import os, time, urllib.request
import pytest

@pytest.mark.parametrize("number", range(8))
def test_shop(number, record_property):
    record_property("began", time.time())
    seen = []
    end = time.monotonic() + 0.4
    while time.monotonic() < end or not seen:
        try:
            with urllib.request.urlopen(os.environ["SHOP_URL"], timeout=5) as answer:
                seen.append(answer.read().decode())
        except OSError:  # the older pod ended in the midst of it
            pass
        time.sleep(0.05)
    for version in dict.fromkeys(seen):
        record_property("version", version)
    record_property("ended", time.time())
"""


class RolloutScene:
    """Web, worker and a neighbour in one namespace; tests there or in another one."""

    def __init__(self, shop: Shop, apart: str, folder: Path) -> None:
        self._shop = shop
        self._apart = apart
        self._folder = folder
        self._versions = itertools.count(2)

    def settle(self) -> None:
        """Wait until nothing is rolled out any more; let each Deployment have a past."""
        for name in ("web", "worker", "neighbour"):
            self._shop.wait(name)

    def make_past(self) -> None:
        """Give each Deployment an older revision, to which it can be rolled back."""
        for name in ("web", "worker", "neighbour"):
            self._set_version(name)

    def run(self, case: Case) -> tuple[int, Seen, str]:
        """Run the suite with the case's rollout; return exit code, what was seen, the output."""
        place = self._place(case)
        lines: list[str] = []
        shown = {FIRST: threading.Event(), LAST: threading.Event()}
        times: dict[str, float] = {}
        launch = time.monotonic()

        def act() -> None:
            if case.when == "before":
                wait = max(launch - time.monotonic(), 0) + max(case.delay, 0)
            else:
                shown[FIRST if case.when == "during" else LAST].wait(SECONDS)
                wait = case.delay
            threading.Event().wait(wait)
            self._act(case, times)

        thread = threading.Thread(target=act)
        thread.start()
        if case.when == "before" and case.delay < 0:
            threading.Event().wait(-case.delay)
        said = f"--target={self._shop.namespace}/deployment/web"
        words = [said] if case.found == "said" else []
        with place.start("-v", *words) as process:
            code = _read(process, lines, shown)
        for each in shown.values():
            each.set()
        thread.join()
        first, last, versions = _tests(place.folder / "junit.xml")
        seen = Seen(
            times["asked"],
            times["accepted"],
            times["complete"],
            times["over"],
            first,
            last,
            versions,
        )
        return code, seen, "".join(lines)

    def _act(self, case: Case, times: dict[str, float]) -> None:
        name = case.whom
        times["asked"] = time.time()
        if case.act == "set env":
            self._set_version(name)
        elif case.act == "image":
            now = self._spec(name)["template"]["spec"]["containers"][0]["image"]
            other = next(each for each in IMAGES if each != now)
            self._shop.kubectl("set", "image", f"deployment/{name}", f"web={other}")
        elif case.act == "scale":
            pods = 3 - self._spec(name)["replicas"]
            self._shop.kubectl("scale", f"deployment/{name}", f"--replicas={pods}")
        else:
            self._shop.kubectl("rollout", case.act, f"deployment/{name}")
        times["accepted"] = time.time()
        self._shop.wait(name)
        times["over"] = time.time()
        found = json.loads(self._shop.kubectl("get", f"deployment/{name}", "-o", "json"))
        conditions = found["status"]["conditions"]
        times["complete"] = epoch(
            next(each["lastUpdateTime"] for each in conditions if each["type"] == "Progressing")
        )

    def _spec(self, name: str) -> dict[str, Any]:
        found = self._shop.kubectl("get", f"deployment/{name}", "-o", "json")
        return dict(json.loads(found)["spec"])

    def _set_version(self, name: str) -> None:
        version = f"VERSION={next(self._versions)}"
        self._shop.kubectl("set", "env", f"deployment/{name}", version)

    def _place(self, case: Case) -> Place:
        namespace = self._apart if case.apart else self._shop.namespace
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        manifest = yaml.safe_load(job_manifest(namespace))
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        _point(container, f"http://web.{self._shop.namespace}.svc", read=case.found == "read")
        (folder / "kubernetes").mkdir()
        (folder / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
        (folder / "pytest.ini").write_text(INI)
        return Place(namespace, folder)


def _point(container: dict[str, Any], url: str, *, read: bool) -> None:
    """Lead the tests to the shop, by the manifest's environment or without telling the tool."""
    container["args"] = ["test_shop.py"]
    if read:
        container["env"].append({"name": "SHOP_URL", "value": url})
        return
    agent = 'exec python -m pytest_k8s_job.pod.agent "$@"'
    container["command"] = ["sh", "-c", f"export SHOP_URL={url}; {agent}", "sh"]


def _read(
    process: subprocess.Popen[str], lines: list[str], shown: dict[str, threading.Event]
) -> int:
    alarm = threading.Timer(SECONDS, process.kill)
    alarm.start()
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        for text, event in shown.items():
            if text in line:
                event.set()
    code = process.wait()
    alarm.cancel()
    return code


def _tests(junit: Path) -> tuple[float, float, tuple[str, ...]]:
    """Return when the tests began and ended, by their own clock, and what they were answered."""
    found: dict[str, list[str]] = {"began": [], "ended": [], "version": []}
    for each in ElementTree.parse(junit).iter("property"):  # noqa: S314 (our own run wrote it)
        found.setdefault(each.attrib["name"], []).append(each.attrib["value"])
    began, ended = map(float, found["began"]), map(float, found["ended"])
    return min(began, default=0.0), max(ended, default=0.0), tuple(found["version"])


@contextmanager
def open_rollout_scene() -> Iterator[RolloutScene]:
    """Make both namespaces; delete them at the end."""
    apart = f"runs-{secrets.token_hex(3)}"
    neighbour = deployment("neighbour")
    del neighbour["metadata"]["labels"]
    parts = (deployment("web"), service("web"), deployment("worker"), neighbour)
    with tempfile.TemporaryDirectory(prefix="rollouts-") as folder, open_shop(*parts) as shop:
        suite = Path(folder) / "suite"
        suite.mkdir()
        (suite / "test_shop.py").write_text(SUITE)
        kubectl("create", "namespace", apart)
        try:
            for namespace in (apart, shop.namespace):
                for each in (package_config_map(), files_config_map("suite", suite)):
                    kubectl("-n", namespace, "create", "-f", "-", text=each)
            scene = RolloutScene(shop, apart, Path(folder))
            scene.settle()
            scene.make_past()
            scene.settle()
            yield scene
        finally:
            kubectl("delete", "namespace", apart, "--wait=false")
