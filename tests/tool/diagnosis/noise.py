"""Noise beside a fault: what others of the namespace have, and what was over long ago.

`with_noise` adds to a snapshot what must not change its diagnosis.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pytest_k8s_job.diagnosis.containers import Container, containers
from pytest_k8s_job.diagnosis.rules.container_exits import RUN_LABEL
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["HOURS", "MINUTES", "NOISY_LOG", "OLD_EVENTS", "restarted", "stamp", "with_noise"]

Object = dict[str, Any]
OLD_EVENTS = 4000
MINUTES, HOURS = 600.0, 3 * 3600.0  # seconds ago
LIFE = 86400.0  # seconds that a container had lived before it ended
NOISY_LOG = "socket.gaierror: [Errno -2] Name or service not known: connecting to hello"
UNSCHEDULED = {"type": "PodScheduled", "status": "False"}


def stamp(seconds: float) -> str:
    """Return a time as the API server writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_noise(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with all kinds of noise, in the resources that it could read."""
    added: dict[str, list[Object]] = {"events": list(_old_events(snapshot))}
    logs = dict(snapshot.logs)
    added["resourcequotas"] = [_full_quota()]
    # Where nothing is deployed, nothing else can be beside it.
    if any(snapshot[each] for each in ("pods", "jobs", "deployments")):
        for resource, obj in _neighbours(snapshot.now):
            added.setdefault(resource, []).append(obj)
        added["events"] += _neighbours_events(snapshot.now)
        added["pods"] += _leftovers(snapshot)
        logs |= {"noise-crash-1-x/main/previous": "KeyError: 'SETTING'"}
        logs |= {"other-1-x/main": NOISY_LOG}
    objects: dict[str, list[Mapping[str, Any]]] = {}
    for resource, known in snapshot.objects.items():
        objects[resource] = [*added.get(resource, ()), *known]
    if "pods" in objects:
        objects["pods"] = [_aged(pod, snapshot.now, logs) for pod in objects["pods"]]
    return replace(snapshot, objects=objects, logs=logs)


def restarted(pod: Mapping[str, Any], seconds_ago: float, now: float) -> Object:
    """Return a pod all of whose containers were ended `seconds_ago` by a reboot, and run again."""
    made: Object = copy.deepcopy(dict(pod))
    end = now - seconds_ago
    made["metadata"]["creationTimestamp"] = stamp(end - LIFE)
    for each in made["status"].get("containerStatuses") or ():
        ended = {"exitCode": 255, "reason": "Unknown", "startedAt": stamp(end - LIFE)}
        each["restartCount"] = 1
        each["lastState"] = {"terminated": {**ended, "finishedAt": stamp(end)}}
        each["state"] = {"running": {"startedAt": stamp(end + 2)}}
    return made


def _aged(pod: Mapping[str, Any], now: float, logs: dict[str, str]) -> Mapping[str, Any]:
    """Return a pod that is well as one that was restarted minutes ago, its old log with it."""
    every = list(containers(pod))
    if not every or any(each.init or not _works(each) for each in every):
        return pod
    if any("startedAt" not in each.running for each in every):
        return pod
    for each in every:
        logs[f"{pod['metadata']['name']}/{each.name}/previous"] = NOISY_LOG
    return restarted(pod, MINUTES, now)


def _works(container: Container) -> bool:
    ready = bool(container.status.get("ready")) and not container.ended
    return ready and container.pod["spec"].get("restartPolicy") == "Always"


def _named(kind: str, name: str, ago: float, now: float, **labels: str) -> Object:
    metadata = {"name": name, "uid": f"{kind}-{name}", "labels": labels}
    return {"kind": kind, "metadata": {**metadata, "creationTimestamp": stamp(now - ago)}}


def _owned(obj: Object, kind: str, name: str) -> Object:
    link = {"kind": kind, "name": name, "uid": f"{kind}-{name}", "controller": True}
    obj["metadata"]["ownerReferences"] = [link]
    return obj


def _pod(name: str, ago: float, now: float, policy: str = "Always", **status: Any) -> Object:
    spec = {"restartPolicy": policy, "containers": [{"name": "main", "image": "other:1"}]}
    made = _named("Pod", name, ago, now, app=name.rpartition("-")[0])
    spec |= {"nodeName": "noise-node"}
    return {**made, "spec": spec, "status": {"phase": "Running", **status}}


def _status(state: Object, restarts: int = 0, last: Object | None = None) -> list[Object]:
    made = {"name": "main", "ready": "running" in state, "restartCount": restarts, "state": state}
    return [{**made, "lastState": {"terminated": last} if last else {}}]


def _deployment(name: str, now: float, ready: int, pod: Object | None) -> Iterator[tuple[str, Any]]:
    """Yield a Deployment with its ReplicaSet and its one pod, if it has one."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main"}]}}
    counts = {"replicas": int(pod is not None), "updatedReplicas": 1, "readyReplicas": ready}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    yield "deployments", {**_named("Deployment", name, LIFE, now), "spec": spec, "status": counts}
    replicaset = _owned(_named("ReplicaSet", f"{name}-1", LIFE, now), "Deployment", name)
    yield "replicasets", {**replicaset, "spec": spec, "status": counts}
    if pod is not None:
        yield "pods", _owned(pod, "ReplicaSet", f"{name}-1")


