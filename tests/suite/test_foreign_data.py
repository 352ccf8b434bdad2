"""Whatever happens to a run of the suite, the data and jobs of others are what they were.

Each test dumps from the store all that is not the run's own, before and after, and compares.
"""

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from redis import Redis

from app.store import DATA_SETS, DEFAULT, Keys
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until
from tests.suite.stack import running_api, running_redis, running_worker

pytestmark = pytest.mark.slow

SUITE = [sys.executable, "-m", "pytest", "tests/incluster", "-v", "-p", "no:cacheprovider"]
LONGEST = 240
"""Seconds for a run; ten times what an idle machine needs."""

CSV = (
    "date,precipitation,temp_max,temp_min,wind,weather\n"
    "2001-01-01,1,9,3,2,rain\n2001-01-02,0,8,2,1,sun\n2001-01-03,4,7,1,5,snow\n"
)
PERIOD = {"start": "2001-01-01", "end": "2001-01-02"}

MOMENTS = [0, 20, 50, 66, 95]
"""Tests that were over when the run is killed: it is in its first fixture, changes its data set,
has two of them, has a job on the default one, has jobs in the queue."""


@dataclass(frozen=True)
class Stack:
    """A local service that others use too: the days and jobs in it are theirs."""

    url: str
    store: Redis
    jobs: tuple[str, ...]

    def foreign(self) -> dict[bytes, Any]:
        """All that is not of a run: default days, foreign jobs in their order, foreign data set."""
        mine = [DEFAULT.record(job).encode() for job in self.jobs]
        keys: Any = [DEFAULT.data.encode(), *mine, *self.store.keys("dataset:theirs:*")]
        listed: Any = self.store.zrange(DEFAULT.index, 0, -1, withscores=True)
        kept = [(job, place) for job, place in listed if job.decode() in self.jobs]
        life = self.store.zscore(DATA_SETS, "theirs")
        held = {key: self.content(key) for key in sorted(keys)}
        return held | {b"order": kept, b"life": life}

    def content(self, key: bytes | str) -> Any:
        """All that is under a key: fields of a hash, or members of a sorted set in their order."""
        if self.store.type(key) == b"zset":
            return self.store.zrange(key, 0, -1, withscores=True)
        return self.store.hgetall(key)

    def own_sets(self) -> dict[bytes, float]:
        """The data sets that runs of the suite made and left, with the ends of their lives."""
        sets: Any = self.store.zrange(DATA_SETS, 0, -1, withscores=True)
        return {name: life for name, life in sets if name != b"theirs"}

    def start(self) -> "subprocess.Popen[str]":
        """Start a run of the suite."""
        environ = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_k8s_job.plugin"}
        return subprocess.Popen(
            SUITE,
            cwd=CHECKOUT,
            env=environ | alone | {"API_URL": self.url, "API_WAIT": "30", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with days and finished jobs of others, in the default data set and another."""
    folder = tmp_path_factory.mktemp("stack")
    with (
        running_redis(folder) as address,
        running_worker(address, folder),
        running_api(address, folder) as url,
        Redis.from_url(address) as store,
    ):
        yield Stack(url, store, occupy(url))


def occupy(url: str) -> tuple[str, ...]:
    """Use the service as others do; returns the ids of their jobs in the default data set."""
    wait_until(lambda: answers(url), 30, "the API")
    requests.put(f"{url}/datasets/theirs", timeout=10).raise_for_status()
    made = []
    for base in (url, f"{url}/datasets/theirs"):
        csv = {"Content-Type": "text/csv"}
        requests.post(f"{base}/data", data=CSV, headers=csv, timeout=10).raise_for_status()
        for _ in range(3):
            job = requests.post(f"{base}/jobs", json=PERIOD, timeout=10).json()["id"]
            path = f"{base}/results/{job}"
            look = functools.partial(requests.get, path, timeout=10)
            wait_until(look, 60, path, until=lambda answer: answer.ok)
            made.append(job)
    return tuple(made[:3])


def answers(url: str) -> bool:
    """Whether the API is ready."""
    try:
        return requests.get(f"{url}/readyz", timeout=10).ok
    except requests.ConnectionError:
        return False


def follow(run: "subprocess.Popen[str]", tests: int) -> str:
    """Read a run's output until so many tests are over; returns it."""
    text, over = "", 0
    assert run.stdout is not None
    for line in run.stdout:
        text += line
        over += "%]" in line
        if over >= tests and "collected" in text:
            break
    return text


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_leaves_what_is_not_its_own(stack: Stack, moment: int) -> None:
    """A run killed at any moment changed nothing of others, and what it leaves will expire."""
    before, left = stack.foreign(), stack.own_sets()
    with stack.start() as run:
        text = follow(run, moment)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL, text
    assert stack.foreign() == before
    new = stack.own_sets().keys() - left.keys()
    assert len(new) <= 2
    assert moment == 0 or new, text
    assert all(stack.own_sets()[name] < float("inf") for name in new)


def test_two_runs_at_once_pass(stack: Stack) -> None:
    """Two runs at the same time both pass, and each removes what it made."""
    before, left = stack.foreign(), stack.own_sets()
    jobs: Any = stack.store.zrange(DEFAULT.index, 0, -1)
    runs = [stack.start(), stack.start()]
    outputs = [run.communicate(timeout=LONGEST)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(text[-2000:] for text in outputs)
    assert stack.foreign() == before
    assert stack.own_sets() == left
    assert stack.store.zrange(DEFAULT.index, 0, -1) == jobs


@pytest.mark.parametrize("moment", [0, 40])
def test_a_redis_that_refuses_writes_costs_nobody_data(stack: Stack, moment: int) -> None:
    """From some moment on Redis refuses all writes: the run fails, and harms nobody."""
    before, left = stack.foreign(), stack.own_sets()
    with stack.start() as run:
        text = follow(run, moment)
        stack.store.config_set("maxmemory-policy", "noeviction")
        stack.store.config_set("maxmemory", 1)
        try:
            text += run.communicate(timeout=LONGEST)[0]
        finally:
            stack.store.config_set("maxmemory", 0)
    assert run.returncode in {1, 3}, text[-2000:]
    assert "the store does not answer" in text, text[-2000:]
    assert stack.foreign() == before
    assert stack.own_sets() == left, "it could not remove its data set"


@pytest.mark.parametrize("harm", ["data", "job", "theirs"])
def test_the_comparison_notices_harm(stack: Stack, harm: str) -> None:
    """A change of the default days, of a foreign job or of a foreign data set is a difference."""
    before = stack.foreign()
    theirs = Keys("theirs")
    key = {"data": DEFAULT.data, "job": DEFAULT.record(stack.jobs[0]), "theirs": theirs.data}[harm]
    kept: Any = stack.store.dump(key)
    stack.store.delete(key)
    assert stack.foreign() != before
    stack.store.restore(key, 0, kept)
    assert stack.foreign() == before
