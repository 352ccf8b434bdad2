"""Which edits make `k8s-job loop` run again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_k8s_job.cli.loop import Edits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a test and a .gitignore."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_it.py").write_text("def test_it(): pass\n")
    (folder / ".gitignore").write_text("reports/\n")
    (folder / "reports").mkdir()
    return folder


@pytest.fixture
def edits(folder: Path) -> Iterator[Edits]:
    """Edits of the folder, once they are seen: the watching begins in a thread."""
    with Edits(folder) as edits:
        end = time.monotonic() + 20
        while not edits.pending and time.monotonic() < end:
            (folder / "begin.py").write_text(str(time.monotonic()))
            time.sleep(0.1)
        assert edits.wait() == ["begin.py"]
        yield edits


def seen(edits: Edits, folder: Path) -> list[str]:
    """Return what is seen until a last edit is; changes are told in their order."""
    (folder / "last.py").write_text(str(time.monotonic()))
    found: list[str] = []
    while "last.py" not in found:
        found += edits.wait()
    return [each for each in found if each not in ("last.py", "begin.py")]


def test_a_test_and_its_data(edits: Edits, folder: Path) -> None:
    """Whatever --sync may bring counts, new files too."""
    (folder / "test_it.py").write_text("def test_it(): assert 0\n")
    (folder / "data").mkdir()
    (folder / "data" / "days.csv").write_text("1\n")
    found = seen(edits, folder)
    assert "test_it.py" in found
    assert any(each.startswith("data") for each in found)  # the new folder, or what is in it


def test_what_sync_leaves_out(edits: Edits, folder: Path) -> None:
    """Ignored files, caches and virtualenvs are no edit."""
    (folder / "reports" / "junit.xml").write_text("<x/>")
    for name in ("__pycache__", ".git"):
        (folder / name).mkdir()
        (folder / name / "x.py").write_text("1")
    assert seen(edits, folder) == []


def test_what_a_run_writes(edits: Edits, folder: Path) -> None:
    """While a run goes on, reports that it writes do not count; edits of tests do."""
    with edits.during_a_run():
        (folder / "junit.xml").write_text("<x/>")
        (folder / "test_it.py").write_text("def test_it(): assert 1\n")
        (folder / "pytest.ini").write_text("[pytest]\n")
        assert set(seen(edits, folder)) == {"test_it.py", "pytest.ini"}
    (folder / "junit.xml").write_text("<y/>")
    assert seen(edits, folder) == ["junit.xml"]
