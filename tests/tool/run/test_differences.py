"""One line says when an image has other tests than this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_k8s_job.run.differences import difference_line
from pytest_k8s_job.wire.sync_layout import NAMED_DIGITS, content_digest
from tests.tool.conftest import Side, make_remote


def digest(text: str) -> str:
    """Return what a plan says of a file with this text."""
    return content_digest(text.encode())[:NAMED_DIGITS]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A root directory with two tests and a conftest."""
    (tmp_path / "t").mkdir()
    for name in ("test_a.py", "test_b.py", "conftest.py"):
        (tmp_path / "t" / name).write_text(name)
    return tmp_path


def ran(**texts: str) -> dict[str, str]:
    """Return the files of a plan: their names below t/ without suffix, and their texts."""
    return {f"t/{name}.py": digest(text) for name, text in texts.items()}


SAME = {"test_a": "test_a.py", "conftest": "conftest.py"}


def test_the_same_tests_are_not_worth_a_line(here: Path) -> None:
    """Neither are those that were not collected, nor a machine without tests."""
    assert difference_line(here, ran(**SAME)) == ""
    assert difference_line(here / "elsewhere", ran(**SAME)) == ""
    assert difference_line(here, {}) == ""


def test_a_conftest_above_the_tests_is_no_difference(here: Path) -> None:
    """An image has the folder of its tests; what lies above it belongs to other tests."""
    (here / "conftest.py").write_text("")
    assert difference_line(here, ran(**SAME)) == ""
    (here / "t" / "u").mkdir()
    (here / "t" / "u" / "test_c.py").write_text("")
    (here / "t" / "u" / "conftest.py").write_text("")
    deeper = {**ran(**SAME), "t/u/test_c.py": digest("")}
    assert "here: t/u/conftest.py. " in difference_line(here, deeper)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({**SAME, "test_a": "old"}, "t/test_a.py. "),
        ({**SAME, "conftest": "old"}, "t/conftest.py. "),
        ({"test_a": "test_a.py"}, "t/conftest.py. "),
        ({"test_a": "old", "test_b": "old", "conftest": "old"}, "conftest.py"),
    ],
)
def test_each_difference_is_named(files: dict[str, str], named: str, here: Path) -> None:
    """A test, its conftest, and a conftest that only this machine has."""
    line = difference_line(here, ran(**files))
    assert named in line
    assert line.endswith("--sync runs the ones here")


def test_many_differences_are_counted(here: Path) -> None:
    """The line stays a line."""
    for number in range(9):
        (here / f"test_{number}.py").write_text("new")
    line = difference_line(here, {f"test_{number}.py": digest("old") for number in range(9)})
    assert "test_0.py, test_1.py, test_2.py and 6 more" in line


def _line(side: Side) -> list[str]:
    result = side.run("test_it.py")
    assert result.code == 0, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if line.startswith("The image ran")]


@pytest.mark.slow
def test_a_run_says_it(tmp_path: Path) -> None:
    """The pod tells what it collected: an edit here that is not in the image is seen."""
    side = make_remote(tmp_path)
    for folder in (side.suite, side.folder):
        (folder / "test_it.py").write_text("def test_it(): pass\n")
        (folder / "conftest.py").write_text("")
    assert _line(side) == []
    (side.folder / "test_it.py").write_text("def test_it(): assert False\n")
    assert len(_line(side)) == 1
