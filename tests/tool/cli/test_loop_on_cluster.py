"""`k8s-job loop` on the real cluster: an edit is run, Ctrl-C leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import local_cluster
from tests.checkout import inherited
from tests.tool.diagnosis.place import IMAGE, kubectl
from tests.tool.target.shop import open_runs

pytestmark = pytest.mark.cluster

WAITING = "waiting for an edit in "


def read_until(process: subprocess.Popen[str], sign: str) -> str:
    """Return the output until a line with `sign`, which must come."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if sign in line:
            return "".join(lines)
    raise AssertionError("it ended: " + "".join(lines))


@contextmanager
def looping(folder: Path, runs: str, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command in `folder`, in a session of its own, and kill it at the end."""
    words = ["loop", f"--namespace={runs}", f"--k8s-image={IMAGE}", *more]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest_k8s_job", *words],
        cwd=folder,
        env=inherited() | {"KUBECONFIG": str(local_cluster.kubeconfig())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_edit_is_run_at_once(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first run fails, the edit passes, failed tests go first; no Job stays."""
    file = tmp_path / "test_it.py"
    file.write_text("def test_first(): pass\n\n\ndef test_second(): assert 1 == 2\n")
    with open_runs(tmp_path_factory.mktemp("suite"), "def test_none(): pass\n") as runs:
        with looping(tmp_path, runs, "-v") as process:
            first = read_until(process, WAITING)
            assert "1 failed, 1 passed" in first, first
            file.write_text(file.read_text().replace("1 == 2", "1 == 1"))
            second = read_until(process, WAITING)
            assert "edited: test_it.py" in second
            assert "2 passed" in second
            assert second.index("::test_second") < second.index("::test_first")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(30) == 0  # of the last run
        jobs = json.loads(kubectl("-n", runs, "get", "jobs", "-o", "json"))["items"]
        assert [each for each in jobs if not each["status"].get("conditions")] == []


def test_ctrl_c_in_a_run_leaves_no_job(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The run is ended, its Job deleted, and the exit code is that of a Ctrl-C."""
    (tmp_path / "test_it.py").write_text("import time\n\n\ndef test_it(): time.sleep(60)\n")
    with open_runs(tmp_path_factory.mktemp("suite"), "def test_none(): pass\n") as runs:
        with looping(tmp_path, runs) as process:
            read_until(process, "collected 1 item")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 2
        assert json.loads(kubectl("-n", runs, "get", "jobs", "-o", "json"))["items"] == []
