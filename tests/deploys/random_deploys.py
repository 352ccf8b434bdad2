"""Random deploys in a row; each rollout that settles must have exactly one verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.deploys.scene import Row, Scene
from tests.tool.diagnosis.place import wait_until

__all__ = ["random_deploys"]

KILLED_EVERY = 10  # rollouts


def random_deploys(scene: Scene, count: int, seed: int) -> Iterator[Row]:
    """Deploy `count` times; yield one row each, and one on all of them."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, no secret)
    scene.pipeline.template(slow=0.5)  # report only: a rollback is one more rollout
    yield scene.step("first", scene.start, "PASSED")
    for number in range(count):
        if number % KILLED_EVERY == KILLED_EVERY - 1:
            scene.kill()
        yield _one(scene, f"v{number}", chance)
    jobs = Counter(each["key"] for each in scene.verdicts() if each["run_id"])
    twice = [key for key, times in jobs.items() if times > 1]
    yield Row("all", "no rollout twice", f"{len(twice)} twice", 0.0, not twice)


def _one(scene: Scene, version: str, chance: random.Random) -> Row:
    """Deploy in one of five ways and wait for the verdict."""
    way = chance.choice(("good", "good", "broken", "no image", "two at once", "scaled"))
    image = "registry.invalid/nowhere:1"
    ways: dict[str, tuple[Callable[[], object], str]] = {
        "good": (lambda: scene.deploy(version), "PASSED"),
        "broken": (lambda: _broken(scene, version), "FAILED"),
        "no image": (lambda: scene.deploy(version, image=image), "NOT_RUN"),
        "two at once": (lambda: _two(scene, version, chance), "PASSED"),
        "scaled": (lambda: _scaled(scene, version, chance), "PASSED"),
    }
    act, expected = ways[way]
    before, began = len(scene.verdicts()), time.monotonic()
    act()

    def has_verdict() -> bool:
        new = scene.verdicts()[before:]
        return bool(new) and new[-1]["verdict"] not in ("VOID",) and scene.is_answered()

    wait_until(has_verdict, f"the verdict on {version}, {way}")
    new = [each["verdict"] for each in scene.verdicts()[before:]]
    voids = new.count("VOID")
    most = 2 if way == "two at once" else 1  # the first of two may have settled before the second
    right = new[-1:] == [expected] and 1 <= len(new) - voids <= most
    seconds = round(time.monotonic() - began, 1)
    return Row(f"{version}, {way}", expected, ", ".join(new), seconds, right)


def _broken(scene: Scene, version: str) -> None:
    scene.deploy("broken", args=[version])


def _two(scene: Scene, version: str, chance: random.Random) -> None:
    scene.deploy(f"{version}-a")
    time.sleep(chance.uniform(0, 3))  # the second one may come at any moment of the first
    scene.deploy(version)


def _scaled(scene: Scene, version: str, chance: random.Random) -> None:
    scene.deploy(version)
    scene.shop.kubectl("scale", "deployment/web", f"--replicas={chance.choice((2, 3))}")
