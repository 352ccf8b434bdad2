"""Runs with a rollout at a random moment: `python -m tests.chaos.rollouts [--runs N] [--seed N]`.

Prints each run that was judged wrongly, writes reports/rollouts.json, and exits 1 if there was one.
`--docs` only copies the report's counts into docs/chaos.md.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import itertools
import json
import queue
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.chaos.rollout_case import PASSED, VOID, Case, draw, right_codes
from tests.chaos.rollout_scene import RolloutScene, open_rollout_scene
from tests.checkout import CHECKOUT

REPORT = CHECKOUT / "reports" / "rollouts.json"
DOCS = CHECKOUT / "docs" / "chaos.md"
BEGIN, END = "<!-- rollouts -->\n", "<!-- end of rollouts -->\n"
RUNS, SEED = 100, 11
NOT_STARTED = "has not started after"  # the node was too slow for the pod of the tests: run again
TRIES = 3
HEAD = ("rollout", "runs", "right verdict", "false VOID", "missed change")

Row = dict[str, Any]


def run_once(scene: RolloutScene, case: Case) -> Row:
    """Run one case; return its row of the report."""
    for _ in range(TRIES):
        scene.settle()
        code, seen, output = scene.run(case)
        if NOT_STARTED not in output:
            break
    right = right_codes(case, seen)
    row = {
        "scene": str(case),
        "when": case.when,
        "expected": sorted(right),
        "got": code,
        "right": code in right,
        "tests": [seen.first, seen.last],
        "rollout": [seen.asked, seen.accepted, seen.complete, seen.over],
        "versions": list(dict.fromkeys(seen.versions)),
    }
    print(f"{'right' if row['right'] else 'WRONG'} {code:>3}  {case}", flush=True)
    if not row["right"]:
        print(json.dumps(row), output, sep="\n", flush=True)
    return row


def run_all(cases: Iterable[Case], side_by_side: int) -> list[Row]:
    """Run the cases in some shops side by side; keep the report up to date."""
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    rows: list[Row] = []
    REPORT.parent.mkdir(exist_ok=True)

    def work() -> None:
        with open_rollout_scene() as scene:
            while not waiting.empty():
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                rows.append(run_once(scene, case))
                REPORT.write_text(json.dumps(rows, indent=1) + "\n")

    with ThreadPoolExecutor(side_by_side) as threads:
        for done in [threads.submit(work) for _ in range(side_by_side)]:
            done.result()
    return rows


def counts(rows: Iterable[Row]) -> list[tuple[object, ...]]:
    """Return the lines of the table: one for each time of a rollout, and the sum."""
    rows = list(rows)
    lines = [
        (f"{when} the tests", *_count([row for row in rows if row["when"] == when]))
        for when in ("before", "during", "after")
    ]
    return [*lines, ("all", *_count(rows))]


def _count(rows: list[Row]) -> tuple[int, int, int, int]:
    wrong = [row for row in rows if not row["right"]]
    return (
        len(rows),
        len(rows) - len(wrong),
        sum(row["got"] == VOID for row in wrong),
        sum(row["got"] == PASSED for row in wrong),
    )


def write_docs(rows: Iterable[Mapping[str, Any]]) -> None:
    """Put the counts between the marks in the documentation."""
    lines = [HEAD, ("---",) * len(HEAD), *counts(map(dict, rows))]
    table = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    before, _, rest = DOCS.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}{table}\n{END}{after}")


def main(arguments: list[str] | None = None) -> int:
    """Run the cases; 0 if every verdict was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rollouts", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--skip", type=int, default=0, help="leave out the first cases of the seed")
    parser.add_argument("--side-by-side", type=int, default=2, metavar="SHOPS")
    parser.add_argument("--docs", action="store_true", help="run nothing, update docs/chaos.md")
    args = parser.parse_args(arguments)
    if args.docs:
        write_docs(json.loads(REPORT.read_text()))
        return 0
    cases = itertools.islice(draw(args.seed), args.skip, args.skip + args.runs)
    rows = run_all(cases, args.side_by_side)
    for line in (HEAD, *counts(rows)):
        print("{:<18} {:>5} {:>14} {:>11} {:>14}".format(*map(str, line)))
    return 0 if all(row["right"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
