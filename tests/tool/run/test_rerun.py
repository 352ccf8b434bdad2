"""What an earlier run left: failed tests, and those that nobody heard of again."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.run.rerun import Results, newest_run
from pytest_k8s_job.wire.records import Kind

PLAN: list[Any] = [
    [Kind.NODES, [[-1, "Module", "a.py", "a.py"]]],
    [Kind.ITEMS, [[0, "one", 1], [0, "two", 2], [0, "three", 3], [0, "left_out", 4]]],
    [Kind.PLAN, {"count": 3, "deselected": 1, "sha256": ""}],
]


def report(name: str, outcome: str) -> list[Any]:
    """Return the record of a test's call."""
    return [Kind.REPORT, {"nodeid": f"a.py::{name}", "outcome": outcome}]


def left(*records: list[Any], partial: bool = False) -> list[str]:
    """Return what a run with these records left."""
    results = Results()
    results.take([*PLAN, *records], partial=False)
    if partial:
        again = [[Kind.NODES, PLAN[0][1]], [Kind.ITEMS, [[0, "two", 2]]]]
        plan: list[Any] = [Kind.PLAN, {"count": 1, "deselected": 3, "sha256": ""}]
        results.take([*again, plan, [Kind.START, 0], [Kind.PLAIN, 0, [], 1]], partial=True)
    return results.left


def test_what_was_not_reported_is_left() -> None:
    """A run that told only its plan has everything left, but what was deselected."""
    assert left() == ["a.py::one", "a.py::two", "a.py::three"]


def test_what_failed_and_what_is_missing_is_left() -> None:
    """Passed tests are done, failed and unreported ones are not, in the order of the plan."""
    passed = [[Kind.START, 0], [Kind.PLAIN, 0, [], 1]]
    failed = [[Kind.START, 2], report("three", "failed"), [Kind.FINISH, 2]]
    assert left(*passed, *failed) == ["a.py::two", "a.py::three"]


def test_a_try_that_is_repeated_is_no_result() -> None:
    """A test whose first try failed and whose second was never heard of is left."""
    first = [[Kind.START, 0], report("one", "rerun"), [Kind.FINISH, 0]]
    assert "a.py::one" in left(*first)
    assert "a.py::one" not in left(*first, [Kind.START, 0], [Kind.PLAIN, 0, [], 1])


def test_what_failed_in_a_try_that_was_repeated_is_not_left() -> None:
    """A subtest that failed in the first try is forgotten when the second passed."""
    again = [[Kind.START, 0], report("one", "failed"), report("one", "rerun"), [Kind.FINISH, 0]]
    assert "a.py::one" not in left(*again, [Kind.START, 0], [Kind.PLAIN, 0, [], 1])
    assert "a.py::one" in left(*again, [Kind.START, 0], report("one", "failed"), [Kind.FINISH, 0])


def test_a_replacement_adds_its_results() -> None:
    """What the pod that replaced another one ran is done; its small plan is not the run's."""
    passed = [[Kind.START, 0], [Kind.PLAIN, 0, [], 1]]
    assert left(*passed, partial=True) == ["a.py::three"]


class NoJobs:
    """A cluster in which nobody has run anything."""

    def jobs(self, _namespace: str | None) -> list[dict[str, Any]]:
        return []


def test_no_run_is_a_usage_error() -> None:
    """Without any run, --rerun-failed says so in one sentence."""
    nobody: Any = NoJobs()
    with pytest.raises(UsageError, match="no run is kept in this namespace"):
        newest_run(nobody, None, "last")
    with pytest.raises(UsageError, match="there is no run 12345678"):
        newest_run(nobody, None, "12345678")
