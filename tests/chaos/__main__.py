"""Injects faults into runs on the local cluster: `python -m tests.chaos [--case NAME] [--runs N]`.

Prints a table, writes reports/chaos.json, and exits 1 unless every verdict was right.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.chaos import faults
from tests.chaos.cases import CASES as ALL
from tests.chaos.cases import Case
from tests.chaos.scene import Scene, open_scene
from tests.chaos.tally import Tally
from tests.tool.conftest import ROOT

REPORT = ROOT / "reports" / "chaos.json"
SIDE_BY_SIDE = 5  # harmless cases at the same time: they mostly wait
ROW = "{:<26} {:>4} {:>5} {:>4} {:>11}  {}"


def run_once(scene: Scene, case: Case, tally: Tally) -> None:
    """Run `case` once, inject its fault, and count what came of it."""
    right = nullcontext(scene.kubeconfig) if case.log_right else faults.without_log_right(scene)
    with right as kubeconfig:
        runs = [
            scene.start(case.suite, case.job, case.limits, kubeconfig, case.plugin)
            for _ in range(case.at_once)
        ]
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
            if not tally.add(case, code, found):
                print(f"--- {case.name}: exit code {code}\n{trouble}{run.text}", flush=True)


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


def show(tallies: Mapping[Case, Tally]) -> None:
    """Print the table and write the report."""
    print(ROW.format("case", "runs", "right", "lost", "false green", "exit codes"))
    for case, tally in tallies.items():
        codes = ", ".join(f"{code} x{times}" for code, times in sorted(tally.codes.items()))
        numbers = (tally.runs, tally.right, tally.lost, tally.false_green)
        print(ROW.format(case.name, *numbers, codes))
    rows = [
        {
            "case": case.name,
            "runs": tally.runs,
            "right_verdict": tally.right,
            "lost": tally.lost,
            "false_green": tally.false_green,
        }
        for case, tally in tallies.items()
    ]
    REPORT.parent.mkdir(exist_ok=True)
    old = json.loads(REPORT.read_text()) if REPORT.exists() else []
    others = [row for row in old if "injected" in row]  # those of the diagnosis
    REPORT.write_text(json.dumps([*rows, *others], indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the cases that are named, all by default; 0 if every verdict was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    names = [case.name for case in ALL]
    parser.add_argument("--case", action="append", choices=names, metavar="NAME")
    parser.add_argument("--runs", type=int, default=3, help="of each case (default: 3)")
    parser.add_argument("--notice", type=Path, help="file that exists while the node suffers")
    parser.add_argument("--list", action="store_true", help="show the cases and end")
    args = parser.parse_args(arguments)
    cases = [case for case in ALL if args.case is None or case.name in args.case]
    if args.list:
        for case in cases:
            print(f"{case.name:<22} {case.meaning}")
        return 0
    tallies = {case: Tally() for case in cases}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="chaos-") as folder,
            open_scene(Path(folder)) as scene,
        ):
            run_all(scene, tallies, args.runs, args.notice)
    finally:
        show(tallies)
    return 0 if all(tally.right == tally.runs for tally in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