def _neighbours(now: float) -> Iterator[tuple[str, Object]]:
    """Yield what others have in the namespace, in trouble or well again."""
    ended = {"exitCode": 1, "reason": "Error", "startedAt": stamp(now - 21)}
    loop = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}}
    crash = _status(loop, 7, {**ended, "finishedAt": stamp(now - 20)})
    yield from _deployment(
        "noise-crash", now, 0, _pod("noise-crash-1-x", LIFE, now, containerStatuses=crash)
    )
    waits = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "nopull:1"'}
    pull = _pod("noise-image-1-x", LIFE, now, phase="Pending")
    pull["status"]["containerStatuses"] = _status({"waiting": waits})
    yield from _deployment("noise-image", now, 0, pull)
    yield from _deployment("noise-quota", now, 0, None)
    for name, ago in (("noise-minutes", MINUTES), ("noise-hours", HOURS)):
        well = _pod(f"{name}-1-x", LIFE, now, containerStatuses=_status({"running": {}}))
        well["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        yield from _deployment(name, now, 1, restarted(well, ago, now))
    yield from _earlier_run(now)
    dead = {"selector": {"app": "noise-gone"}, "ports": [{"port": 80}]}
    yield "services", {**_named("Service", "noise-dead", HOURS, now), "spec": dead}
    for number in range(2):
        gated = _pod(f"noise-gated-{number}", HOURS, now, phase="Pending")
        del gated["spec"]["nodeName"]
        gated["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
        gated["status"]["conditions"] = [{**UNSCHEDULED, "reason": "SchedulingGated"}]
        yield "pods", gated


def _earlier_run(now: float) -> Iterator[tuple[str, Object]]:
    """Yield the Job of another suite that failed hours ago, and its pod."""
    end = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = _named("Job", "other-1", HOURS, now, **{RUN_LABEL: "1"})
    failed = {"failed": 1, "conditions": [{**end, "lastTransitionTime": stamp(now - HOURS)}]}
    template = {"spec": {"containers": [{"name": "main"}]}}
    yield "jobs", {**job, "spec": {"template": template}, "status": failed}
    ended = {"exitCode": 137, "reason": "Error", "finishedAt": stamp(now - HOURS)}
    pod = _pod("other-1-x", HOURS, now, "Never", phase="Failed")
    pod["status"]["containerStatuses"] = _status({"terminated": ended})
    pod["metadata"]["labels"] = {RUN_LABEL: "1"}
    yield "pods", _owned(pod, "Job", "other-1")


def _leftovers(snapshot: Snapshot) -> Iterator[Object]:
    """Yield pods that were evicted hours ago: bare ones, and one of each ReplicaSet."""
    now, message = snapshot.now, "The node was low on resource: memory."
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(now - HOURS)}
    status: Object = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": message,
        "conditions": [ready],
    }
    yield _pod("noise-evicted-0", LIFE, now, **status)
    for each in snapshot["replicasets"]:
        name = str(each["metadata"]["name"])
        pod = _owned(_pod(f"{name}-evicted", LIFE, now, **status), "ReplicaSet", name)
        pod["metadata"]["ownerReferences"][0]["uid"] = each["metadata"]["uid"]
        template = (each["spec"].get("template") or {}).get("metadata") or {}
        pod["metadata"]["labels"] = dict(template.get("labels") or {})
        yield pod


def _full_quota() -> Object:
    hard = {"requests.example.com/gpu": "0"}
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": "noise-quota"},
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": hard},
    }


def _event(about: Object, reason: str, message: str, at: float, number: int = 0) -> Object:
    return {
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.{reason}.{number}"},
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 1,
        "lastTimestamp": stamp(at),
    }


def _neighbours_events(now: float) -> list[Object]:
    refused = (
        'Error creating: pods "noise-quota-1-x" is forbidden: exceeded quota: noise-quota,'
        " requested: requests.example.com/gpu=1, used: requests.example.com/gpu=0,"
        " limited: requests.example.com/gpu=0"
    )
    pull = 'Failed to pull image "nopull:1": not found'
    crash = {"kind": "Pod", "name": "noise-crash-1-x"}
    return [
        _event({"kind": "ReplicaSet", "name": "noise-quota-1"}, "FailedCreate", refused, now - 5),
        _event({"kind": "Pod", "name": "noise-image-1-x"}, "Failed", pull, now - 9),
        _event(crash, "BackOff", "Back-off restarting failed container main", now - 3),
    ]


def _old_events(snapshot: Snapshot) -> Iterator[Object]:
    """Yield old events: of pods that are gone, also of such that had the name of one that is."""
    names = [str(pod["metadata"]["name"]) for pod in snapshot["pods"]] or ["gone"]
    kinds = (
        ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500"),
        ("Killing", "Container main failed liveness probe, will be restarted"),
        ("FailedScheduling", "0/1 nodes are available: 1 Insufficient memory."),
        ("FailedMount", 'MountVolume.SetUp failed for volume "old": secret "gone" not found'),
    )
    for number in range(OLD_EVENTS):
        reason, message = kinds[number % len(kinds)]
        same = number % 10 == 0
        name = names[number % len(names)] if same else f"gone-{number % 97}"
        about = {"kind": "Pod", "name": name, "uid": f"gone-{number}"}
        yield _event(about, reason, message, snapshot.now - HOURS - number, number)
