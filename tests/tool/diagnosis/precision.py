"""Measures whether noise in a namespace changes what the diagnosis names.

`python -m tests.tool.diagnosis.precision [--subset | --fault NAME | --recorded] [--docs]` runs the
scenes: recorded ones, faults of the real cluster with noise deployed beside them, and healthy
targets in noise. It writes reports/precision.json and exits 1 unless all were right.
"""

# ruff: noqa: T201 (the table is the output)

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import local_cluster
from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.diagnosis.focus import diagnose_scope
from pytest_k8s_job.diagnosis.rules.container_exits import RUN_LABEL
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.said import parse_said
from tests.checkout import CHECKOUT
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.noise_cluster import deploy_noise, ending_once, settled_restart
from tests.tool.diagnosis.objects import container, deployment, job, pod_spec, service
from tests.tool.diagnosis.observing import observe
from tests.tool.diagnosis.place import Place, open_place
from tests.tool.diagnosis.scenes import scenes
from tests.tool.diagnosis.scope import RUN

__all__ = ["PAGE", "REPORT", "Row", "main"]

Object = dict[str, Any]
REPORT = CHECKOUT / "reports" / "precision.json"
PAGE = CHECKOUT / "docs" / "precision.md"
SIDE_BY_SIDE = 5  # namespaces at the same time: they mostly wait
HEALTHY = 20
SUBSET = ("image-not-found", "quota", "service-missing", "crash-loop", "never-ready", "wrong-name")
# There is nothing in its namespace, so nothing is beside it either.
WITHOUT_NOISE = ("nothing-deployed",)
NOTHING = "nothing"
HEAD = """\
# What noise changes in a diagnosis

Faults are diagnosed with noise beside them in the same namespace: a neighbour that crash-loops,
one whose image cannot be pulled, one that a full quota refuses, pods behind a scheduling gate,
evicted pods left over, the failed run of another suite, restarts of the past, a Service that leads
nowhere, and old events. Right is: the first line is the fault's, as without noise, and nothing of
the noise stands beside it; where all is well, nothing is named.

`make chaos-precision` runs all of it and writes reports/precision.json, `ARGS=--docs` this page.
The recorded scenes are tests too (tests/tool/diagnosis/test_precision.py). A scene that was run
again counts by its last run; `--together` leaves out the faults that disturb the whole node, and
they are missing in the table then.

| scenes | right | wrong |
| --- | --- | --- |
"""
GROUPS = {
    "recorded": "recorded faults, each without a window and in that of a run",
    "cluster": "faults injected into the real cluster",
    "healthy": "healthy targets on snapshots",
    "healthy-cluster": "healthy targets in noise on the real cluster",
    "table": "scenes of the kinds of trouble that others have",
}


@dataclass(frozen=True)
class Row:
    """One scene: what had to be named, and what was."""

    scene: str
    expected: str
    got: str
    right: bool


def recorded_rows() -> Iterator[Row]:
    """Yield the rows of the scenes on snapshots."""
    for scene in scenes():
        found = [each.sentence for each in scene.diagnosed().findings]
        right = found == ([scene.expected] if scene.expected else [])
        yield Row(scene.name, scene.expected or NOTHING, "; ".join(found) or NOTHING, right)


def fault_row(fault: Fault, folder: Path) -> Row:
    """Return the row of one fault of the real cluster, with noise beside it."""
    name, expected = f"cluster/{fault.name}", str(fault.cause)
    try:
        with open_place(folder, "precision") as place:
            if fault.name in WITHOUT_NOISE:
                place.since = time.time()
            else:
                deploy_noise(place)
            seen = observe(fault, place)
    except Exception as error:  # whatever it is: the other scenes are still to come
        return Row(name, expected, f"not injected: {error}", right=False)
    noise = [each.sentence for each in seen.findings if "noise-" in each.sentence]
    said = "" if seen.right else seen.sentence
    words = [str(seen.named or NOTHING), *filter(None, [seen.trouble, said]), *noise]
    return Row(name, expected, "; ".join(words), seen.right and not noise)


def healthy_rows(folder: Path) -> Iterator[Row]:
    """Yield a row for each of twenty healthy targets in one noisy namespace of the cluster."""
    with open_place(folder, "precision") as place:
        targets = list(_deploy_targets(place))
        deploy_noise(place)
        cluster = connect(str(place.kubeconfig))
        for word in targets:
            target = find_target(cluster, Search(place.name, (parse_said(word),)))
            scope = Scope(place.name, frozenset({RUN}), target, place.since)
            found = [each.sentence for each in diagnose_scope(cluster, scope).findings]
            got, right = "; ".join(found) or NOTHING, bool(target.workloads) and not found
            yield Row(f"healthy-cluster/{word}", NOTHING, got, right)


