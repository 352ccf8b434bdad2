"""Deploys a small service in every way and shows the verdict on each.

`python -m tests.deploys [--rollouts N --seed S]` prints each step with its time and writes
reports/deploys.json. With `--rollouts`, N random deploys follow each other: good, broken, without
an image, two at once, scaled meanwhile, while the validator is killed now and then. With
`--targets M`, M targets are rolled out at once, N times, and reports/targets.json is written.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.checkout import CHECKOUT
from tests.deploys.many_targets import many_targets, write_report
from tests.deploys.random_deploys import random_deploys
from tests.deploys.scene import Row, Scene, open_scene
from tests.deploys.steps import STEPS

REPORT = CHECKOUT / "reports" / "deploys.json"


def show(row: Row) -> Row:
    """Print a step and add it to the report."""
    mark = "right" if row.right else "WRONG"
    print(f"{mark}  {row.seconds:6.1f} s  {row.step}: {row.got}", flush=True)
    rows = json.loads(REPORT.read_text()) if REPORT.exists() else []
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([*rows, asdict(row)], indent=1) + "\n")
    return row


def demo(scene: Scene) -> list[Row]:
    """Take the steps of the demonstration."""
    return [show(step(scene)) for step in STEPS]


def targets(count: int, rollouts: int) -> int:
    """Roll out many targets and write reports/targets.json; 0 if every limit holds."""
    with tempfile.TemporaryDirectory(prefix="targets-") as folder:
        lines = list(many_targets(count, rollouts, Path(folder)))
    write_report(lines)
    return 0 if all(each.right for each in lines) else 1


def main() -> int:
    """Run what the options ask for; 0 if every verdict was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploys", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.targets:
        return targets(options.targets, options.rollouts or 1)
    REPORT.unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="deploys-") as folder,
        open_scene(Path(folder)) as scene,
    ):
        if options.rollouts:
            rows = [show(each) for each in random_deploys(scene, options.rollouts, options.seed)]
        else:
            rows = demo(scene)
    right = sum(each.right for each in rows)
    print(f"\n{right} of {len(rows)} right")
    return 0 if right == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
