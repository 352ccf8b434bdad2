"""The figures of the collector alone: its pod is a process on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

from tests.bench.figures import Figure, ratio, size
from tests.bench.peers import XDIST
from tests.bench.scene import Scene, Timed, tool
from tests.checkout import CHECKOUT

__all__ = ["memory", "total"]

PLUGINS = "pytest_k8s_job.plugin,tests.bench.double"


def _run(scene: Scene, suite: str, **extra: str) -> Timed:
    environment = {"PYTEST_PLUGINS": PLUGINS, "BENCH_SUITE": str(scene.suites / suite), **extra}
    command = tool("--in-cluster", "--k8s-env=PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
    return scene.run(command, scene.checkout(suite), extra=environment)


def total(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare whole runs of 10,000 tests with those of xdist."""
    ours, theirs = [], []
    xdist = {"PYTEST_PLUGINS": "xdist.plugin", "PYTHONPATH": f"{XDIST}:{CHECKOUT}"}
    for _ in range(rounds):
        ours.append(_run(scene, "ten_thousand").seconds)
        peer = scene.run(tool("-n1"), scene.suites / "ten_thousand", extra=xdist)
        theirs.append(peer.seconds)
    yield ratio("10,000 trivial tests on this machine, total, to xdist (-n 1)", ours, theirs, 0.8)


def memory(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure the collector's peak memory with 100,000 results, without and with pytest's cache."""
    cache = scene.checkout("hundred_thousand") / ".pytest_cache"
    cold, warm = [], []
    for _ in range(min(rounds, 2)):  # it does not vary
        shutil.rmtree(cache, ignore_errors=True)
        cold.append(_peak(scene))
        if not cache.exists():
            raise FileNotFoundError(f"the run left no {cache}")
        warm.append(_peak(scene))
    name = "collector's memory at 100,000 results"
    yield size(name, cold, "MB", 200)
    yield size(f"{name}, with a warm pytest cache", warm, "MB", 200)


def _peak(scene: Scene) -> float:
    meter = scene.folder / "meter.json"
    plugins = f"tests.bench.meter,{PLUGINS}"
    _run(scene, "hundred_thousand", BENCH_METER=str(meter), PYTEST_PLUGINS=plugins)
    return float(json.loads(meter.read_text())["peak_mb"])
