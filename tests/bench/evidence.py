"""What evidence costs a run, with a target of several pods that log."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene, job, tool

__all__ = ["cost", "start_target"]

PODS = 5  # of the target, as API, worker and store of a small service
LOGGING = "import time\nwhile True: print('a line of the target', time.time()); time.sleep(0.02)"


def cost(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare runs with and without evidence, in turn: with no failures, and with twenty."""
    start_target(scene)
    with_it, without = _times(scene, "waits60", 0, rounds)
    yield ratio("wall time with evidence to without, no failures", with_it, without, 1.02)
    with_it, without = _times(scene, "fails20", 1, rounds)
    more = [ours - bare for ours, bare in zip(with_it, without, strict=True)]
    yield size("evidence of 20 failures, all of it", more, "s", 3.0)


def _times(scene: Scene, suite: str, code: int, rounds: int) -> tuple[list[float], list[float]]:
    with_it: list[float] = []
    without: list[float] = []
    for _ in range(rounds):
        for wanted, taken in (("yes", with_it), ("no", without)):
            command = tool("--in-cluster", f"--k8s-evidence={wanted}", "--k8s-keep=never")
            taken.append(scene.run(command, scene.checkout(suite), code=code).seconds)
    return with_it, without


def start_target(scene: Scene, pods: int = PODS, ready_after: int = 0) -> None:
    """Deploy `target`; each of its pods logs all the time, and is ready after some seconds."""
    command = ["python", "-u", "-c", LOGGING]
    pod = job(scene.namespace, "one", command, [])["spec"]["template"]["spec"]
    if ready_after:
        probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": ready_after}
        pod["containers"][0]["readinessProbe"] = probe | {"periodSeconds": 1}
    labels = {"app": "target"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "target"},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {**pod, "restartPolicy": "Always"},
            },
        },
    }
    scene.kubectl("apply", "-f", "-", text=json.dumps(deployment))
    scene.kubectl("rollout", "status", "deployment/target", "--timeout=120s")
