"""The command line: tables, exit codes and one-line errors."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local_cluster import lifecycle
from local_cluster.__main__ import COMMANDS, main, table
from local_cluster.health import Part
from local_cluster.settings import Paths
from tests.checkout import CHECKOUT


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a cluster."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def test_kubeconfig_prints_the_path(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path follows XDG_STATE_HOME."""
    assert main(["kubeconfig"]) == 0
    expected = elsewhere / "state/weather-local-cluster/kubeconfig"
    assert capsys.readouterr().out == f"{expected}\n"


def test_status_without_a_cluster_fails(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No cluster is not well: exit code 1 and a line that says so."""
    assert main(["status"]) == 1
    assert "not up" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["load", "redis:8.0"], ["logs", "etcd"]])
def test_failure_is_one_line(
    arguments: list[str], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be done is one line on stderr, without a traceback."""
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("local cluster: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_without_root_nothing_is_tried(
    command: str,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Commands that need root say so before they touch anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main([command]) == 1
    assert "needs root" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []


def test_table_is_aligned() -> None:
    """Names, states and details stand in columns."""
    lines = table([Part("a", True, "fine"), Part("longer", False, "gone")]).splitlines()
    assert lines == ["a       ok    fine", "longer  DOWN  gone"]


def test_help_names_every_command() -> None:
    """`--help` lists what there is."""
    done = subprocess.run(
        [sys.executable, "-m", "local_cluster", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=CHECKOUT,
    )
    assert all(f"\n    {name}" in done.stdout for name in COMMANDS)


def test_second_caller_waits_for_the_first(own_paths: Paths) -> None:
    """Two checkouts do not start the cluster at once: the second says for whom it waits."""
    said: list[str] = []
    order: list[str] = []
    waiting = threading.Event()

    def note(line: str) -> None:
        said.append(line)
        waiting.set()

    def second() -> None:
        with lifecycle.lock(own_paths, note):
            order.append("second")

    with lifecycle.lock(own_paths, said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert f"process {os.getpid()}" in said[0]
