"""The figures of a job, and what its plot gathers."""

import subprocess
import sys
from datetime import date, timedelta

import pytest

from app.analysis import gather, summarise
from app.data import SAMPLE, Day, read_csv
from tests.checkout import CHECKOUT

SAMPLE_DAYS = read_csv(SAMPLE.read_bytes())


def days(count: int, **values: float) -> list[Day]:
    """So many days in a row, all with the same weather."""
    first = date(2012, 1, 1)
    fields = {"precipitation": 1.0, "temp_max": 10.0, "temp_min": 0.0, "wind": 2.0} | values
    return [
        Day(date=(first + timedelta(days=n)).isoformat(), weather="rain", **fields)
        for n in range(count)
    ]


def test_the_figures_of_two_days() -> None:
    """Mean of the middle temperatures, extremes, sum and count are those worked out by hand."""
    pair = [Day("2012-01-01", 0.1, 12.8, 5.0, 4, "sun"), Day("2012-01-02", 0.2, 10, -2.5, 4, "fog")]
    assert summarise(pair) == {
        "count": 2,
        "temperature": {"mean": 6.33, "min": -2.5, "max": 12.8},
        "precipitation": {"total": 0.3},
        "weather": {"fog": 1, "sun": 1},
        "units": {"temperature": "°C", "precipitation": "mm"},
    }


def test_the_figures_of_the_sample() -> None:
    """Four years of Seattle give the figures that a spreadsheet gives for the same file."""
    figures = summarise(SAMPLE_DAYS)
    assert figures["count"] == 1461
    assert figures["temperature"] == {"mean": 12.34, "min": -7.1, "max": 35.6}
    assert figures["precipitation"] == {"total": 4426.0}
    assert figures["weather"] == {"drizzle": 54, "fog": 411, "rain": 259, "snow": 23, "sun": 714}


@pytest.mark.parametrize(
    ("count", "unit", "spans"),
    [
        (1, "day", 1),
        (100, "day", 100),
        (101, "week", 16),
        (800, "week", 116),
        (801, "month", 27),
        (7_001, "year", 20),
    ],
)
def test_long_periods_are_gathered(count: int, unit: str, spans: int) -> None:
    """Bars stay wide enough to see: days become weeks, then months, then years."""
    name, gathered = gather(days(count))
    assert (name, len(gathered)) == (unit, spans)
    assert sum(span.precipitation for span in gathered) == pytest.approx(count)
    assert sum(span.width for span in gathered) == count


def test_the_api_does_not_load_matplotlib() -> None:
    """The API's image has no matplotlib, and the worker's no Flask: neither imports the other's."""
    for module, foreign in (("app.api", "matplotlib"), ("app.worker", "flask")):
        code = f"import sys, {module}; sys.exit({foreign!r} in sys.modules)"
        assert (
            subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0
        )
