"""The figures that need the cluster."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator

from tests.bench.figures import Figure, ratio, size
from tests.bench.peers import XDIST, Chart
from tests.bench.scene import PLAIN, RUN_SECONDS, Scene, Timed, job, plain_job, tool
from tests.bench.watches import JobClock
from tests.checkout import CHECKOUT

__all__ = ["collect", "floors", "log_size", "pod_side"]

SAYS = " passed in "


def floors(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare whole runs with the floor, and what is beyond the tests with `helm test`."""
    clock = JobClock(scene)
    try:
        for suite, name in (("small", "12 tests of 0.25 s"), ("one", "one trivial test")):
            yield from _floors(scene, clock, suite, name, rounds)
    finally:
        clock.close()


def _floors(scene: Scene, clock: JobClock, suite: str, name: str, rounds: int) -> Iterator[Figure]:
    judged = suite == "small"
    own = statistics.median(pod_seconds(scene, suite, 5, "plain")["plain"])
    chart = Chart(scene, job(scene.namespace, suite, PLAIN, []))
    ours, helm, whole, floor = [], [], [], []
    for _ in range(rounds):
        floor.append(_floor(scene, suite))
        command = tool("--in-cluster")
        run = scene.run(command, scene.checkout(suite), {"PYTHONUNBUFFERED": "1"}, SAYS)
        whole.append(run.seconds)
        ours.append(_beyond(run, clock) - own)
        run = scene.run(chart.test_command(), scene.folder, wait_for="Phase:")
        helm.append(_beyond(run, clock) - own)
    beyond = "Job created to verdict, less the tests' own time, to `helm test`"
    yield ratio(f"{beyond}: {name}", ours, helm, 0.5 if judged else None)
    yield ratio(f"wall time to the floor's: {name}", whole, floor, 1.25 if judged else None)


def _beyond(run: Timed, clock: JobClock) -> float:
    """Return the seconds from the creation of the Job to the line with the verdict."""
    return (run.seen or run.ended) - clock.first_after(run.began)


def _floor(scene: Scene, suite: str) -> float:
    """Return the seconds of the leanest way: create a bare Job, follow its log to the end."""
    manifest = plain_job(scene.namespace, suite, PLAIN)
    began = time.monotonic()
    name = scene.create(manifest)
    while SAYS not in scene.try_kubectl("logs", "--follow", f"job/{name}"):
        if time.monotonic() > began + RUN_SECONDS:  # else the container has not started
            raise TimeoutError(f"Job {name} did not end")
    return time.monotonic() - began


def pod_seconds(scene: Scene, suite: str, rounds: int, *variants: str) -> dict[str, list[float]]:
    """Run the variants of pytest in turn in one pod; return the seconds of each round."""
    command = ["python", "/in_pod.py", f"/suites/{suite}", str(rounds), *variants]
    name = scene.create(job(scene.namespace, suite, command, []))
    return dict(json.loads(scene.finished_pod(name)["message"]))


def pod_side(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare 10,000 tests under the agent with plain pytest, in one pod."""
    found = pod_seconds(scene, "ten_thousand", rounds)
    name = "pod-side time of 10,000 trivial tests to plain pytest's"
    yield ratio(name, found["agent"], found["plain"], 1.08)
    yield ratio(f"{name}, pytest-reportlog", found["reportlog"], found["plain"], None)


def log_size(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare log and collector of 10,000 tests with xdist's controller."""
    suite = scene.suites / "ten_thousand"
    megabytes, collector, controller = [], [], []
    for _ in range(rounds):
        meter = scene.folder / "meter.json"
        plugins = "tests.bench.meter,pytest_k8s_job.plugin"
        log = scene.folder / "pod.log"
        scene.run(
            tool("--in-cluster", f"--k8s-log={log}"),
            scene.checkout("ten_thousand"),
            extra={"BENCH_METER": str(meter), "PYTEST_PLUGINS": plugins},
        )
        megabytes.append(log.stat().st_size / 1e6)
        collector.append(json.loads(meter.read_text())["cpu"])
        scene.run(
            tool("-n1"),
            suite,
            extra={
                "BENCH_METER": str(meter),
                "PYTEST_PLUGINS": "tests.bench.meter,xdist.plugin",
                "PYTHONPATH": f"{XDIST}:{CHECKOUT}",
            },
        )
        controller.append(json.loads(meter.read_text())["cpu"])
    yield size("log of 10,000 trivial tests", megabytes, "MB", 0.6)
    name = "collector's CPU time for 10,000 results to that of xdist's controller (-n 1)"
    yield ratio(name, collector, controller, 0.7)


def collect(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare reading a finished run with `kubectl logs` and a plain run with --junitxml."""
    folder, suite = scene.checkout("ten_thousand"), scene.suites / "ten_thousand"
    scene.run(tool("--in-cluster", "--k8s-keep=always"), folder)
    jobs = json.loads(scene.kubectl("get", "jobs", "-o", "json"))["items"]
    newest = max(jobs, key=lambda each: str(each["metadata"]["creationTimestamp"]))
    name = f"job/{newest['metadata']['name']}"
    words = ("collect", "-n", scene.namespace, name, "--junitxml=junit.xml")
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        command = tool(*words, module="pytest_k8s_job")
        seconds["collect"].append(scene.run(command, folder).seconds)
        logs = scene.run(scene.kubectl_command("logs", name), folder).seconds
        plain = scene.run(tool("--junitxml=/dev/null"), suite, extra={"PYTEST_PLUGINS": ""}).seconds
        seconds["floor"].append(logs + plain)
    yield ratio(
        "k8s-job collect of 10,000 tests to `kubectl logs` and a plain run with --junitxml",
        seconds["collect"],
        seconds["floor"],
        1.5,
    )
