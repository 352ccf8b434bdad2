"""Runs suites that nobody here wrote, plain and through the tool, and compares test by test.

    python -m tests.other_suites [--suite NAME] [--shards 1,4]

Prints a table, and writes reports/fidelity.json and docs/suites.md. A suite that is not named keeps
its row there. Exits 1 if there is a difference that the catalogue does not explain.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.other_suites.catalogue import SUITES, Suite
from tests.other_suites.comparison import Difference, differences, explanation
from tests.other_suites.runs import own_namespace, run_by_tool, run_plain
from tests.other_suites.source import build_wheel, fetch, make_image
from tests.other_suites.table import Row, show, write

MOST_SHOWN = 20  # differences of one run that are printed
LAST_WORDS = 3000  # characters of what a run with another exit code said
WIDTH = 300  # characters of each side of one


def compare(suite: Suite, wheel: Path, namespace: str, shards: Sequence[int], work: Path) -> Row:
    """Fetch, build and run one suite; return its row."""
    source = fetch(suite.name, work / suite.name)
    make_image(source, wheel)
    plain = run_plain(source, suite.arguments, namespace)
    seen, seconds = plain.seen, round(plain.seconds, 1)
    row = Row(suite.name, source.version, seen.tests, seen.tally, seconds)
    for count in map(str, shards):
        tool = run_by_tool(source, suite.arguments, namespace, int(count))
        row.seconds[count] = round(tool.seconds, 1)
        row.differences[count] = 0
        if tool.seen.code != plain.seen.code:
            print(f"--- {suite.name}, {count} shard(s):\n{tool.terminal[-LAST_WORDS:]}")
        for index, each in enumerate(differences(plain.seen, tool.seen)):
            why = explanation(each, suite.explained)
            if why and count != "1":
                row.explained.setdefault(why, []).append(each.where)
                continue
            row.differences[count] += 1
            if index < MOST_SHOWN:
                print_difference(suite, count, each)
    return row


def print_difference(suite: Suite, shards: str, difference: Difference) -> None:
    """Print one difference."""
    print(f"--- {suite.name}, {shards} shard(s): {difference.what} of {difference.where}")
    for side in ("plain", "tool"):
        print(f"{side}: {getattr(difference, side)[:WIDTH]!r}", flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Compare the suites that `words` name, all by default; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.other_suites", description=__doc__)
    names = [suite.name for suite in SUITES]
    parser.add_argument("--suite", action="append", choices=names, metavar="NAME")
    parser.add_argument("--shards", default="1,4", help="numbers of shards (default: %(default)s)")
    options = parser.parse_args(words)
    shards = [int(each) for each in options.shards.split(",")]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="suites-") as folder, own_namespace() as namespace:
        wheel = build_wheel(Path(folder, "wheel"))
        for suite in SUITES:
            if options.suite is None or suite.name in options.suite:
                rows.append(compare(suite, wheel, namespace, shards, Path(folder)))
                print(f"{suite.name}: {rows[-1].plain}, differences {rows[-1].differences}")
    show(rows)
    write(rows)
    return 1 if any(any(row.differences.values()) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
