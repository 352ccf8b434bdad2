"""Counts of all cases: as a table, as reports/chaos.json and in docs/chaos.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.chaos.cases import CASES, Case
from tests.chaos.tally import Tally
from tests.checkout import CHECKOUT

__all__ = ["DOCS", "REPORT", "read", "rows_of", "show", "write", "write_docs"]

REPORT = CHECKOUT / "reports" / "chaos.json"
DOCS = CHECKOUT / "docs" / "chaos.md"
LINE = "{:<26} {:>4} {:>5} {:>4} {:>11}".format
HEAD = "| case | fault | runs | right verdict | lost | false green |\n"
COUNTS = ("runs", "right_verdict", "lost", "false_green")

Row = dict[str, Any]


def rows_of(tallies: Mapping[Case, Tally]) -> list[Row]:
    """Return the counts of each case as objects."""
    return [
        {
            "case": case.name,
            "runs": tally.runs,
            "right_verdict": tally.right,
            "lost": tally.lost,
            "false_green": tally.false_green,
        }
        for case, tally in tallies.items()
    ]


def read(path: Path = REPORT) -> list[Row]:
    """Return the counts of earlier runs."""
    return [row for row in _all(path) if "case" in row]


def write(rows: Iterable[Row], earlier: Iterable[Row] = (), path: Path = REPORT) -> None:
    """Write `rows`, added to those of `earlier` runs, in the order of the cases."""
    total: dict[str, Row] = {}
    for row in [*earlier, *rows]:
        known = total.setdefault(row["case"], {"case": row["case"], **dict.fromkeys(COUNTS, 0)})
        for name in COUNTS:
            known[name] += row[name]
    ordered = [total[case.name] for case in CASES if case.name in total]
    path.parent.mkdir(exist_ok=True)
    others = [row for row in _all(path) if "case" not in row]  # those of the diagnosis
    path.write_text(json.dumps([*ordered, *others], indent=1) + "\n")


def _all(path: Path) -> list[Row]:
    return list(json.loads(path.read_text())) if path.exists() else []


def show(rows: Iterable[Row]) -> str:
    """Return the table for a terminal."""
    lines = [LINE("case", "runs", "right", "lost", "false green")]
    lines += [LINE(row["case"], *(row[name] for name in COUNTS)) for row in rows]
    return "\n".join(lines)


def write_docs(rows: Iterable[Row], path: Path = DOCS) -> None:
    """Put the table into the document, in place of the one that is there."""
    meanings = {case.name: case.meaning for case in CASES}
    counted = [
        [row["case"], meanings[row["case"]], *(row[name] for name in COUNTS)] for row in rows
    ]
    total = ["all", "", *(sum(int(row[at]) for row in counted) for at in range(2, 6))]
    lines = [f"| {' | '.join(map(str, row))} |\n" for row in [*counted, total]]
    before, head, rest = path.read_text().partition(HEAD)
    if not head:
        raise ValueError(f"{path} has no table that begins with {HEAD!r}")
    after = rest.lstrip("|- ").partition("\n\n")[2]
    path.write_text(f"{before}{HEAD}|{' --- |' * 6}\n{''.join(lines)}\n{after}")
