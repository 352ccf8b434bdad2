"""The worker's probe."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import heartbeat
from tests.checkout import CHECKOUT


@pytest.fixture
def beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The heartbeat file that the probe looks at; not there yet."""
    path = tmp_path / "beat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(path))
    monkeypatch.setenv("HEARTBEAT_MAX_AGE", "60")
    return path


def test_a_fresh_file_passes(beat: Path) -> None:
    """A worker that just touched the file is alive."""
    heartbeat.touch(beat)
    assert heartbeat.main() == 0


def test_no_file_fails(beat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first turn of the loop the probe fails and says why."""
    assert heartbeat.main() == 1
    assert f"{beat} does not exist" in capsys.readouterr().err


def test_an_old_file_fails(beat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that hangs no longer touches the file, and the probe tells its age."""
    heartbeat.touch(beat)
    old = time.time() - 90
    os.utime(beat, (old, old))
    assert heartbeat.main() == 1
    assert "90 s old, allowed 60 s" in capsys.readouterr().err


def test_the_probe_imports_nothing_heavy() -> None:
    """The probe runs every few seconds beside the worker, so it leaves redis and matplotlib out."""
    code = "import sys, app.heartbeat; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert not {"redis", "matplotlib", "flask", "hotqueue"} & set(ran.stdout.split())
