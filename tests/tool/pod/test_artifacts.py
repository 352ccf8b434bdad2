"""What the pod chooses, and what it leaves out, when patterns fit to too much."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.pod import artifacts
from pytest_k8s_job.pod.artifacts import Artifacts
from pytest_k8s_job.wire.records import Kind


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a pod, with thirty files."""
    folder = tmp_path / "suite"
    (folder / "out").mkdir(parents=True)
    for number in range(30):
        (folder / "out" / f"{number:02}").write_bytes(bytes(number))
    (tmp_path / "agent").mkdir()
    monkeypatch.chdir(folder)
    return folder


def gather(suite: Path, *patterns: str, limit: int = 1 << 20, stay: str = "") -> Any:
    """Return the names that travel, those that wait, and what is left out."""
    found = Artifacts(suite.parent / "agent", limit, stay)
    records = list(found.gather(list(patterns)))
    assert records[0][0] is Kind.ARTIFACTS
    files = [fields for _, fields in records[1:]]
    travel = [Path(each["path"]).name for each in files if "data" in each]
    wait = [Path(each["path"]).name for each in files if "data" not in each and "why" not in each]
    assert found.some_wait == bool(wait)
    refused = [[each["path"], each["why"]] for each in files if "why" in each]
    return travel, wait, [*records[0][1]["left_out"], *refused]


def test_a_folder_stands_for_its_files_and_each_comes_once(suite: Path) -> None:
    """However many patterns fit to it; absolute ones too."""
    travel, wait, left_out = gather(suite, "out", "out/*", "**/0*", f"{suite}/out/01")
    assert (sorted(travel), wait, left_out) == ([f"{n:02}" for n in range(30)], [], [])


def test_too_many_files_are_counted_and_some_named(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million names would not fit into a log."""
    monkeypatch.setattr(artifacts, "MOST_FILES", 5)
    monkeypatch.setattr(artifacts, "NAMED", 3)
    travel, _, left_out = gather(suite, "out")
    assert travel == ["00", "01", "02", "03", "04"]
    assert len(left_out) == 4
    assert left_out[-1] == ["22 other files", "too many files, or too large"]


def test_not_all_of_a_file_system_is_looked_at(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search itself has an end."""
    monkeypatch.setattr(artifacts, "MOST_SEEN", 10)
    travel, _, left_out = gather(suite, "out")
    assert len(travel) == 10
    assert left_out == [["out", "more than 10 files were looked at"]]


def test_the_smallest_travel_and_the_rest_waits(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit into the log waits, unless nobody can read it."""
    (suite / "out/large").write_bytes(os.urandom(1000))
    monkeypatch.setattr(artifacts, "LOG_BYTES", 600)
    travel, wait, left_out = gather(suite, "out")
    assert ("large" in wait, len(travel), left_out) == (True, 30, [])
    _, wait, left_out = gather(suite, "out", stay="nobody reads")
    assert (wait, left_out) == ([], [[str(suite / "out/large"), "nobody reads"]])


def test_the_agents_own_files_stay(suite: Path) -> None:
    """Its journal would hold every file once more."""
    (suite.parent / "agent" / "journal").write_text("frames")
    assert gather(suite, f"{suite.parent}/**/journal") == ([], [], [])


@pytest.mark.parametrize("pattern", ["missing/*", "***", "\\", "out/[", "../../../nothing"])
def test_a_pattern_that_fits_to_nothing_harms_nothing(pattern: str, suite: Path) -> None:
    """Other patterns count all the same."""
    travel, _, _ = gather(suite, pattern, "out/07")
    assert travel == ["07"]
