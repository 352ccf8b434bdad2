"""Says in a terminal's width what the kept runs of a target show together."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.target.workload import short
from pytest_k8s_job.validation.record import Validation

__all__ = ["WIDTH", "duration_text", "failing_lines", "sparkline", "table"]

WIDTH = 80  # columns of a terminal
LINE = "{:11}  {:10}  {:10}  {:14}  {:>13}  {:>7}"
INDENT = " " * 13  # under the verdict
LEVELS = "▁▂▃▄▅▆▇█"
DECIDED = ("PASSED", "FAILED")  # of other runs it is not known which tests failed
BAD = ("failed", "error")
MOST_LINES = 3  # of a cause; --json has all of it
MOST_TESTS = 10  # that are named; --json has all


def table(validations: Sequence[Validation]) -> list[str]:
    """Return a line for each run, and under it what went wrong."""
    lines = [_line("TIME", "VERDICT", "REVISION", "RUN", "PASSED/FAILED", "TOOK")]
    for each in validations:
        at = datetime.fromtimestamp(each.started).astimezone().strftime("%m-%d %H:%M")
        good, bad = each.counts.get("passed", 0), sum(each.counts.get(word, 0) for word in BAD)
        tests = f"{good}/{bad}" if each.counts else "-"
        took = duration_text(each.seconds) if each.run_id else "-"
        revision = short(each.revision) or "-"
        lines.append(_line(at, each.verdict, revision, each.run_id or "-", tests, took))
        notes = ("by its schedule" if each.periodic else "", each.first_line, each.note)
        lines += [line for note in notes for line in _indented(note)]
    return lines


def duration_text(seconds: float) -> str:
    """Return a duration in at most seven characters: `42 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{min(seconds / 3600, 9999):.1f} h" if seconds < 360_000 else f"{seconds / 86400:.0f} d"


def sparkline(values: Sequence[float]) -> str:
    """Return a bar for each value, the highest for the greatest."""
    most = max(values, default=0.0)
    if most <= 0:
        return LEVELS[0] * len(values)
    steps = len(LEVELS) - 1
    return "".join(LEVELS[round(max(value, 0.0) / most * steps)] for value in values)


def failing_lines(validations: Sequence[Validation]) -> list[str]:
    """Return a line on each test that fails: `X fails since revision Y (3 runs)`.

    Runs are the newest first. Those without a verdict on the tests count neither way.
    """
    decided = [each for each in validations if each.verdict in DECIDED]
    lines = []
    failed = decided[0].failed if decided else ()
    for test in failed[:MOST_TESTS]:
        runs = list(_while_failing(decided, test))
        revision = short(runs[-1].revision)
        since = "since revision" if len(runs) < len(decided) else "in all kept runs, since revision"
        count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        lines.append(f"{_plain(test)} fails {since} {revision} ({count})")
    rest = len(failed) - MOST_TESTS
    return [*lines, f"and {rest} more"] if rest > 0 else lines


def _while_failing(decided: Sequence[Validation], test: str) -> Iterator[Validation]:
    for each in decided:
        if test not in each.failed:
            return
        yield each


def _indented(note: str) -> Iterator[str]:
    room = WIDTH - len(INDENT)
    for line in textwrap.wrap(_plain(note), room, max_lines=MOST_LINES, placeholder=" ..."):
        yield _fit(INDENT + line)


def _line(*words: str) -> str:
    return _fit(LINE.format(*map(_plain, words)))


def _plain(text: str) -> str:
    """Return text of tests on one line, and without what could move a terminal's cursor."""
    line = clipped(text, 10_000)
    return "".join(char if char.isprintable() else "?" for char in line)


def _fit(line: str) -> str:
    """Return the line cut to the columns of a terminal."""
    if columns(line) <= WIDTH:
        return line.rstrip()
    kept, room = "", WIDTH - 4
    for char in line:
        room -= columns(char)
        if room < 0:
            break
        kept += char
    return f"{kept.rstrip()} ..."


def columns(text: str) -> int:
    """Return how many columns text takes; signs of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
