"""What it costs a run to know its target, and to find causes among many objects."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.target.state import CONFIGS, KINDS
from tests.bench.evidence import start_target
from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import IMAGE, Scene, tool
from tests.bench.watches import JobClock
from tests.tool.diagnosis.place import create_many

__all__ = ["crowd", "prompt", "settled"]

SAID = "--target=deployment/target"
NO_WAIT = "--wait-rollout=0"
NO_WATCH = ("-o", "k8s_target_watch=false")
PODS, EVENTS = 1_000, 4_000
READY_SECONDS = 4  # of a new pod of the target: longer than the command needs to start


def settled(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare runs on a settled target with those that do not wait, or do not know it."""
    start_target(scene)
    ways = {"all": (), "no wait": (NO_WAIT,), "nothing": (NO_WAIT, *NO_WATCH)}
    sent: dict[str, list[float]] = {way: [] for way in ways}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, words in ways.items():
            requests, seconds = _run(scene, *words)
            sent[way].append(requests)
            taken[way].append(seconds)
    waits = [one - other for one, other in zip(sent["all"], sent["no wait"], strict=True)]
    yield size("API requests of the wait for a settled target", waits, "requests", 1)
    knows = [one - other for one, other in zip(sent["all"], sent["nothing"], strict=True)]
    yield size("API requests of the target in one namespace, in all", knows, "requests", None)
    name = "wall time with the target to without, 12 tests of 0.25 s"
    yield ratio(name, taken["all"], taken["nothing"], 1.1)


def _run(scene: Scene, *words: str) -> tuple[float, float]:
    place = scene.folder / "target-requests.json"
    plugins = "tests.bench.request_count,pytest_k8s_job.plugin"
    run = scene.run(
        tool("--in-cluster", SAID, *words),
        scene.checkout("small"),
        extra={"BENCH_REQUESTS": str(place), "PYTEST_PLUGINS": plugins},
    )
    counts: dict[str, int] = json.loads(place.read_text())
    readings = counts.get("list deployments", 0)  # the Job's pods are listed by others as well
    kinds = [kind for kind in (*KINDS, *CONFIGS) if kind != "pods"]
    sent = sum(counts.get(f"list {kind}", 0) for kind in kinds) + readings
    return float(sent), run.seconds


def prompt(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure from the target's last pod that got ready to the first test."""
    start_target(scene, pods=1, ready_after=READY_SECONDS)
    clock = JobClock(scene)
    to_job, to_test = [], []
    for number in range(rounds):
        scene.kubectl("set", "env", "deployment/target", f"ROUND={number}")
        command = tool("--in-cluster", "-v", SAID)
        run = scene.run(command, scene.checkout("one"), {"PYTHONUNBUFFERED": "1"}, "PASSED")
        if "new pods ready" not in run.output:
            raise RuntimeError(f"the run did not wait:\n{run.output}")
        ready = _ready(scene) - time.time() + time.monotonic()
        to_job.append(clock.first_after(run.began) - ready)
        to_test.append((run.seen or run.ended) - ready)
    clock.close()
    yield size("the target's new pods ready to the run's Job", to_job, "s", None)
    yield size("the target's new pods ready to the first test's result", to_test, "s", 3.0)


def _ready(scene: Scene) -> float:
    """Return when the target's pod got ready; the API server tells whole seconds."""
    pods = json.loads(scene.kubectl("get", "pods", "-l", "app=target", "-o", "json"))["items"]
    conditions = [each for pod in pods for each in pod["status"]["conditions"]]
    return max(epoch(each["lastTransitionTime"]) for each in conditions if each["type"] == "Ready")


def crowd(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare a failing run of 100 tests among many objects with one in an empty namespace."""
    start_target(scene, pods=1)
    empty = [_fail(scene) for _ in range(rounds)]
    _fill(scene.namespace)
    full = [_fail(scene) for _ in range(rounds)]
    name = (
        f"failing run of 100 tests among {PODS:,} pods and {EVENTS:,} events to an empty namespace"
    )
    yield ratio(name, full, empty, 1.3)


def _fail(scene: Scene) -> float:
    command = tool("--in-cluster", SAID, "--k8s-keep=never")
    return scene.run(command, scene.checkout("fails100"), code=1).seconds


def _fill(namespace: str) -> None:
    """Create pods that nobody schedules, and events on them."""
    objects = [("pods", _pod(number)) for number in range(PODS)]
    objects += [("events", _event(number, namespace)) for number in range(EVENTS)]
    create_many(namespace, objects)


def _pod(number: int) -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "600"]}
    spec = {"schedulerName": "nobody", "containers": [container]}
    metadata = {"name": f"crowd-{number}", "labels": {"app": "crowd"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _event(number: int, namespace: str) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"kind": "Pod", "name": f"crowd-{number % PODS}", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"crowd-{number}"},
        "involvedObject": about,
        "reason": "FailedScheduling",
        "message": "0/1 nodes are available: 1 node is somebody else's",
        "type": "Warning",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "bench"},
    }
