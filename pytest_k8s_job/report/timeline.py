"""Lays out a run on one time axis, in per cent of its width.

The bars of a shard are one path for each outcome: 5,000 tests cost a few elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from pytest_k8s_job.report.document import Document, Outcome, Result
from pytest_k8s_job.report.run_data import Event, Mark

__all__ = ["BAR_UNITS", "Lane", "Point", "Step", "Tick", "TimeLine", "lay_out"]

BAR_UNITS = 1000  # width of a lane's coordinate system
MIN_UNITS = 1.5  # a bar that is narrower could not be seen
TICKS = 6  # at most
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between ticks
MAX_POINTS = 200  # events drawn and listed; more would be a blur


@dataclass(frozen=True)
class Tick:
    """A line of the axis."""

    left: float
    label: str


@dataclass(frozen=True)
class Point:
    """A mark or an event with its place on the axis."""

    left: float
    seconds: float
    what: Mark | Event


@dataclass(frozen=True)
class Step:
    """The marks of one name: when the first and last shard reached it."""

    name: str
    first: float
    last: float


@dataclass(frozen=True)
class Lane:
    """The tests of one shard: an SVG path for each outcome."""

    name: str
    shard: str
    tests: int
    failed: int
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TimeLine:
    """The whole time line; `first` is the time at its left end."""

    first: float
    seconds: float
    ticks: tuple[Tick, ...]
    marks: tuple[Point, ...]
    steps: tuple[Step, ...]
    events: tuple[Point, ...]
    lanes: tuple[Lane, ...]
    events_left_out: int = 0


def lay_out(document: Document) -> TimeLine:
    """Return the time line of a document."""
    ends = [t.started + t.duration for t in document.tests if t.started is not None]
    first = min([document.started, *(event.at for event in document.events)])
    ends += [event.at for event in document.events]
    seconds = max([document.finished, *ends, first + 0.001]) - first

    def points(seen: Iterable[Mark | Event]) -> tuple[Point, ...]:
        ordered = sorted(seen, key=lambda each: each.at)
        return tuple(Point(_left(e.at - first, seconds), e.at - first, e) for e in ordered)

    events = sorted(document.events, key=lambda event: not event.warning)[:MAX_POINTS]
    return TimeLine(
        first,
        seconds,
        _ticks(seconds),
        points(document.marks),
        _steps(document.marks, first),
        points(events),
        _lanes(document.tests, first, seconds),
        len(document.events) - len(events),
    )


def _steps(marks: Sequence[Mark], first: float) -> tuple[Step, ...]:
    times: dict[str, list[float]] = {}
    for mark in sorted(marks, key=lambda mark: mark.at):
        times.setdefault(mark.name, []).append(mark.at - first)
    return tuple(Step(name, seen[0], seen[-1]) for name, seen in times.items())


def _left(seconds: float, whole: float) -> float:
    return round(min(max(seconds / whole, 0.0), 1.0) * 100, 2)


def _ticks(whole: float) -> tuple[Tick, ...]:
    if whole < 1:
        return (Tick(0, "0 s"), Tick(100, f"{whole * 1000:.0f} ms"))
    step = next((each for each in STEPS if whole / each < TICKS), whole / TICKS)
    times = [step * i for i in range(TICKS + 1) if step * i <= whole]
    return tuple(Tick(_left(time, whole), _clock(time)) for time in times)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _lanes(tests: Sequence[Result], first: float, whole: float) -> tuple[Lane, ...]:
    timed = [test for test in tests if test.started is not None]
    timed.sort(key=lambda test: (_natural(test.shard), test.started))
    lanes = []
    for shard, group in groupby(timed, key=lambda test: test.shard):
        own = list(group)
        name = "tests" if not shard else f"shard {shard}" if shard.isdigit() else shard
        paths = []
        for outcome in reversed(Outcome):  # the worst is drawn last, so nothing hides it
            spans = [_span(test, first, whole) for test in own if test.outcome is outcome]
            if spans:
                paths.append((outcome.value, "".join(_bars(spans))))
        lanes.append(Lane(name, shard, len(own), sum(test.bad for test in own), tuple(paths)))
    return tuple(lanes)


def _natural(shard: str) -> tuple[str, int]:
    digits = shard.lstrip("abcdefghijklmnopqrstuvwxyz-")
    return (shard.removesuffix(digits), int(digits)) if digits.isdigit() else (shard, 0)


def _span(test: Result, first: float, whole: float) -> tuple[float, float]:
    left = ((test.started or first) - first) / whole * BAR_UNITS
    return left, left + max(test.duration / whole * BAR_UNITS, MIN_UNITS)


def _bars(spans: Sequence[tuple[float, float]]) -> Iterable[str]:
    """Yield path data; bars that would overlap become one."""
    left, right = spans[0]
    for begin, end in spans[1:]:
        if begin <= right and end - begin <= 2 * MIN_UNITS:
            right = max(right, end)
        else:
            yield _bar(left, right)
            left, right = begin, end
    yield _bar(left, right)


def _bar(left: float, right: float) -> str:
    return f"M{left:.1f} 0H{right:.1f}V10H{left:.1f}Z"
