"""docs/architecture.md: its picture, the files that it names, its walk-through of a new cause."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT
from tests.docs.rooms import PICTURE, TOOL, draw, read_floors

PAGE = (CHECKOUT / "docs" / "architecture.md").read_text("utf-8")
BLOCK = re.compile(r"^`([\w./]+)`:\n\n```(diff|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+(?:\.(?:py|txt|md|yaml)|/))`")
BLOCKS = BLOCK.findall(PAGE)
MADE_BY_READER = {path for path, kind, _ in BLOCKS if kind == "python"}
SECONDS = 120  # for all commands of the walk-through; the machine may be busy


def test_the_picture_of_the_rooms_is_current() -> None:
    """The picture in the repository is the one that contract, docstrings and imports give."""
    assert PICTURE.read_text("utf-8") == draw(), "run `python -m tests.docs.rooms`"


def test_every_folder_of_the_tool_is_a_room() -> None:
    """The picture has a box for each package of the tool, and for no other."""
    drawn = {room.name for floor in read_floors() for each in floor for room in (each, *each.inner)}
    tool = CHECKOUT / TOOL
    folders = {path.parent.relative_to(tool).as_posix() for path in tool.rglob("*/__init__.py")}
    assert folders == {name for name in drawn if (tool / name).is_dir()}


@pytest.mark.parametrize("name", sorted(set(NAMED.findall(PAGE)) - MADE_BY_READER))
def test_files_named_on_the_page_exist(name: str) -> None:
    """Each file or folder that the page names is in the repository or in the tool."""
    assert (CHECKOUT / name).exists() or (CHECKOUT / TOOL / name).exists()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tool and its tests in which the page's steps have been followed."""
    folder = tmp_path_factory.mktemp("copy")
    for name in (TOOL, "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "other_suites")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    (folder / "docs").mkdir()
    for path, kind, text in BLOCKS:
        file = folder / path
        file.write_text(text if kind == "python" else _patched(file.read_text("utf-8"), text))
    return folder


def _patched(content: str, diff: str) -> str:
    """Return `content` with the lines of `diff` that begin with a plus sign added to it."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line.startswith(" "))
    assert content.count(before) == 1, f"not found exactly once: {before}"
    return content.replace(before, "".join(line[1:] for line in lines))


def _run(folder: Path, command: str) -> None:
    """Run a command in the copy, whose modules go before those of the checkout."""
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cause_added_as_the_page_says_is_named(copy: Path) -> None:
    """After the page's steps and commands the new cause is named, in the promised words."""
    _run(copy, "\n".join(COMMANDS.findall(PAGE)))
    causes = (copy / "docs" / "failures.md").read_text("utf-8")
    (promised,) = PROMISED.findall(PAGE)
    assert promised.strip() in " ".join(causes.split())
    assert promised.strip() not in " ".join((CHECKOUT / "docs" / "failures.md").read_text().split())


def test_the_code_of_the_page_is_clean(copy: Path) -> None:
    """The steps of the page leave files that the linter accepts."""
    _run(copy, f"ruff check --no-cache {' '.join({path for path, *_ in BLOCKS})}")
