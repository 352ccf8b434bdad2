"""Rolls out many targets within a minute, and measures the validator that watches them."""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.checkout import CHECKOUT
from tests.deploys.fleet import ROLLOUT_SECONDS, SETTLE_SECONDS, Fleet, open_fleet

__all__ = ["Line", "many_targets", "write_report"]

REPORT = CHECKOUT / "reports" / "targets.json"
IDLE_SECONDS = 120.0  # four looks
MOST_MEGABYTES, MOST_MILLICORES, MOST_REQUESTS = 80.0, 10.0, 0.5


@dataclass(frozen=True)
class Line:
    """One figure: what was measured, its value, its limit, and whether that holds."""

    name: str
    got: float
    limit: float
    unit: str
    right: bool


def many_targets(count: int, rollouts: int, folder: Path) -> Iterator[Line]:
    """Roll out `count` targets, each `rollouts` times, and yield the figures."""
    with open_fleet(count, folder) as fleet:
        for number in range(1, rollouts + 1):
            which = f"rollout {number} of {count} targets"
            yield _line(which, fleet.roll_out(number), ROLLOUT_SECONDS, "s")
            began = time.monotonic()
            missed, wrong = fleet.wait_for(number)
            print(f"all verdicts after {time.monotonic() - began - SETTLE_SECONDS:.0f} s")
            yield _line(f"{which}: no verdict", missed, 0, "targets")
            yield _line(f"{which}: too many or wrong verdicts", wrong, 0, "verdicts")
        yield from _idle(fleet)


def _idle(fleet: Fleet) -> Iterator[Line]:
    """Measure while nothing changes; the memory is the most that there ever was."""
    requests, cpu, began = fleet.requests.read_text(), fleet.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - began
    sent = fleet.requests.read_text()[len(requests) :].splitlines()
    print(f"requests in {seconds:.0f} s: {dict(Counter(sent))}")
    used = (fleet.cpu_seconds() - cpu) / seconds * 1000
    yield _line(
        "resident memory of the validator, at most", fleet.megabytes(), MOST_MEGABYTES, "MB"
    )
    yield _line("processor, idle", used, MOST_MILLICORES, "millicores")
    yield _line("API requests, idle", len(sent) / seconds, MOST_REQUESTS, "requests/s")


def _line(what: str, got: float, limit: float, unit: str) -> Line:
    line = Line(what, round(got, 2), limit, unit, got <= limit)
    mark = "right" if line.right else "WRONG"
    print(f"{mark}  {what}: {line.got:g} {unit} (limit {limit:g})", flush=True)
    return line


def write_report(lines: Iterable[Line]) -> None:
    """Write reports/targets.json."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(each) for each in lines], indent=1) + "\n")
