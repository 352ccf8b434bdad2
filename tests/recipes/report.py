"""What came of each recipe and deploy: lines for a terminal, and reports/recipes.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.checkout import CHECKOUT
from tests.recipes.cases import Case, Result
from tests.recipes.recipe import Recipe

__all__ = ["REPORT", "Row", "line", "row", "write"]

REPORT = CHECKOUT / "reports" / "recipes.json"
WORDS = {True: "accepted", False: "refused", None: "not tried"}
Row = dict[str, Any]


def row(recipe: Recipe, case: Case, result: Result) -> Row:
    """Return what came of one deploy."""
    as_expected = result.accepted is case.accepted
    if result.gate is not None:
        as_expected &= (result.gate == 0) is case.accepted
    return {
        "recipe": recipe.name,
        "ran": recipe.ran,
        "case": case.name,
        "meaning": case.meaning,
        "expected": WORDS[case.accepted],
        "got": WORDS[result.accepted],
        "gate": result.gate,
        "seconds": round(result.seconds, 1),
        "right": as_expected and case.said in result.output,
        "output": result.output,
    }


def line(found: Row) -> str:
    """Return a line for a terminal."""
    right = "right" if found["right"] else "WRONG"
    gate = "" if found["gate"] is None else f"gate {found['gate']}"
    what = f"{found['recipe']:15} {found['case']:9} {found['got']:9} {gate:7}"
    return f"{what} {found['seconds']:6.1f} s  {right}"


def write(rows: Iterable[Row], path: Path = REPORT) -> None:
    """Write `rows` in place of those of the same recipe and case; leave the others."""
    kept = json.loads(path.read_text()) if path.exists() else []
    found = {(each["recipe"], each["case"]): each for each in [*kept, *rows]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([*found.values()], indent=1) + "\n")
