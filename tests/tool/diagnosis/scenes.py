"""Scenes of precision on snapshots: what a run and its target have, with noise beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.focus import Diagnosis, diagnose_snapshots
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.made import deployment, named, pod, service, snapshot
from tests.tool.diagnosis.noise import HOURS, MINUTES, restarted, with_noise
from tests.tool.diagnosis.record import FOLDER
from tests.tool.diagnosis.scope import RUN, scope_of

__all__ = ["Scene", "healthy_scenes", "recorded_scenes", "scenes", "table_scenes"]

WINDOW = 300.0  # seconds since the run began to wait for its target
Object = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """One scene.

    Attributes:
        name: in tables.
        content: the snapshot, with its noise.
        scope: what the user's run would ask for.
        expected: sentence that must come first; "" if nothing may be named.
        cause: its cause.
    """

    name: str
    content: Snapshot
    scope: Scope
    expected: str = ""
    cause: Cause | None = None

    def diagnosed(self) -> Diagnosis:
        """Return the diagnosis of the scene."""
        return diagnose_snapshots([self.content], self.scope)


def scenes() -> list[Scene]:
    """Return all scenes."""
    return [*recorded_scenes(), *healthy_scenes(), *table_scenes()]


def recorded_scenes() -> Iterator[Scene]:
    """Yield each recorded fault with noise, diagnosed without a window and in that of a run."""
    causes = {fault.name: fault.cause for fault in FAULTS}
    for path in sorted(FOLDER.glob("*.json")):
        recorded = json.loads(path.read_text())
        content = Snapshot.from_json(recorded["snapshot"])
        noisy, sentence = with_noise(content), recorded["sentence"]
        for name, since in (
            (f"recorded/{path.stem}", 0.0),
            (f"recorded/{path.stem} in a run", content.now - WINDOW),
        ):
            scope = scope_of(content, since=since)
            yield Scene(name, noisy, scope, sentence, causes[path.stem])


def _tested(kind: str) -> tuple[Snapshot, str]:
    """Return a healthy target of a kind, with its Service, and how it is named."""
    one = pod("api-1")
    if kind == "pod":
        return snapshot(pods=[one], services=[service()]), "pod/api-1"
    owner = deployment()
    if kind != "Deployment":
        counts = {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": 1}
        owner |= {
            "kind": kind,
            "status": {**owner["status"], **counts, "currentNumberScheduled": 1},
        }
        owner["metadata"]["uid"] = f"{kind}-api"
    owned = pod("api-1", owner)
    content, word = snapshot(pods=[owned], services=[service()]), kind.lower()
    return replace(content, objects={**content.objects, f"{word}s": [owner]}), f"{word}/api"


def _with_redis(content: Snapshot) -> Snapshot:
    """Return the target with a Redis that it is configured for, restarted hours ago."""
    redis = restarted(pod("redis-1", deployment("redis")), HOURS, content.now)
    changed: dict[str, list[Mapping[str, Any]]] = dict(content.objects)
    api = json.loads(json.dumps(content["pods"][0]))
    api["spec"]["containers"][0]["env"] = [{"name": "REDIS_URL", "value": "redis://redis:6379/0"}]
    changed["pods"] = [api, redis]
    changed["deployments"] = [*content["deployments"], deployment("redis")]
    changed["services"] = [*content["services"], service("redis")]
    return replace(content, objects=changed)


def _with_run(content: Snapshot) -> Snapshot:
    """Return the target beside a run whose tests failed by their own assertions."""
    job = named("Job", RUN, spec={"template": {"spec": {}}}, status={"active": 1})
    tests = pod(f"{RUN}-1", job, phase="Failed")
    tests["spec"] |= {"restartPolicy": "Never"}
    tests["spec"]["containers"][0]["command"] = ["python", "-m", "pytest_k8s_job.pod.agent"]
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    tests["status"]["containerStatuses"] = [{"name": "main", "state": ended}]
    tests["metadata"]["labels"] = {"app": "tests"}
    pods = [*content["pods"], tests]
    return replace(content, objects={**content.objects, "jobs": [job], "pods": pods})


def _rebooted(content: Snapshot) -> Snapshot:
    """Return the target after a reboot of its node, ten minutes ago."""
    changed = dict(content.objects)
    changed["pods"] = [restarted(each, MINUTES, content.now) for each in content["pods"]]
    return replace(content, objects=changed)


def healthy_scenes() -> Iterator[Scene]:
    """Yield healthy targets in noise, each of which has something that looks like trouble."""
    changes: dict[str, Callable[[Snapshot], Snapshot]] = {
        "alone": lambda content: content,
        "after a reboot": _rebooted,
        "with Redis": _with_redis,
        "with failed tests": _with_run,
        "with all of it": lambda content: _with_run(_with_redis(content)),
    }
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "pod"):
        for name, change in changes.items():
            content, said = _tested(kind)
            noisy = with_noise(change(content))
            since = content.now - WINDOW if "tests" in name else 0.0
            yield Scene(f"healthy/{kind} {name}", noisy, scope_of(noisy, said, since=since))


def table_scenes() -> Iterator[Scene]:
    """Yield the scenes of the table that a diagnosis decides, by their numbers there."""
    content, said = _tested("Deployment")
    run = _with_run(content)
    noisy, since = with_noise(run), content.now - WINDOW
    ours = scope_of(run, said, since=since)

    def keeping(*signs: str) -> Snapshot:
        """Return the noisy scene with the noise of these names only."""
        kept = {
            resource: [
                each
                for each in objects
                if not each["metadata"]["name"].startswith(("noise-", "other-"))
                or each["metadata"]["name"].startswith(signs)
            ]
            for resource, objects in noisy.objects.items()
        }
        return replace(noisy, objects=kept)

    yield Scene(
        "table/4: another run's pod failed to resolve a name hours ago", keeping("other-"), ours
    )
    yield Scene("table/7: the node was rebooted ten minutes ago", _rebooted(content), Scope("demo"))
    neighbours = keeping("noise-crash", "noise-image")
    yield Scene("table/8: a neighbour crash-loops, another cannot pull its image", neighbours, ours)
    waiting = keeping("noise-gated", "noise-evicted")
    yield Scene("table/9: pods of others wait behind a gate, or lie about evicted", waiting, ours)
    yield _scaled_to_zero()


def _scaled_to_zero() -> Scene:
    """Return the scene of a worker, part of the target, that is scaled to 0."""
    content, said = _tested("Deployment")
    worker = deployment("worker", replicas=0, readyReplicas=0, updatedReplicas=0)
    worker["spec"]["replicas"] = 0
    belonging = {"app.kubernetes.io/part-of": "weather"}
    owners = [*content["deployments"], worker]
    owners = [{**each, "metadata": {**each["metadata"], "labels": belonging}} for each in owners]
    content = replace(content, objects={**content.objects, "deployments": owners})
    words, cause = "Deployment worker is scaled to 0", Cause.SCALED_TO_ZERO
    noisy = with_noise(content)
    return Scene(
        "table/10: the worker is scaled to 0", noisy, scope_of(content, said), words, cause
    )
