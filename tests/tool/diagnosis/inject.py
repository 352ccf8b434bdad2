"""Injects faults into the local cluster and prints what the diagnosis names for each.

`python -m tests.tool.diagnosis.inject [--fault NAME] [--together | --alone] [--no-runs]` prints the
table, writes its rows into reports/chaos.json, and exits 1 unless every cause was named.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.checkout import CHECKOUT
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.observing import Observation, observe
from tests.tool.diagnosis.place import open_place
from tests.tool.diagnosis.running import RunResult, run_tool

__all__ = ["REPORT", "Row", "inject", "main"]

REPORT = CHECKOUT / "reports" / "chaos.json"
SIDE_BY_SIDE = 3  # they mostly wait; more would measure the machine
LINE = "{:<22} {:<24} {:>7} {:>7} {:>7}  {}"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    seen: Observation
    run: RunResult | None = None

    @property
    def right(self) -> bool:
        """Whether the cause was named, and by the run too if there was one."""
        return self.seen.right and (self.run is None or self.run.right(self.seen.fault))

    def as_json(self) -> dict[str, object]:
        """Return the row as it stands in the report."""
        seen = self.seen
        return {
            "injected": seen.fault.name,
            "named": str(seen.named) if seen.named else None,
            "seconds": round(seen.seconds, 2),
            "shown": None if seen.shown is None else round(seen.shown, 2),
            "right": self.right,
            "own_clock": seen.fault.clock,
            "run_seconds": None if self.run is None else round(self.run.seconds, 2),
        }


def inject(fault: Fault, folder: Path, *, runs: bool = True) -> Row:
    """Inject one fault in a namespace of its own; print its row."""
    try:
        with open_place(folder) as place:
            seen = observe(fault, place)
            run = run_tool(fault, place) if runs and fault.job is not None else None
    except Exception as error:  # whatever it is: the other faults are still to come
        seen, run = Observation(fault, trouble=f"not injected: {error}"), None
    row = Row(seen, run)
    _show(row)
    return row


def _show(row: Row) -> None:
    seen, run = row.seen, row.run
    shown = "-" if seen.shown is None else f"{seen.shown:.1f}"
    lasted = "-" if run is None else f"{run.seconds:.1f}"
    words = seen.sentence if row.right else f"WRONG: {seen.trouble or ''} {seen.sentence}"
    named = str(seen.named or "nothing")
    print(LINE.format(seen.fault.name, named, shown, f"{seen.seconds:.1f}", lasted, words))
    if run is not None and not run.right(seen.fault):
        print(f"--- the run: exit code {run.code}, first line: {run.first_line}\n{run.text}")
    sys.stdout.flush()


def _summary(rows: list[Row]) -> None:
    right = sum(row.right for row in rows)
    wrong = sum(row.seen.wrong for row in rows)
    quick = [row.seen.seconds for row in rows if row.seen.right]
    late = [row for row in rows if row.seen.seconds > 15 and not row.seen.fault.clock]
    lags = [
        row.seen.seconds - row.seen.shown
        for row in rows
        if row.seen.shown is not None and row.seen.right and not row.seen.fault.clock
    ]
    print(
        f"\n{right} of {len(rows)} causes named, {wrong} wrong, {len(rows) - right - wrong} unknown"
    )
    if quick and lags:
        print(
            f"named after {statistics.median(quick):.1f} s at the median, {max(lags):.1f} s after"
            f" the first sign at most, {len(late)} after more than 15 s"
        )


def write_rows(rows: Iterable[Row]) -> None:
    """Put the rows into the report, in place of older ones of the same faults."""
    REPORT.parent.mkdir(exist_ok=True)
    old = json.loads(REPORT.read_text()) if REPORT.exists() else []
    new = [row.as_json() for row in rows]
    names = {each["injected"] for each in new}
    kept = [each for each in old if each.get("injected") not in names]
    REPORT.write_text(json.dumps([*kept, *new], indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Inject the faults that are named, all by default; 0 if every cause was named."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tool.diagnosis.inject", description=__doc__
    )
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", action="append", choices=names, metavar="NAME")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--together", action="store_true", help="only what disturbs nobody")
    group.add_argument("--alone", action="store_true", help="only what disturbs the whole node")
    parser.add_argument("--no-runs", action="store_true", help="diagnose only, run no Job")
    parser.add_argument("--list", action="store_true", help="show the faults and end")
    args = parser.parse_args(arguments)
    chosen = [fault for fault in FAULTS if args.fault is None or fault.name in args.fault]
    together = [] if args.alone else [fault for fault in chosen if not fault.alone]
    alone = [] if args.together else [fault for fault in chosen if fault.alone]
    if args.list:
        print("\n".join(fault.name for fault in [*together, *alone]))
        return 0
    print(LINE.format("injected", "named", "shown", "named", "run", "first line"))
    with tempfile.TemporaryDirectory(prefix="diagnosis-") as name:
        folder, runs = Path(name), not args.no_runs
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            rows = list(pool.map(lambda fault: inject(fault, folder, runs=runs), together))
        rows += [inject(fault, folder, runs=runs) for fault in alone]
    _summary(rows)
    write_rows(rows)
    return 0 if all(row.right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
