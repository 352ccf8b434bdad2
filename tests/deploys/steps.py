"""The steps of the demonstration: one function each."""

from __future__ import annotations

import time

from tests.deploys.scene import Row, Scene
from tests.tool.diagnosis.place import wait_until

__all__ = ["STEPS"]


def first(scene: Scene) -> Row:
    """The validator starts and finds a rollout without a verdict."""
    return scene.step("good deploy", scene.start, "PASSED")


def broken(scene: Scene) -> Row:
    """What fails is rolled back to what passed last, which is validated again."""
    row = scene.step("broken deploy", lambda: scene.deploy("broken"), "FAILED", "PASSED")
    path = "jsonpath={.spec.template.spec.containers[0].env[0].value}"
    version = scene.shop.kubectl("get", "deployment/web", "-o", path)
    back = f"rolled back to version {version}"
    return Row(
        row.step, row.expected, f"{row.got}, {back}", row.seconds, row.right and version == "1"
    )


def in_quick_succession(scene: Scene) -> Row:
    """The run on the first one is VOID, the second one has its verdict."""

    def act() -> None:
        jobs = len(scene.pipeline.jobs())
        scene.deploy("2")
        wait_until(lambda: len(scene.pipeline.jobs()) > jobs, "the run on the first deploy")
        time.sleep(2)  # its tests have begun: the second one has to come in their midst
        scene.deploy("3")

    return scene.step("two deploys in quick succession", act, "VOID", "PASSED")


def without_an_image(scene: Scene) -> Row:
    """It cannot start: nothing was tested, and nothing is rolled back."""
    image = "registry.invalid/nowhere:1"
    row = scene.step(
        "an image that does not exist", lambda: scene.deploy("4", image=image), "NOT_RUN"
    )
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    left = scene.shop.kubectl("get", "deployment/web", "-o", path) == image
    return Row(row.step, row.expected, row.got, row.seconds, row.right and left)


def mended(scene: Scene) -> Row:
    """The next deploy has its own verdict."""
    return scene.step("the image is mended", lambda: scene.deploy("5"), "PASSED")


def scaled(scene: Scene) -> Row:
    """More pods of the same revision are no rollout."""
    before, began = len(scene.verdicts()), time.monotonic()
    scene.shop.kubectl("scale", "deployment/web", "--replicas=2")
    scene.shop.wait("web")
    time.sleep(8)  # several looks of the validator: nothing has to come
    new = len(scene.verdicts()) - before
    seconds = round(time.monotonic() - began, 1)
    return Row("scaled", "no new verdict", f"{new or 'no'} new verdict", seconds, new == 0)


STEPS = (first, broken, in_quick_succession, without_an_image, mended, scaled)