def _deploy_targets(place: Place) -> Iterator[str]:
    """Deploy the targets, and a run whose tests failed; yield how each is named."""
    made: list[Object] = []
    for number in range(HEALTHY):
        name, restarts = f"api-{number}", number % 4 == 0
        spec = ending_once() if restarts else pod_spec(container(["sleep", "900"]))
        owner = deployment(spec, name)
        if number % 3 == 1:
            owner |= {"kind": "StatefulSet"}
            owner["spec"]["serviceName"] = name
        elif number % 3 == 2:
            owner |= {"kind": "DaemonSet"}
        made += [owner, service(name)]
        yield f"{owner['kind'].lower()}/{name}"
    run = job(pod_spec(container(["sh", "-c", "exit 1"])))
    run["spec"]["template"]["metadata"] = {"labels": {RUN_LABEL: "1", "team": "tests"}}
    place.apply(*made, run)
    place.kubectl("wait", f"job/{RUN}", "--for=condition=Failed", "--timeout=90s")
    for number in range(HEALTHY):
        place.wait_ready(f"app=api-{number}")
    settled_restart(place, "app=api-0")


def write_rows(rows: Iterable[Row]) -> None:
    """Put the rows into the report, in place of older ones of the same scenes."""
    new = list(rows)
    REPORT.parent.mkdir(exist_ok=True)
    old = [Row(**each) for each in json.loads(REPORT.read_text())] if REPORT.exists() else []
    scene_names = {each.scene for each in new}
    kept = [each for each in old if each.scene not in scene_names]
    REPORT.write_text(json.dumps([asdict(each) for each in (*kept, *new)], indent=1) + "\n")


def page(rows: Iterable[Row]) -> str:
    """Return the text of docs/precision.md."""
    groups: dict[str, list[Row]] = {}
    for each in rows:
        groups.setdefault(each.scene.partition("/")[0], []).append(each)
    lines = []
    for group, words in GROUPS.items():
        of_group = groups.get(group, [])
        right = sum(each.right for each in of_group)
        lines.append(f"| {words} | {right} | {len(of_group) - right} |")
    table = [f"| {each.scene.partition('/')[2]} | {each.got} |" for each in groups.get("table", ())]
    wrong = [
        f"- {each.scene}: {each.got}, not {each.expected}"
        for of_group in groups.values()
        for each in of_group
        if not each.right
    ]
    text = "\n".join([*lines, "", "| scene | named |", "| --- | --- |", *table])
    return HEAD + text + ("\n\nWrong:\n" + "\n".join(wrong) if wrong else "") + "\n"


def _noted(row: Row) -> Row:
    print(f"{'right' if row.right else 'WRONG'}  {row.scene}: {row.got}", flush=True)
    write_rows([row])
    return row


def _on_cluster(chosen: list[Fault], *, healthy: bool) -> Iterator[Row]:
    local_cluster.kubectl()  # is it up?
    with tempfile.TemporaryDirectory(prefix="precision-") as name:
        folder = Path(name)
        together = [each for each in chosen if not each.alone]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            yield from pool.map(lambda fault: fault_row(fault, folder), together)
        yield from (fault_row(each, folder) for each in chosen if each.alone)
        if healthy:
            yield from healthy_rows(folder)


def main(arguments: list[str] | None = None) -> int:
    """Run the scenes that are chosen, all by default; 0 if all were right."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tool.diagnosis.precision", description=__doc__
    )
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", action="append", choices=names, metavar="NAME")
    parser.add_argument("--subset", action="store_true", help="a few faults of the cluster only")
    parser.add_argument("--together", action="store_true", help="only what disturbs nobody")
    parser.add_argument("--recorded", action="store_true", help="without a cluster")
    parser.add_argument("--docs", action="store_true", help="write docs/precision.md, run nothing")
    args = parser.parse_args(arguments)
    if args.docs:
        PAGE.write_text(page(Row(**each) for each in json.loads(REPORT.read_text())))
        return 0
    wanted = args.fault or (SUBSET if args.subset else names)
    chosen = [each for each in FAULTS if each.name in wanted and not (args.together and each.alone)]
    rows = [] if args.fault else list(recorded_rows())
    write_rows(rows)
    if not args.recorded:
        rows += [_noted(each) for each in _on_cluster(chosen, healthy=not args.fault)]
    right = sum(each.right for each in rows)
    print(f"\n{right} of {len(rows)} scenes right, {len(rows) - right} wrong")
    return 0 if right == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
