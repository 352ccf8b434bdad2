"""Injects faults into runs on the local cluster: `python -m tests.chaos [--case NAME] [--runs N]`.

Prints a table, writes reports/chaos.json, and exits 1 unless every verdict was right.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.chaos import faults, report
from tests.chaos.cases import CASES as ALL
from tests.chaos.cases import SUBSET, Case, Collectors
from tests.chaos.scene import Running, Scene, open_scene
from tests.chaos.tally import Tally

SIDE_BY_SIDE = 5  # harmless cases at the same time: they mostly wait
SHOWN = 20_000  # characters of the output of a run that went wrong


def start(scene: Scene, case: Case, kubeconfig: Path | None) -> list[Running]:
    """Start what `case` says; return the collectors that are to live to the end."""
    if case.collectors is Collectors.LATE:
        return [scene.collect_late(case)]
    first = scene.start(case, kubeconfig)
    if case.collectors is Collectors.TWO:
        return [first, scene.start(case, kubeconfig)]
    if case.collectors is Collectors.ONE:
        return [first]
    first.wait_for(case.seen)
    if case.collectors is Collectors.JOINED:
        return [first, scene.join(first)]
    first.kill()
    return [scene.join(first)]


def run_once(scene: Scene, case: Case, tally: Tally) -> None:
    """Run `case` once, inject its fault, and count what came of it."""
    forbidden = case.forbidden
    right = faults.without_right(scene, forbidden) if forbidden else nullcontext(None)
    with right as kubeconfig:
        runs = start(scene, case, kubeconfig)
        trouble = ""
        if case.inject is not None:
            try:
                runs[0].wait_for(case.seen)
                case.inject(runs[0])
            except Exception as error:  # the run's own end is still to be counted
                trouble = f"the fault was not injected: {error}\n"
        for run in runs:
            code, found = run.finish()
            code = -1 if trouble else code
            if not tally.add(case, code, found, run.text):
                text = run.text[-SHOWN:]
                print(f"--- {case.name}: exit code {code}\n{trouble}{text}", flush=True)


@contextmanager
def announced(notice: Path | None) -> Iterator[None]:
    """Let the file `notice` exist while the whole node suffers."""
    if notice is not None:
        notice.touch()
    try:
        yield
    finally:
        if notice is not None:
            notice.unlink(missing_ok=True)


def run_all(scene: Scene, tallies: Mapping[Case, Tally], runs: int, notice: Path | None) -> None:
    """Run each case `runs` times: the harmless ones side by side, the others alone."""
    for _ in range(runs):
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            harmless = [item for item in tallies.items() if not item[0].alone]
            list(pool.map(lambda item: run_once(scene, *item), harmless))
        for case, tally in tallies.items():
            if case.alone:
                with announced(notice):
                    run_once(scene, case, tally)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    names = [case.name for case in ALL]
    parser.add_argument("--case", action="append", choices=names, metavar="NAME")
    parser.add_argument("--subset", action="store_true", help="only the most telling cases")
    parser.add_argument("--runs", type=int, default=3, help="of each case (default: 3)")
    parser.add_argument("--add", action="store_true", help="add to what the report has")
    parser.add_argument("--notice", type=Path, help="file that exists while the node suffers")
    parser.add_argument("--list", action="store_true", help="show the cases and end")
    parser.add_argument("--docs", action="store_true", help="put the report into docs/chaos.md")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the cases that are named, all by default; 0 if every verdict was right."""
    args = parse(arguments)
    named = SUBSET if args.subset else args.case
    cases = [case for case in ALL if named is None or case.name in named]
    if args.list:
        for case in cases:
            print(f"{case.name:<26} {case.meaning}")
        return 0
    if args.docs:
        report.write_docs(report.read())
        return 0
    tallies = {case: Tally() for case in cases}
    with_clock = any(case.clock for case in cases)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="chaos-") as folder,
            open_scene(Path(folder), with_clock=with_clock) as scene,
        ):
            run_all(scene, tallies, args.runs, args.notice)
    finally:
        rows = report.rows_of(tallies)
        print(report.show(rows))
        report.write(rows, report.read() if args.add else ())
    return 0 if all(tally.right == tally.runs for tally in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
