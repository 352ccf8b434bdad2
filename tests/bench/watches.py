"""Watches of the cluster: when a Job came into being, when the containers of one ended."""

from __future__ import annotations

import subprocess
import threading
import time

from tests.bench.scene import RUN_SECONDS, Scene

__all__ = ["JobClock", "wait_for_containers"]

CODE = ".status.containerStatuses[0].state.terminated.exitCode"
NONE = "<none>"  # kubectl's word for a field that is not there


class JobClock:
    """Notes when each Job of a namespace came into being, as a watch sees it."""

    def __init__(self, scene: Scene) -> None:
        self.created: list[float] = []
        columns = "custom-columns=NAME:.metadata.uid"
        command = ("get", "jobs", "--watch", "--no-headers", "-o", columns)
        self._process = subprocess.Popen(
            scene.kubectl_command(*command),
            env=scene.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        known = set()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line not in known:
                known.add(line)
                self.created.append(time.monotonic())

    def first_after(self, moment: float) -> float:
        """Return when the first Job after `moment` was created."""
        return next(each for each in self.created if each >= moment)

    def close(self) -> None:
        """End the watch."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()


def wait_for_containers(scene: Scene, job: str, count: int) -> None:
    """Wait until `count` pods of `job` have ended; raise RuntimeError unless all ended with 0."""
    columns = f"custom-columns=NAME:.metadata.name,CODE:{CODE}"
    words = ("get", "pods", "-l", f"job-name={job}", "--watch", "--no-headers", "-o", columns)
    codes: dict[str, str] = {}
    with subprocess.Popen(
        scene.kubectl_command(*words), env=scene.environment, stdout=subprocess.PIPE, text=True
    ) as watch:
        alarm = threading.Timer(RUN_SECONDS, watch.kill)
        alarm.start()
        assert watch.stdout is not None
        for line in watch.stdout:
            pod, code = line.split()
            if code != NONE:
                codes[pod] = code
            if len(codes) == count:
                break
        alarm.cancel()
        watch.kill()
    if list(codes.values()) != ["0"] * count:
        raise RuntimeError(f"{count} containers of Job {job} should end with 0: {codes}")
