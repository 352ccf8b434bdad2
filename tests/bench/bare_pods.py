"""Runs of the tool compared with the same tests in pods that kubectl starts."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, ratio
from tests.bench.scene import IMAGE, NO_AUTOLOAD, PLAIN, Scene, job, plain_job, tool
from tests.bench.watches import wait_for_containers

__all__ = ["in_cluster_command", "kubectl_run", "prompt", "shards"]

SHARDS = 8
SAME_SETTING = f"--k8s-env={NO_AUTOLOAD}=1"  # in the tool's pods as in the bare ones
PART = (  # of the 64 tests: as many for each pod as the tool has in a shard
    "first=$((JOB_COMPLETION_INDEX * 8));"
    ' exec python -m pytest $(seq -f "test_sleep.py::test_sleeps[%g]" $first $((first + 7)))'
)


def prompt(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare one trivial test, from the typed command to the prompt, with `kubectl run`."""
    ours, theirs = [], []
    command = in_cluster_command()
    folder = scene.checkout("one")
    scene.run(command, folder)  # from here on, caches of Python and pytest are warm
    for _ in range(rounds):
        ours.append(scene.run(command, folder).seconds)
        theirs.append(scene.run(kubectl_run(scene), folder).seconds)
    name = "one trivial test, typed command to prompt, to `kubectl run --rm -i` of image and test"
    yield ratio(name, ours, theirs, 1.0)


def in_cluster_command() -> list[str]:
    """Return the command line of a run, as it is typed."""
    return [str(Path(sys.executable).with_name("pytest")), "--in-cluster", SAME_SETTING]


def kubectl_run(scene: Scene, *more: str) -> list[str]:
    """Return the command line for plain pytest in a pod with the same settings as the tool's.

    `more` are options of kubectl.
    """
    pod = job(scene.namespace, "one", PLAIN, [])["spec"]["template"]["spec"]
    del pod["containers"]
    return scene.kubectl_command(
        *more,
        *("run", f"one-{secrets.token_hex(3)}", "--rm", "-i", "--restart=Never"),
        *(f"--image={IMAGE}", "--image-pull-policy=IfNotPresent", f"--env={NO_AUTOLOAD}=1"),
        f"--overrides={json.dumps({'apiVersion': 'v1', 'spec': pod})}",
        *("--command", "--", *PLAIN, "/suites/one"),
    )


def shards(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare eight shards with eight bare pods: 64 tests of one second."""
    ours, bare = [], []
    command, folder = (
        tool("--in-cluster", f"--shards={SHARDS}", SAME_SETTING),
        scene.checkout("sleep64"),
    )
    scene.run(command, folder)  # records the durations by which the tests are divided
    for _ in range(rounds):
        ours.append(scene.run(command, folder).seconds)
        bare.append(_bare_pods(scene))
    yield ratio("8 shards to 8 bare pods of plain pytest, 64 tests of 1 s", ours, bare, 1.1)


def _bare_pods(scene: Scene) -> float:
    """Return the seconds from creating an Indexed Job until its last container has ended."""
    manifest = plain_job(scene.namespace, "sleep64", ["sh", "-c", PART])
    indexed = {"completionMode": "Indexed", "completions": SHARDS, "parallelism": SHARDS}
    manifest["spec"] |= indexed
    began = time.monotonic()
    name = scene.create(manifest)
    wait_for_containers(scene, name, SHARDS)
    seconds = time.monotonic() - began
    scene.kubectl("delete", "job", name)
    return seconds
