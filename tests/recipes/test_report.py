"""Tests of the report: what must be refused and is accepted is never right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recipes import report
from tests.recipes.cases import CASES, Case, Result
from tests.recipes.commands import Kubectl

GOOD, BAD, *_ = CASES


@pytest.mark.parametrize(
    ("case", "result", "right"),
    [
        (GOOD, Result(True, "PASSED", gate=0), True),
        (GOOD, Result(True, "nothing", gate=0), False),
        (GOOD, Result(True, "PASSED", gate=10), False),
        (GOOD, Result(False, "PASSED", gate=0), False),
        (BAD, Result(False, "FAILED", gate=1), True),
        (BAD, Result(False, "FAILED"), True),
        (BAD, Result(False, "FAILED", gate=0), False),
        (BAD, Result(True, "FAILED", gate=1), False),
        (BAD, Result(None, "FAILED"), False),
    ],
)
def test_right_needs_decision_reason_and_gate(case: Case, result: Result, right: bool) -> None:
    """Decision, what was said, and the gate must all be as expected."""
    found = report.row(Kubectl(), case, result)
    assert found["right"] is right
    assert ("WRONG" in report.line(found)) is not right


def test_a_newer_row_replaces_the_older_one(tmp_path: Path) -> None:
    """The report keeps one row for each recipe and case, the newest."""
    path = tmp_path / "reports" / "recipes.json"
    report.write([report.row(Kubectl(), each, Result(True, "")) for each in (GOOD, BAD)], path)
    report.write([report.row(Kubectl(), BAD, Result(False, "FAILED"))], path)
    rows = json.loads(path.read_text())
    assert [(each["case"], each["got"]) for each in rows] == [
        ("good", "accepted"),
        ("bad", "refused"),
    ]
