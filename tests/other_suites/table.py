"""The table of results: on the terminal, as JSON, and as a page of docs/."""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from tests.other_suites.catalogue import SUITES
from tests.other_suites.source import CHECKOUT

__all__ = ["Row", "page", "show", "write"]

REPORT = CHECKOUT / "reports" / "fidelity.json"
PAGE = CHECKOUT / "docs" / "suites.md"
INTRODUCTION = """\
# Other people's suites

    make fidelity

The suites of projects that nobody here wrote, from their sdists, each pinned by version and hash in
`requirements/suites/` and put into an image by
[one Dockerfile](../examples/suite-from-pypi/Dockerfile).
Each runs as plain pytest in a Job of that image, then by `pytest --in-cluster`, in one pod and in
several. Compared are exit code, all that the terminal shows after the tests (failures, warnings,
short summary, last line), and for each test outcome, message and captured sections as JUnit has
them. A difference is counted unless the last table explains it.
`ARGS="--suite click --shards 1"` runs a part; `reports/fidelity.json` holds the figures.
This page is written by the command.
"""


@dataclass
class Row:
    """Results of one suite; the keys are numbers of shards, as JSON has them."""

    suite: str
    version: str
    tests: int
    plain: str
    seconds_plain: float
    differences: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    explained: dict[str, list[str]] = field(default_factory=dict)


def cells(row: Row, shards: Sequence[str]) -> list[str]:
    """Return the columns of `row`."""
    differ = [str(row.differences.get(count, "-")) for count in shards]
    lasted = [row.seconds.get(count) for count in shards]
    seconds = ["-" if each is None else f"{each:.0f}" for each in (row.seconds_plain, *lasted)]
    return [row.suite, row.version, str(row.tests), row.plain, *differ, *seconds]


def titles(shards: Sequence[str]) -> list[str]:
    """Return the titles of the columns."""
    pods = ["1 shard" if count == "1" else f"{count} shards" for count in shards]
    differ = [f"differences, {each}" for each in pods]
    return [
        *("suite", "version", "test cases", "plain pytest says"),
        *differ,
        "seconds, plain",
        *(f"seconds, {each}" for each in pods),
    ]


def shards_of(rows: Sequence[Row]) -> list[str]:
    """Return the numbers of shards with which any suite ran."""
    return sorted({count for row in rows for count in row.differences}, key=int)


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    shards = shards_of(rows)
    table = [titles(shards), *(cells(row, shards) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def write(new: Sequence[Row]) -> None:
    """Write reports/fidelity.json, where suites that did not run keep their rows, and the page.

    The page is written only when the report has all suites.
    """
    old = json.loads(REPORT.read_text("utf-8")) if REPORT.exists() else []
    rows = {each["suite"]: Row(**each) for each in old} | {row.suite: row for row in new}
    ordered = [rows[suite.name] for suite in SUITES if suite.name in rows]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(row) for row in ordered], indent=1) + "\n")
    if len(ordered) == len(SUITES):
        PAGE.write_text("\n".join(page(ordered)) + "\n")


def page(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the page."""
    shards = shards_of(rows)
    yield INTRODUCTION
    yield from markdown([titles(shards), *(cells(row, shards) for row in rows)])
    yield ""
    left_out = [[suite.name, suite.left_out] for suite in SUITES if suite.left_out]
    if left_out:
        yield from markdown([["suite", "left out on both sides"], *left_out])
        yield ""
    explained = [
        [row.suite, str(len(where)), why] for row in rows for why, where in row.explained.items()
    ]
    if explained:
        yield from markdown([["suite", "differences", "explained by"], *explained])
    else:
        yield "No difference had to be explained."


def markdown(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield `table`, its titles first, as Markdown."""
    for index, line in enumerate(table):
        yield f"| {' | '.join(line)} |"
        if index == 0:
            yield f"|{' --- |' * len(line)}"
