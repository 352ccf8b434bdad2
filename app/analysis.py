"""What a job computes from its days: the figures, and the spans that its plot shows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from statistics import fmean

from app.data import Day

DAILY, WEEKLY, MONTHLY = 100, 800, 7_000
"""Most days that are drawn by day, week and month; beyond, a bar would be under 4 pixels."""
EPOCH = date(1970, 1, 1).toordinal()
"""matplotlib counts days from here."""


@dataclass(frozen=True, slots=True)
class Span:
    """A day, week, month or year of the plot: temperatures in °C, precipitation in mm."""

    middle: float  # days since the epoch, as matplotlib counts
    width: float  # days
    low: float
    high: float
    mean: float
    precipitation: float


def summarise(days: Sequence[Day]) -> dict[str, object]:
    """Count, temperatures in °C, precipitation in mm and the number of days by weather.

    The mean is that of the days' middle temperatures, (max + min) / 2. `days` must not be empty.
    """
    weather = Counter(day.weather for day in days)
    return {
        "count": len(days),
        "temperature": {
            "mean": round(fmean(middle(day) for day in days), 2),
            "min": round(min(day.temp_min for day in days), 2),
            "max": round(max(day.temp_max for day in days), 2),
        },
        "precipitation": {"total": round(sum(day.precipitation for day in days), 2)},
        "weather": dict(sorted(weather.items())),
        "units": {"temperature": "°C", "precipitation": "mm"},
    }


def middle(day: Day) -> float:
    """The day's middle temperature in °C."""
    return (day.temp_max + day.temp_min) / 2


def gather(days: Sequence[Day]) -> tuple[str, list[Span]]:
    """The days by day, week, month or year, whatever stays readable, and the name of that."""
    length = (date.fromisoformat(days[-1].date) - date.fromisoformat(days[0].date)).days + 1
    unit, first_of = next((name, first) for most, name, first in _UNITS if length <= most)
    groups = groupby(days, key=lambda day: first_of(date.fromisoformat(day.date)))
    return unit, [_span(list(group)) for _, group in groups]


_UNITS: tuple[tuple[float, str, Callable[[date], date]], ...] = (
    (DAILY, "day", lambda day: day),
    (WEEKLY, "week", lambda day: day - timedelta(days=day.weekday())),
    (MONTHLY, "month", lambda day: day.replace(day=1)),
    (float("inf"), "year", lambda day: day.replace(month=1, day=1)),
)


def _span(days: Sequence[Day]) -> Span:
    first, last = (date.fromisoformat(day.date).toordinal() - EPOCH for day in (days[0], days[-1]))
    return Span(
        middle=(first + last) / 2,
        width=last - first + 1,
        low=min(day.temp_min for day in days),
        high=max(day.temp_max for day in days),
        mean=fmean(middle(day) for day in days),
        precipitation=sum(day.precipitation for day in days),
    )
