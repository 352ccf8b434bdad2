"""Runs of several pods, each a process here: one session, every test once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tool.conftest import Side

SUITE = """\
import os
import time

import pytest

FOLDER = os.environ["TALLY"]


@pytest.fixture(autouse=True)
def tally(request):
    with open(os.path.join(FOLDER, str(os.getpid())), "a") as file:
        file.write(request.node.nodeid + "\\n")


@pytest.mark.parametrize("number", range(8))
def test_passes(number):
    time.sleep(float(os.environ.get("PACE", 0)))
    taken = os.path.join(os.path.dirname(FOLDER), "taken")
    end = time.monotonic() + 30
    while waits_for(taken):
        assert time.monotonic() < end
        time.sleep(0.01)


# True from TAKE_AFTER on: until a pod is taken away, and in that pod until its end.
def waits_for(taken):
    begun = sum(len(open(each.path).read().split()) for each in os.scandir(FOLDER))
    if begun < int(os.environ.get("TAKE_AFTER", 100)):
        return False
    return not os.path.exists(taken) or open(taken).read() == str(os.getppid())


def test_fails():
    assert 1 == 2


@pytest.mark.skip(reason="not now")
def test_skipped():
    pass
"""
TAKING = """\
import os
import pathlib
import threading
import time

from pytest_k8s_job.testing.local_pod import LocalCluster


def tests_begun():
    tally = pathlib.Path(os.environ["TALLY"])
    return sum(len(each.read_text().split()) for each in tally.iterdir())


class Taking(LocalCluster):
    taking = threading.Event()

    def log(self, job, pod, since):
        for chunk in super().log(job, pod, since):
            yield chunk
            if not self.taking.is_set():
                self.taking.set()
                threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while tests_begun() < int(os.environ["TAKE_AFTER"]):
            time.sleep(0.01)
        first = self.processes[next(iter(self.processes))]
        first.disrupted = "EvictionByEvictionAPI"
        taken = pathlib.Path(os.environ["TALLY"]).with_name("taken")
        taken.with_suffix(".new").write_text(str(first.process.pid))
        taken.with_suffix(".new").rename(taken)
        first.process.terminate()


def pytest_k8s_job_cluster(config):
    return Taking(pathlib.Path(os.environ["SUITE"]))
"""


@pytest.fixture
def sharded(remote: Side, tmp_path: Path) -> Side:
    """The tool with a suite that tells which process ran what."""
    (remote.suite / "test_it.py").write_text(SUITE)
    (tmp_path / "tally").mkdir()
    (tmp_path / "taking.py").write_text(TAKING)
    remote.environment["TALLY"] = str(tmp_path / "tally")
    return remote


def ran(side: Side) -> list[set[str]]:
    """Return the tests that each process ran."""
    files = sorted(Path(side.environment["TALLY"]).iterdir())
    return [set(each.read_text().split()) for each in files]


def test_every_test_runs_in_one_shard(sharded: Side) -> None:
    """Three pods share the tests; terminal and JUnit file show one session in plan order."""
    result = sharded.run("--shards=3", "-v", "-rs", "test_it.py")
    assert result.code == 1
    assert "1 failed, 8 passed, 1 skipped" in result.stdout
    parts = ran(sharded)
    assert len(parts) == 3
    assert sum(map(len, parts)) == 9
    assert {f"test_it.py::test_passes[{n}]" for n in range(8)} < set.union(*parts)
    assert set(re.findall(r"^\[(shard \d)\]", result.stdout, re.M)) == {
        "shard 0",
        "shard 1",
        "shard 2",
    }
    names = [case["all"][0][1]["name"] for case in result.junit]
    assert names == [*(f"test_passes[{n}]" for n in range(8)), "test_fails", "test_skipped"]


def test_shards_without_tests_do_no_harm(sharded: Side) -> None:
    """Eight pods for two tests: it passes, and exits 0."""
    result = sharded.run("--shards=8", "test_it.py", "-k", "passes and (1 or 2)")
    assert result.code == 0
    assert "2 passed, 8 deselected" in result.stdout


def test_maxfail_stops_all_shards(sharded: Side) -> None:
    """With -x, a failure in one pod ends the run, as it ends a local one."""
    sharded.environment["PACE"] = "30"
    result = sharded.run("--shards=9", "-x", "test_it.py", "-p", "no:skipping")
    assert result.code == 1
    assert "stopping after 1 failures" in result.stdout


def test_shards_that_collect_different_tests_do_not_pass(sharded: Side) -> None:
    """A suite that depends on its process is called INCOMPLETE, with the tests that differ."""
    (sharded.suite / "test_it.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.parametrize('number', [os.getpid(), 1])\n"
        "def test_it(number): pass\n"
    )
    result = sharded.run("--shards=2", "test_it.py")
    assert result.code == 11
    assert re.search(r"shard \d collected other tests than shard \d: test_it.py::", result.stdout)


def test_a_shard_that_crashes_leaves_the_run_incomplete(sharded: Side) -> None:
    """Its open test fails, the others' results are shown, and the shard is named."""
    with (sharded.suite / "test_it.py").open("a") as file:
        file.write("\n\ndef test_crashes():\n    os._exit(0)\n")
    result = sharded.run("--shards=2", "test_it.py")
    assert result.code == 11
    assert re.search(r"^shard \d: pytest ended with exit code 0 in the middle", result.stdout, re.M)
    assert "FAILED test_it.py::test_crashes" in result.stdout


@pytest.mark.parametrize("begun", [0, 2])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_pod_that_is_taken_away_is_replaced(sharded: Side, shards: int, begun: int) -> None:
    """What a pod had not reported runs in another one, whether or not it had told its plan."""
    sharded.environment |= {"PYTEST_PLUGINS": "pytest_k8s_job.plugin,taking"}
    sharded.environment["TAKE_AFTER"] = str(begun)
    result = sharded.run(f"--shards={shards}", "test_it.py", "-o", "junit_family=xunit1")
    assert result.code == 1, result.stdout
    assert "1 failed, 8 passed, 1 skipped" in result.stdout
    assert re.search(r"pod .* was taken away \(EvictionByEvictionAPI\); .* ran in", result.stdout)
    assert len(result.junit) == 10
    repeated = [case for case in result.junit if "was taken away" in str(case)]
    assert 0 < len(repeated) <= 10


def test_wrong_numbers_are_usage_errors(sharded: Side) -> None:
    """--shards and --retries name what they take."""
    for words in ("--shards=0", "--shards=many", "--retries=-1"):
        result = sharded.run(words)
        assert result.code == 4
        assert words.partition("=")[2] in result.stderr


def test_recorded_durations_balance_the_shards(sharded: Side) -> None:
    """The second run puts the one long test into a pod of its own."""
    (sharded.suite / "test_it.py").write_text(
        SUITE.replace("def test_fails():\n    assert 1 == 2", "def test_long():\n    time.sleep(1)")
    )
    assert sharded.run("test_it.py").code == 0
    for each in Path(sharded.environment["TALLY"]).iterdir():
        each.unlink()
    assert sharded.run("--shards=2", "test_it.py").code == 0
    assert {"test_it.py::test_long"} in ran(sharded)
