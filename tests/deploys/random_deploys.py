"""Random deploys in a row; each rollout that settles must have exactly one verdict."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.faults import kill
from tests.deploys.scene import Row, Scene
from tests.tool.diagnosis.place import wait_until

__all__ = ["random_deploys"]

VALIDATOR_KILLED_EVERY = 10  # rollouts
API_SERVER_KILLED_EVERY = 40
MOST_SECONDS = 4.0  # from the new pods being ready to the first test, the median


def random_deploys(scene: Scene, count: int, seed: int) -> Iterator[Row]:
    """Deploy `count` times; yield one row each, and two on all of them."""
    scene.pipeline.template(slow=0.5)  # report only: a rollback is one more rollout
    yield scene.step("first", scene.start, "PASSED")
    series = Series(scene, random.Random(seed))  # noqa: S311 (repeatable, no secret)
    for number in range(1, count + 1):
        disturbances: list[Callable[[], object]] = []
        if number % VALIDATOR_KILLED_EVERY == 0:
            disturbances.append(scene.kill)
        if number % API_SERVER_KILLED_EVERY == API_SERVER_KILLED_EVERY // 2:
            disturbances.append(lambda: kill("kube-apiserver"))
        yield series.deploy(f"v{number}", disturbances)
    yield series.repeated()
    if series.waits:
        yield series.wait_for_tests()


class Series:
    """The deploys so far, and what was seen of their verdicts: only the newest 50 are kept."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self._scene = scene
        self._chance = chance
        self._seen = {each["kept_as"]: each for each in scene.verdicts()}
        self.waits: list[float] = []  # seconds from pods that are ready to the first test

    def deploy(self, version: str, disturbances: Sequence[Callable[[], object]]) -> Row:
        """Deploy in one of five ways, disturb meanwhile, and wait for the verdict."""
        way = self._chance.choice(("good", "good", "broken", "no image", "two at once", "scaled"))
        image = "registry.invalid/nowhere:1"
        ways: dict[str, tuple[Callable[[], object], str]] = {
            "good": (lambda: self._scene.deploy(version), "PASSED"),
            "broken": (lambda: self._scene.deploy("broken", args=[version]), "FAILED"),
            "no image": (lambda: self._scene.deploy(version, image=image), "NOT_RUN"),
            "two at once": (lambda: self._two(version), "PASSED"),
            "scaled": (lambda: self._scaled(version), "PASSED"),
        }
        act, expected = ways[way]
        new: list[dict[str, Any]] = []
        began = time.monotonic()
        act()
        for disturb in disturbances:
            disturb()

        def has_verdict() -> bool:
            answered = self._scene.is_answered()
            new.extend(self._new())
            return bool(new) and new[-1]["verdict"] != "VOID" and answered

        wait_until(has_verdict, f"the verdict on {version}, {way}")
        if way == "good" and not disturbances:
            self.waits.append(self._wait_for_tests(new[-1]))
        verdicts = [each["verdict"] for each in new]
        most = 2 if way == "two at once" else 1  # the first may have settled before the second
        right = verdicts[-1] == expected and len(verdicts) - verdicts.count("VOID") <= most
        seconds = round(time.monotonic() - began, 1)
        return Row(f"{version}, {way}", expected, ", ".join(verdicts), seconds, right)

    def repeated(self) -> Row:
        """Return the row on rollouts with more than one run."""
        self._new()
        runs = Counter(each["key"] for each in self._seen.values() if each["run_id"])
        twice = [key for key, times in runs.items() if times > 1]
        return Row("all", "no rollout twice", f"{len(twice)} twice", 0.0, not twice)

    def wait_for_tests(self) -> Row:
        """Return the row on the time from pods that are ready to the first test."""
        median = statistics.median(self.waits)
        got = f"median {median:.1f} s of {len(self.waits)} rollouts, most {max(self.waits):.1f} s"
        expected = f"at most {MOST_SECONDS:.0f} s"
        return Row("pods ready to first test", expected, got, 0.0, median <= MOST_SECONDS)

    def _new(self) -> list[dict[str, Any]]:
        """Return the verdicts that were not seen yet, the oldest first."""
        new = [each for each in self._scene.verdicts() if each["kept_as"] not in self._seen]
        self._seen |= {each["kept_as"]: each for each in new}
        return new

    def _two(self, version: str) -> None:
        self._scene.deploy(f"{version}-a")
        time.sleep(self._chance.uniform(0, 3))  # the second may come at any moment of the first
        self._scene.deploy(version)

    def _scaled(self, version: str) -> None:
        self._scene.deploy(version)
        replicas = f"--replicas={self._chance.choice((2, 3))}"
        self._scene.shop.kubectl("scale", "deployment/web", replicas)

    def _wait_for_tests(self, validation: dict[str, Any]) -> float:
        """Return seconds, up to one too many: Kubernetes tells the time of Ready in whole ones."""
        with tempfile.TemporaryDirectory(prefix="deploys-") as folder:
            words = ("show", validation["job"])
            code, output = self._scene.pipeline.say(*words, "--report", folder)
            assert code == validation["exit_code"], output
            report = json.loads((Path(folder) / "report.json").read_text("utf-8"))
        first = min(each["started"] for each in report["tests"])
        pods = json.loads(self._scene.shop.kubectl("get", "pods", "-l", "app=web", "-o", "json"))
        ready = max(
            datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()
            for each in pods["items"]
            for condition in each["status"]["conditions"]
            if condition["type"] == "Ready" and condition["status"] == "True"
        )
        return float(first - ready)
