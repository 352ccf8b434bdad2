"""How many requests a run sends to the API server, in one shard and in many."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene, tool

__all__ = ["requests"]

SHARDS = 16
LOG_STREAM = "get pods/log"  # each pod has one, which stays open


def requests(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare the requests of one shard with those of sixteen, for the same twelve tests."""
    one: list[float] = []
    many: list[float] = []
    for _ in range(rounds):
        for count, sent in ((1, one), (SHARDS, many)):
            sent.append(_sent(scene, count))
    yield size("API requests of one shard, log streams apart: 12 tests", one, "requests", None)
    yield ratio(
        f"API requests of {SHARDS} shards to 1, log streams apart: 12 tests", many, one, 1.5
    )


def _sent(scene: Scene, shards: int) -> float:
    place = scene.folder / "requests.json"
    plugins = "tests.bench.request_count,pytest_k8s_job.plugin"
    scene.run(
        tool("--in-cluster", f"--shards={shards}"),
        scene.checkout("small"),
        extra={"BENCH_REQUESTS": str(place), "PYTEST_PLUGINS": plugins},
    )
    counts: dict[str, int] = json.loads(place.read_text())
    return float(sum(number for kind, number in counts.items() if kind != LOG_STREAM))
