"""The count of the chaos runs says no when it should; the runs themselves need a cluster."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.cases import INCOMPLETE, PASSED, Case
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
