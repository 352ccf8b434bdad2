"""When a figure keeps its limit, and how the tables show it."""

from __future__ import annotations

import pytest

from tests.bench.figures import Figure, markdown, ratio, size, text_table


@pytest.mark.parametrize(("value", "ok"), [(0.5, True), (0.51, False)])
def test_a_figure_keeps_its_limit_or_not(value: float, ok: bool) -> None:
    """The limit itself is allowed."""
    figure = Figure("x", value, "ratio", 0.5, value, 0.0, 1)
    assert figure.ok is ok


def test_a_figure_without_limit_is_only_shown() -> None:
    """Without a limit nothing is kept or missed."""
    row = size("x", [3.0], "MB", None).as_json()
    assert (row["must"], row["ok"]) == ("-", None)


def test_ratio_is_that_of_the_medians() -> None:
    """One slow round on either side does not decide; spread is between the quartiles."""
    figure = ratio("x", [1.0, 2.0, 30.0], [2.0, 4.0, 4.0], 1.0)
    assert (figure.value, figure.median, figure.runs) == (0.5, 0.5, 3)
    assert figure.spread == pytest.approx(3.5)


def test_tables_show_every_column() -> None:
    """Both tables have the keys of the report, and cry NO where a figure is missed."""
    rows = [ratio("slow", [3.0], [1.0], 2.0).as_json(), size("log", [0.5], "MB", 0.6).as_json()]
    assert text_table(rows).splitlines()[1].split() == [
        *("slow", "3", "ratio", "<=", "2", "NO", "3", "0", "1"),
    ]
    assert markdown(rows).splitlines()[3] == "| log | 0.5 | MB | <= 0.6 | yes | 0.5 | 0 | 1 |"
