"""The count of the chaos runs says no when it should; the runs themselves need a cluster."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.cases import CASES, INCOMPLETE, PASSED, SUBSET, Case
from tests.chaos.tally import Tally

TESTS = {"test_a": "passed", "test_b": "passed"}


def tally(expected: int, code: int, found: dict[str, str]) -> tuple[bool, int, int]:
    """Count one run of a case that should end with `expected`: right, lost, false green."""
    counted = Tally()
    case = Case("any", "", "test_any.py", frozenset({expected}), TESTS, says="so it is")
    right = counted.add(case, code, Counter(found.items()), "well, so it is")
    return right, counted.lost, counted.false_green


@pytest.mark.parametrize(
    ("expected", "code", "found", "counted"),
    [
        (PASSED, PASSED, TESTS, (True, 0, 0)),
        (INCOMPLETE, INCOMPLETE, {"test_a": "passed"}, (True, 0, 0)),
        (PASSED, PASSED, {"test_a": "passed"}, (False, 1, 1)),
        (PASSED, PASSED, {**TESTS, "test_b": "failure"}, (False, 1, 1)),
        (PASSED, PASSED, {**TESTS, "test_c": "passed"}, (False, 0, 1)),
        (INCOMPLETE, PASSED, TESTS, (False, 0, 1)),
        (PASSED, INCOMPLETE, {"test_a": "passed"}, (False, 0, 0)),
    ],
)
def test_only_whole_runs_with_the_right_code_count(
    expected: int, code: int, found: dict[str, str], counted: tuple[bool, int, int]
) -> None:
    """A lost result, a foreign one, or a pass that should be none is counted as such."""
    assert tally(expected, code, found) == counted


def test_a_run_that_does_not_say_why_is_not_right() -> None:
    """The right code without the words that the case asks for is not right."""
    case = Case("any", "", "test_any.py", frozenset({INCOMPLETE}), TESTS, says="so it is")
    assert not Tally().add(case, INCOMPLETE, Counter(), "who knows")


def row(case: str, runs: int) -> report.Row:
    """Return the counts of a case whose runs were all right."""
    return {"case": case, "runs": runs, "right_verdict": runs, "lost": 0, "false_green": 0}


def test_counts_are_added_in_the_order_of_the_cases(tmp_path: Path) -> None:
    """Runs of several days make one report."""
    path = tmp_path / "reports" / "chaos.json"
    report.write([row("oom", 1), row("log-cut", 2)], path=path)
    report.write([row("oom", 3)], report.read(path), path)
    assert report.read(path) == [row("log-cut", 2), row("oom", 4)]


def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Written twice, the document has the newest counts once, and its text around them."""
    path = tmp_path / "chaos.md"
    path.write_text(f"before\n\n{report.HEAD}| --- |\n| old | |\n\nafter\n")
    for runs in (1, 2):
        report.write_docs([row("oom", runs), row("exit", 1)], path)
    text = path.read_text()
    assert text.startswith(f"before\n\n{report.HEAD}| --- | --- |")
    assert text.endswith("| all |  | 3 | 3 | 0 | 0 |\n\nafter\n")
    assert text.count("| oom |") == 1
    path.write_text("no table")
    with pytest.raises(ValueError, match="no table"):
        report.write_docs([], path)


def test_the_subset_names_cases() -> None:
    """A case that was renamed is not left out in silence."""
    assert set(SUBSET) < {case.name for case in CASES}
