"""Figures of the benchmarks with their limits: as JSON, as text and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Figure", "markdown", "ratio", "text_table"]

HEAD = ("name", "value", "unit", "must", "ok", "median", "spread", "runs")


@dataclass(frozen=True)
class Figure:
    """One row.

    `value` is what is judged, the ratio of the two medians or a measured size; `median` and
    `spread` (between the quartiles) are those of the single rounds. Without `limit` it is
    shown, not judged.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    median: float
    spread: float
    runs: int

    @property
    def must(self) -> str:
        """The limit in words."""
        if self.limit is None:
            return "-"
        return f"<= {self.limit:g}"

    @property
    def ok(self) -> bool | None:
        """True if the limit is kept, None if there is none."""
        if self.limit is None:
            return None
        return self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """Return the row of the report."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name in HEAD
            for value in [getattr(self, name)]
        }


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], limit: float | None) -> Figure:
    """Return the figure `ours` over `theirs`; both are of the same rounds, in the same order."""
    rounds = [one / other for one, other in zip(ours, theirs, strict=True)]
    value = statistics.median(ours) / statistics.median(theirs)
    spread = quartile_distance(rounds)
    return Figure(name, value, "ratio", limit, statistics.median(rounds), spread, len(rounds))


def size(name: str, found: Sequence[float], unit: str, limit: float | None) -> Figure:
    """Return the figure of something that was measured in `unit`."""
    median = statistics.median(found)
    return Figure(name, median, unit, limit, median, quartile_distance(found), len(found))


def quartile_distance(values: Sequence[float]) -> float:
    """Return the distance between the first and the third quartile; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def text_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return `rows` as columns for a terminal."""
    cells = [HEAD, *(tuple(map(_shown, (row[name] for name in HEAD))) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return `rows` as a table for the documentation."""
    lines = [HEAD, ("---",) * len(HEAD)]
    lines += [tuple(map(_shown, (row[name] for name in HEAD))) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)
