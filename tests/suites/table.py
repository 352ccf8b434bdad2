"""The table of what the suites came to: on the terminal, as JSON, and as a page of docs/."""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.suites.catalogue import SUITES
from tests.suites.source import CHECKOUT

__all__ = ["Row", "page", "show", "write_page", "write_report"]

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
    """What one suite came to; the keys are numbers of shards."""

    name: str
    version: str
    tests: int
    tally: str
    plain_seconds: float
    differences: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    explained: dict[str, set[str]] = field(default_factory=dict)


def cells(row: Row, shards: Sequence[int]) -> list[str]:
    """Return the columns of `row`."""
    differ = [str(row.differences[count]) for count in shards]
    lasted = [f"{seconds:.0f}" for seconds in (row.plain_seconds, *(row.seconds.values()))]
    return [row.name, row.version, str(row.tests), row.tally, *differ, *lasted]


def titles(shards: Sequence[int]) -> list[str]:
    """Return the titles of the columns."""
    pods = ["1 shard" if count == 1 else f"{count} shards" for count in shards]
    differ = [f"differences, {each}" for each in pods]
    return [
        *("suite", "version", "test cases", "plain pytest says"),
        *differ,
        "seconds, plain",
        *(f"seconds, {each}" for each in pods),
    ]


def show(rows: Sequence[Row], shards: Sequence[int]) -> None:
    """Print the table."""
    table = [titles(shards), *(cells(row, shards) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def write_report(rows: Sequence[Row]) -> None:
    """Write reports/fidelity.json."""
    REPORT.parent.mkdir(exist_ok=True)
    found = [
        {
            "suite": row.name,
            "version": row.version,
            "tests": row.tests,
            "plain": row.tally,
            "differences": {str(count): number for count, number in row.differences.items()},
            "explained": {why: sorted(where) for why, where in row.explained.items()},
            "seconds_plain": round(row.plain_seconds, 1),
            "seconds": {str(count): round(each, 1) for count, each in row.seconds.items()},
        }
        for row in rows
    ]
    REPORT.write_text(json.dumps(found, indent=1) + "\n")


def write_page(rows: Sequence[Row], shards: Sequence[int]) -> None:
    """Write docs/suites.md."""
    PAGE.write_text("\n".join(page(rows, shards)) + "\n")


def page(rows: Sequence[Row], shards: Sequence[int]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION
    yield from markdown([titles(shards), *(cells(row, shards) for row in rows)])
    yield ""
    left_out = [[suite.name, suite.left_out] for suite in SUITES if suite.left_out]
    if left_out:
        yield from markdown([["suite", "left out on both sides"], *left_out])
        yield ""
    explained = [
        [row.name, str(len(where)), why] for row in rows for why, where in row.explained.items()
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
