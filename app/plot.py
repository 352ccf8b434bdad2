"""The plot of a job's days. Alone, with picture.py, needs matplotlib.

It has no axes of matplotlib: those have five artists a tick and ask each for its size, which takes
four times as long as all that is seen. So its two panels have fixed places, in pixels from the left
and from below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import EngFormatter, MaxNLocator

from app.analysis import Span, gather
from app.data import Day
from app.picture import GREY, Picture, Text

LEFT, RIGHT = 98, 986
"""Edges of both panels; on the left is room for a value of six characters and its unit."""
HEAD = 573
"""The middle of title and legend."""
LEGEND = 546, 812
"""Where its two parts begin; the longest texts are those of months."""
LABELLED = 16
"""Most bars that carry their value in figures without touching each other."""
BAND_LEAST = 4
"""Fewest points that make a band; fewer are drawn as floating bars."""
DATES = ["%Y", "%b", "%-d %b", "", "", ""]
"""Ticks at years, months and days."""
FIRST_DATES = ["", "%Y", "%-d %b", "", "", ""]
"""Those of January and of the first of a month."""
DARKER, WARM, BLUE = "#b5442c", "#f3b79b", "#3b7ea1"
BLACK, DARK, PALE = "#000000", "#20262e", "#e3e6ea"


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the picture, and which times (in days since the epoch) and values it shows."""

    bottom: float
    top: float
    times: tuple[float, float]
    values: tuple[float, float]

    def x(self, time: float) -> float:
        """Where a time is."""
        first, last = self.times
        return LEFT + (time - first) / (last - first) * (RIGHT - LEFT)

    def y(self, value: float) -> float:
        """Where a value is."""
        low, high = self.values
        return self.bottom + (value - low) / (high - low) * (self.top - self.bottom)


def draw(days: Sequence[Day]) -> bytes:
    """The plot of `days` (at least one) as a PNG of 1000 x 600 pixels."""
    unit, spans = gather(days)
    first, last = days[0].date, days[-1].date
    picture = Picture()
    title = f"Weather on {first}" if first == last else f"Weather from {first} to {last}"
    picture.text(Text(15, HEAD, title, "lm", size=15, bold=True, color=DARK))
    _draw_legend(picture, spans, unit)
    _draw_temperature(picture, spans)
    _draw_precipitation(picture, spans, unit)
    return picture.png()


def _draw_legend(picture: Picture, spans: Sequence[Span], unit: str) -> None:
    left, right = LEGEND
    _fill(picture, spans, [_box(left, left + 28, HEAD - 5, HEAD + 5)])
    marker = {"marker": "o", "markevery": [1]} if len(spans) <= LABELLED else {}
    picture.line([right, right + 14, right + 28], [HEAD] * 3, DARKER, linewidth=2, **marker)
    for x, text in ((left, f"lowest to highest of the {unit}"), (right, f"mean of the {unit}")):
        picture.text(Text(x + 38, HEAD, text, "lm", color=BLACK))


def _draw_temperature(picture: Picture, spans: Sequence[Span]) -> None:
    low, high = min(span.low for span in spans), max(span.high for span in spans)
    margin = max(0.14 * (high - low), 0.5)
    panel = Panel(208, 546, _times(spans), (low - margin, high + margin))
    _draw_values(picture, panel, "Temperature (°C)", 8)
    xs = [panel.x(span.middle) for span in spans]
    lows, highs = [panel.y(span.low) for span in spans], [panel.y(span.high) for span in spans]
    if len(spans) < BAND_LEAST:
        _fill(picture, spans, _boxes(panel, spans, lows, highs))
    else:
        outline = [*zip(xs, lows, strict=True), *zip(xs[::-1], highs[::-1], strict=True)]
        _fill(picture, spans, [outline])
    if low < 0:
        zero, dashes = [panel.y(0)] * 2, (0, (4, 3))
        picture.line([LEFT, RIGHT], zero, GREY, linewidth=1, linestyle=dashes)  # freezing
    few = len(spans) <= LABELLED
    means = [panel.y(span.mean) for span in spans]
    picture.line(xs, means, DARKER, linewidth=2, marker="o" if few else "")
    for span, x in zip(spans, xs, strict=True) if few else ():
        picture.text(Text(x, panel.y(span.high) + 6, _figure(span.high), "mb", size=9))
        picture.text(Text(x, panel.y(span.low) - 6, _figure(span.low), "mt", size=9))


