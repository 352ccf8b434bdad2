"""A small service, a validator that watches it, and what is read of both."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_k8s_job.target.workload import short
from tests.tool.target.shop import Shop, deployment, open_runs
from tests.tool.validation.pipeline import SUITE, Pipeline, open_pipeline

__all__ = ["Row", "Scene", "open_scene"]

SECONDS = 180.0


@dataclass(frozen=True)
class Row:
    """One step: what had to come, and what came, after how many seconds."""

    step: str
    expected: str
    got: str
    seconds: float
    right: bool


@dataclass
class Scene:
    """The service and its validator.

    Attributes:
        pipeline: deploys the service and reads verdicts.
        watch: the validator's process.
    """

    pipeline: Pipeline
    watch: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)

    @property
    def shop(self) -> Shop:
        """The service."""
        return self.pipeline.shop

    def start(self) -> None:
        """Start the validator."""
        self.watch = self.pipeline.start("watch")

    def kill(self) -> None:
        """Kill the validator at once, and start another one."""
        if self.watch is not None:
            self.watch.kill()
            self.watch.communicate(timeout=60)
        self.start()

    def stop(self) -> None:
        """End the validator."""
        if self.watch is not None:
            self.watch.send_signal(signal.SIGTERM)
            output, _ = self.watch.communicate(timeout=60)
            self.log.append(output)

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the kept validations, the oldest first."""
        return self.pipeline.verdicts()

    def is_answered(self) -> bool:
        """Whether what is deployed at this moment has its verdict."""
        code, _ = self.pipeline.say("gate", "--timeout", "0s")
        newest = self.verdicts()[-1]
        return bool(code == newest["exit_code"])

    def deploy(self, version: str, **more: Any) -> None:
        """Apply the Deployment of a version."""
        self.shop.apply(deployment("web", version, **more))

    def step(self, name: str, act: Callable[[], object], *expected: str) -> Row:
        """Act, and wait until as many new verdicts are kept; they must be the expected ones."""
        before, began = len(self.verdicts()), time.monotonic()
        act()
        while time.monotonic() - began < SECONDS:
            new = self.verdicts()[before:]
            if len(new) >= len(expected) and new:
                break
            time.sleep(0.3)
        new = self.verdicts()[before:]
        got = ", ".join(_words(each) for each in new) or "no new verdict"
        right = [each["verdict"] for each in new] == list(expected)
        return Row(name, ", ".join(expected), got, round(time.monotonic() - began, 1), right)


def _words(validation: dict[str, Any]) -> str:
    why = f" ({validation['first_line']})" if validation["first_line"] else ""
    return f"{validation['verdict']} {short(validation['revision'])}{why}"


@contextmanager
def open_scene(folder: Path) -> Iterator[Scene]:
    """Deploy the service with its policy, start the validator; remove all at the end."""
    with open_runs(folder, SUITE) as runs, open_pipeline(runs, folder) as pipeline:
        pipeline.template(slow=3, on_failure="rollback")
        scene = Scene(pipeline)
        try:
            yield scene
        finally:
            scene.stop()
