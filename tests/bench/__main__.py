"""Measures the tool against its peers and floors: `python -m tests.bench [--row NAME]`.

Prints a table and writes reports/bench.json; rows that were not asked for stay in it. Exits 1 if a
limit is not kept. `--docs` only copies the report's table into docs/bench.md.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench import (
    api_requests,
    artifacts,
    bare_pods,
    collector,
    evidence,
    far_cluster,
    in_cluster,
    job_list,
    queues,
    service,
    slow_clients,
    sync,
    target,
)
from tests.bench.figures import Figure, markdown, text_table
from tests.bench.scene import Scene, build_image, open_scene
from tests.checkout import CHECKOUT

REPORT = CHECKOUT / "reports" / "bench.json"
DOCS = CHECKOUT / "docs" / "bench.md"
BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"

Row = Callable[[Scene, int], Iterator[Figure]]
ROWS: dict[str, Row] = {
    "floors": in_cluster.floors,
    "pod": in_cluster.pod_side,
    "log": in_cluster.log_size,
    "total": collector.total,
    "collect": in_cluster.collect,
    "evidence": evidence.cost,
    "memory": collector.memory,
    "prompt": bare_pods.prompt,
    "shards": bare_pods.shards,
    "far": far_cluster.far_cluster,
    "requests": api_requests.requests,
    "target": target.settled,
    "ready": target.prompt,
    "crowd": target.crowd,
    "sync": sync.sync,
    "artifacts": artifacts.artifacts,
    "slow-clients": slow_clients.slow_clients,
    "plots": service.plots,
    "round-trips": service.round_trips,
    "recovery": service.recovery,
    "workers": service.several_workers,
    "job-list": job_list.job_list,
    "drain": queues.drain,
}


def merged(known: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `known` with the rows of `new` in the place of those of the same name."""
    rows = {row["name"]: row for row in [*known, *new]}
    return list(rows.values())


def known_rows() -> list[dict[str, Any]]:
    """Return the rows of the report, also those of a measurement that runs at the same time."""
    found: list[dict[str, Any]] = json.loads(REPORT.read_text()) if REPORT.exists() else []
    return found


def write_docs(rows: list[dict[str, Any]]) -> None:
    """Put the table of `rows` between the marks in the documentation."""
    before, _, rest = DOCS.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}{markdown(rows)}\n{END}{after}")


def measure(names: list[str], rounds: int) -> list[dict[str, Any]]:
    """Measure the rows `names`; print and keep each figure at once."""
    build_image()
    REPORT.parent.mkdir(exist_ok=True)
    with open_scene() as scene:
        for name in names:
            for figure in ROWS[name](scene, rounds):
                row = figure.as_json()
                print(text_table([row]).splitlines()[1], flush=True)
                rows = merged(known_rows(), [row])
                REPORT.write_text(json.dumps(rows, indent=1) + "\n")
    return known_rows()


def main(arguments: list[str] | None = None) -> int:
    """Measure the rows that are named, all by default; 0 if every limit is kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--row", action="append", choices=ROWS, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (default: 5)")
    parser.add_argument("--docs", action="store_true", help="measure nothing, update docs/bench.md")
    args = parser.parse_args(arguments)
    if args.docs:
        write_docs(known_rows())
        return 0
    rows = measure(args.row or list(ROWS), args.rounds)
    print(text_table(rows))
    return 0 if all(row["ok"] is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
