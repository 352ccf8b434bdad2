"""How long tests took before, kept in pytest's cache: what shards are balanced by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import pytest

from pytest_k8s_job.sharding import key_of

__all__ = ["Durations", "shards_for"]

CACHE_KEY = "k8s-job/durations"
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
        if self._cache is not None and self._seconds:
            seconds = {nodeid: round(each, 4) for nodeid, each in self._seconds.items()}
            self._cache.set(CACHE_KEY, {**self._recorded(), **seconds})

    def by_key(self) -> dict[bytes, float]:
        """Return the seconds of all tests that ran before, by their keys."""
        return {key_of(nodeid): seconds for nodeid, seconds in self._recorded().items()}

    def _recorded(self) -> Mapping[str, float]:
        found = self._cache.get(CACHE_KEY, {}) if self._cache is not None else {}
        return found if isinstance(found, dict) else {}


def shards_for(seconds: float) -> int:
    """Return how many pods tests of so many seconds in all are worth."""
    return min(MAX_AUTO, max(1, math.ceil(seconds / SHARD_SECONDS)))