def _draw_precipitation(picture: Picture, spans: Sequence[Span], unit: str) -> None:
    amounts = [span.precipitation for span in spans]
    panel = Panel(30, 188, _times(spans), (0, max(*amounts, 1) * 1.2))
    _draw_values(picture, panel, f"Precipitation\n(mm per {unit})", 5)
    tops = [panel.y(amount) for amount in amounts]
    picture.areas(_boxes(panel, spans, [panel.bottom] * len(spans), tops), BLUE)
    picture.line([LEFT, RIGHT], [panel.bottom] * 2, GREY, linewidth=0.8)
    if len(spans) > LABELLED:
        ticks = _date_ticks(panel)
    else:
        ticks = [(span.middle, f"{_moment(span.middle):%-d %b}") for span in spans]
        for span, top in zip(spans, tops, strict=True):
            amount = _figure(round(span.precipitation, 1))
            picture.text(Text(panel.x(span.middle), top + 5, amount, "mb", size=9))
    for time, text in ticks:
        picture.text(Text(panel.x(time), panel.bottom - 9, text, "ma"))


def _draw_values(picture: Picture, panel: Panel, name: str, most: int) -> None:
    """Grid, values and what they mean."""
    low, high = panel.values
    picture.text(Text(30, (panel.bottom + panel.top) / 2, name, color=BLACK, upright=True))
    for value in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high):
        if low <= value <= high:
            picture.line([LEFT, RIGHT], [panel.y(value)] * 2, PALE, linewidth=0.8)
            text = _figure(value) if abs(value) < 1e5 else EngFormatter(sep="")(value)
            picture.text(Text(LEFT - 6, panel.y(value), text, "rm"))


def _date_ticks(panel: Panel) -> list[tuple[float, str]]:
    locator = AutoDateLocator(minticks=5, maxticks=12)  # type: ignore[no-untyped-call]
    first, last = panel.times
    times = locator.tick_values(_moment(first), _moment(last))  # type: ignore[no-untyped-call]
    seen = [float(time) for time in times if first <= time <= last]
    form = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, formats=DATES, zero_formats=FIRST_DATES, show_offset=False
    )
    texts = form.format_ticks(seen)  # type: ignore[no-untyped-call]
    return list(zip(seen, texts, strict=True))


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time * 24 * 3600, UTC)


def _times(spans: Sequence[Span]) -> tuple[float, float]:
    first, last = spans[0], spans[-1]
    margin = _step(spans) if len(spans) < BAND_LEAST else 0.0
    return first.middle - first.width / 2 - margin, last.middle + last.width / 2 + margin


def _step(spans: Sequence[Span]) -> float:
    """Days from one of few bars to the next."""
    return (spans[-1].middle - spans[0].middle) / (len(spans) - 1) if len(spans) > 1 else 1.0


def _fill(picture: Picture, spans: Sequence[Span], corners: Sequence[Any]) -> None:
    picture.areas(corners, WARM, alpha=1 if len(spans) < BAND_LEAST else 0.65)


def _boxes(
    panel: Panel, spans: Sequence[Span], bottoms: Sequence[float], tops: Sequence[float]
) -> list[Any]:
    few = len(spans) < BAND_LEAST
    halves = [0.175 * _step(spans) if few else 0.4 * span.width for span in spans]
    return [
        _box(panel.x(span.middle - half), panel.x(span.middle + half), bottom, top)
        for span, half, bottom, top in zip(spans, halves, bottoms, tops, strict=True)
    ]


def _box(left: float, right: float, bottom: float, top: float) -> list[tuple[float, float]]:
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def _figure(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}", 1) if value < 0 else f"{value:g}"
