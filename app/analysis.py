"""What a job computes from its days: the figures and the plot. Alone needs matplotlib."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from app.data import Day

SIZE = (10.0, 6.0)
"""Inches; with DPI, 1000 x 600 pixels: fits a report's page and a small screen."""
DPI = 100
PANELS = (0.01, 0.01, 0.98, 0.91)
"""Left, bottom, width and height of the panels, in parts of the figure: the title stands above."""
DAILY, WEEKLY, MONTHLY = 100, 800, 7_000
"""Most days that are drawn by day, week and month; beyond, a bar would be under 4 pixels."""
LABELLED = 16
"""Most bars that carry their value in figures without touching each other."""
BAND_LEAST = 4
"""Fewest points that make a band; fewer are drawn as floating bars."""
EPOCH = date(1970, 1, 1).toordinal()
"""matplotlib counts days from here."""
DARKER, WARM, BLUE, GREY = "#b5442c", "#f3b79b", "#3b7ea1", "#5b6470"


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


def draw(days: Sequence[Day]) -> bytes:
    """The plot of `days` (at least one) as a PNG of 1000 x 600 pixels."""
    unit, spans = gather(days)
    figure = Figure(figsize=SIZE, dpi=DPI, layout=ConstrainedLayoutEngine(rect=PANELS))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    _draw_temperature(upper, spans, unit)
    _draw_precipitation(lower, spans, unit)
    _draw_dates(lower, spans)
    first, last = days[0].date, days[-1].date
    title = f"Weather on {first}" if first == last else f"Weather from {first} to {last}"
    figure.suptitle(title, x=0.015, y=0.97, ha="left", size=15, weight="bold", color="#20262e")
    figure.legend(loc="upper right", bbox_to_anchor=(0.99, 0.985), ncols=2, frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


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


def _draw_temperature(axes: Axes, spans: Sequence[Span], unit: str) -> None:
    at = [span.middle for span in spans]
    low, high = [span.low for span in spans], [span.high for span in spans]
    name = f"lowest to highest of the {unit}"
    if len(spans) >= BAND_LEAST:
        axes.fill_between(at, low, high, color=WARM, alpha=0.65, linewidth=0, label=name)
    else:
        heights = [top - bottom for top, bottom in zip(high, low, strict=True)]
        axes.bar(at, heights, bottom=low, width=0.35, color=WARM, label=name)
    marker = "o" if len(spans) <= LABELLED else ""
    means = [span.mean for span in spans]
    axes.plot(at, means, color=DARKER, linewidth=2, marker=marker, label=f"mean of the {unit}")
    if len(spans) <= LABELLED:
        for span in spans:
            _write(axes, span.middle, span.high, f"{span.high:g}", above=True)
            _write(axes, span.middle, span.low, f"{span.low:g}", above=False)
    axes.set_ylabel("Temperature (°C)")
    axes.use_sticky_edges = False  # room for the figure below a bar
    axes.margins(y=0.14)
    if min(low) < 0:
        axes.axhline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1.5)  # freezing
    _plain(axes)


def _draw_precipitation(axes: Axes, spans: Sequence[Span], unit: str) -> None:
    few = len(spans) < BAND_LEAST
    widths = [0.35 if few else span.width * 0.8 for span in spans]
    amounts = [span.precipitation for span in spans]
    axes.bar([span.middle for span in spans], amounts, width=widths, color=BLUE)
    if len(spans) <= LABELLED:
        for span in spans:
            _write(
                axes,
                span.middle,
                span.precipitation,
                f"{round(span.precipitation, 1):g}",
                above=True,
            )
    axes.set_ylabel(f"Precipitation\n(mm per {unit})")
    axes.set_ylim(0, max(*amounts, 1) * 1.2)
    _plain(axes)


def _draw_dates(axes: Axes, spans: Sequence[Span]) -> None:
    first, last = spans[0], spans[-1]
    margin = 1.0 if len(spans) < BAND_LEAST else 0.0
    axes.set_xlim(first.middle - first.width / 2 - margin, last.middle + last.width / 2 + margin)
    if len(spans) <= LABELLED:
        axes.set_xticks([span.middle for span in spans])
        axes.xaxis.set_major_formatter(DateFormatter("%-d %b"))  # type: ignore[no-untyped-call]
    else:
        locator = AutoDateLocator(minticks=4, maxticks=12)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(length=0, labelcolor=GREY)
    axes.grid(axis="y", color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)


def _write(axes: Axes, at: float, value: float, text: str, *, above: bool) -> None:
    offset = (0, 3) if above else (0, -3)
    axes.annotate(
        text, (at, value), offset, textcoords="offset points",
        ha="center", va="bottom" if above else "top", size=9, color=GREY,
    )  # fmt: skip
