"""The figures of the near side alone: its pod is a process on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.bench.figures import Figure, ratio, size
from tests.bench.peers import XDIST
from tests.bench.scene import Scene, Timed, tool
from tests.checkout import CHECKOUT

__all__ = ["memory", "total"]

PLUGINS = "pytest_k8s_job.plugin,tests.bench.double"


def _near(scene: Scene, suite: str, **extra: str) -> Timed:
    environment = {"PYTEST_PLUGINS": PLUGINS, "BENCH_SUITE": str(scene.suites / suite), **extra}
    command = tool("--in-cluster", "--k8s-env=PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
    return scene.run(command, scene.checkout(suite), extra=environment)


def total(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare whole runs of 10,000 tests with those of xdist."""
    ours, theirs = [], []
    xdist = {"PYTEST_PLUGINS": "xdist.plugin", "PYTHONPATH": f"{XDIST}:{CHECKOUT}"}
    for _ in range(rounds):
        ours.append(_near(scene, "ten_thousand").seconds)
        peer = scene.run(tool("-n1"), scene.suites / "ten_thousand", extra=xdist)
        theirs.append(peer.seconds)
    yield ratio("10,000 trivial tests on this machine, total, to xdist (-n 1)", ours, theirs, 0.8)


def memory(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure the collector's peak memory with 100,000 results."""
    meter = scene.folder / "meter.json"
    peaks = []
    for _ in range(min(rounds, 2)):  # it does not vary
        plugins = f"tests.bench.meter,{PLUGINS}"
        _near(scene, "hundred_thousand", BENCH_METER=str(meter), PYTEST_PLUGINS=plugins)
        peaks.append(json.loads(meter.read_text())["peak_mb"])
    yield size("collector's memory at 100,000 results", peaks, "MB", 200)
