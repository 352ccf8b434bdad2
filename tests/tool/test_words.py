"""The words of the tool: plain first lines of docstrings, and no private vocabulary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT

PACKAGE = CHECKOUT / "pytest_k8s_job"
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")))
MOST_WORDS = 15
FORBIDDEN = re.compile(r"near (side|half)|far (side|half)|stand_ins|asides|\bTold\b|\b[Ww]hoever\b")
OLD_NAMES = {
    "answers", "asides", "attaching", "beside", "collecting", "commentary", "endings", "facts",
    "given", "happened", "likely", "looking", "looks", "losses", "moments", "reach", "stand_ins",
    "start", "starts", "taking",
}  # fmt: skip


def sources() -> list[Path]:
    """Return all modules of the tool."""
    return sorted(PACKAGE.rglob("*.py"))


def first_lines(text: str) -> Iterator[str]:
    """Yield the first line of each docstring of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                yield docstring.partition("\n")[0]


def faults(line: str) -> list[str]:
    """Return what is wrong with the first line of a docstring."""
    found = [] if line.endswith(".") else ["no period at its end"]
    count = len(line.split())
    return [*found, f"{count} words"] if count > MOST_WORDS else found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_first_lines_are_short_sentences(path: Path) -> None:
    """The first line of each docstring is a sentence of at most 15 words."""
    lines = list(first_lines(path.read_text()))
    assert lines
    assert {line: wrong for line in lines if (wrong := faults(line))} == {}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("Return the pods.", []),
        ("Return the pods", ["no period at its end"]),
        ("word " * 15 + "end.", ["16 words"]),
    ],
)
def test_a_wrong_first_line_is_found(line: str, wrong: list[str]) -> None:
    """A missing period and a sixteenth word are found, in any docstring of a module."""
    assert faults(line) == wrong
    source = f'class A:\n    def b(self):\n        """{line}\n\n        More.\n        """\n'
    assert list(first_lines(source)) == [line]


def test_no_private_vocabulary() -> None:
    """No text of these rooms and pages uses words that a stranger cannot guess."""
    texts = [path for path in PACKAGE.rglob("*.*") if path.suffix != ".pyc"]
    paths = [path for path in texts if path.suffix != ".pyc"] + [CHECKOUT / each for each in PAGES]
    found = {
        f"{path.relative_to(CHECKOUT)}:{number}": line
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if FORBIDDEN.search(line)
    }
    assert found == {}


def test_no_module_has_an_old_name() -> None:
    """The names that nobody could guess are not used for modules again."""
    assert not {path.stem for path in PACKAGE.rglob("*.py")} & OLD_NAMES
