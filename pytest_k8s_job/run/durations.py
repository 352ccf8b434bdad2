"""How long tests took before, kept in pytest's cache: what shards are balanced by."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_k8s_job.wire.sharding import key_of

__all__ = ["Durations", "shards_for"]

CACHE_FOLDER = "k8s-job"
SHARD_SECONDS = 10.0  # of tests that are worth a pod: its start costs one to three seconds
MAX_AUTO = 8


class Durations:
    """A plugin that adds up the phases of each test and remembers them."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # -p no:cacheprovider
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase."""
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write what is known now over what was known before."""
        if self._cache is None or not self._seconds:
            return
        with suppress(OSError):  # a read-only checkout: nothing is remembered
            self._write(self._cache.mkdir(CACHE_FOLDER) / "durations")

    def _write(self, target: Path) -> None:
        new = target.with_suffix(".new")
        # A line at a time: as one JSON text, 100,000 tests would double what this process takes.
        with new.open("w", encoding="utf-8") as file:
            for nodeid, seconds in self._recorded():
                if nodeid not in self._seconds:
                    file.write(_line(nodeid, seconds))
            for nodeid, seconds in self._seconds.items():
                file.write(_line(nodeid, seconds))
        new.replace(target)

    def by_key(self) -> dict[bytes, float]:
        """Return the seconds of all tests that ran before, by their keys."""
        return {key_of(nodeid): seconds for nodeid, seconds in self._recorded()}

    def _recorded(self) -> Iterator[tuple[str, float]]:
        """Yield node id and seconds of what ran before; a damaged file ends it early."""
        if self._cache is None:
            return
        # Not by `mkdir`: a run of no test leaves no cache behind.
        file = self._cache._cachedir / "d" / CACHE_FOLDER / "durations"
        with suppress(OSError, ValueError), file.open(encoding="utf-8") as lines:
            for line in lines:
                seconds, nodeid = json.loads(line)
                yield str(nodeid), float(seconds)


def _line(nodeid: str, seconds: float) -> str:
    return json.dumps([round(seconds, 4), nodeid]) + "\n"


def shards_for(seconds: float) -> int:
    """Return how many pods tests of so many seconds in all are worth."""
    return min(MAX_AUTO, max(1, math.ceil(seconds / SHARD_SECONDS)))
