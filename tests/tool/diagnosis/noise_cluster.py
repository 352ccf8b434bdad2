"""Noise in a namespace of the real cluster: neighbours in trouble, and what is over."""

from __future__ import annotations

import json
import time
from typing import Any

from pytest_k8s_job.diagnosis.rules.container_exits import RUN_LABEL, STABLE
from tests.tool.diagnosis.noise import HOURS, NOISY_LOG, OLD_EVENTS, stamp
from tests.tool.diagnosis.objects import container, deployment, job, pod_spec, service
from tests.tool.diagnosis.place import Place, create_many, wait_until

__all__ = ["deploy_noise", "ending_once", "old_events", "settled_restart"]

Object = dict[str, Any]
# Ends at its first start, and then runs: its directory outlives the container.
ENDS_ONCE = ["sh", "-c", "test -e /mark/ended && exec sleep 900; touch /mark/ended; exit 255"]
MARK: Object = {
    "volumes": [{"name": "mark", "emptyDir": {}}],
}


def ending_once() -> Object:
    """Return the spec of a pod that restarts once."""
    mount = [{"name": "mark", "mountPath": "/mark"}]
    return pod_spec(container(ENDS_ONCE, volumeMounts=mount), **MARK)


def _pod(name: str) -> Object:
    gated = pod_spec(schedulingGates=[{"name": "example.com/wait"}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": gated}


def _earlier_run() -> Object:
    """Return the Job of a suite that could not resolve a name."""
    main = container(["sh", "-c", f"echo {NOISY_LOG!r}; exit 137"])
    made = job(pod_spec(main), "noise-run")
    made["metadata"]["labels"] = {RUN_LABEL: "noise"}
    made["spec"]["template"]["metadata"] = {"labels": {RUN_LABEL: "noise"}}
    return made


def _objects() -> list[Object]:
    hard = {"requests.example.com/gpu": "0"}
    quota = {"metadata": {"name": "noise-quota"}, "spec": {"hard": hard}}
    gpu = {"limits": {"example.com/gpu": "1"}, "requests": {"example.com/gpu": "1"}}
    absent = container(image="registry.invalid/noise:1")
    failing = container(["sh", "-c", "echo KeyError: SETTING; exit 1"])
    return [
        {"apiVersion": "v1", "kind": "ResourceQuota", **quota},
        deployment(pod_spec(failing), "noise-crash"),
        deployment(pod_spec(absent), "noise-image"),
        deployment(pod_spec(container(resources=gpu)), "noise-refused"),
        deployment(ending_once(), "noise-restarted"),
        service("noise-dead", app="noise-gone"),
        _pod("noise-gated"),
        _pod("noise-evicted"),
        _earlier_run(),
    ]


def old_events(place: Place, count: int) -> None:
    """Create events of hours ago, about pods that are gone."""
    at, events = stamp(time.time() - HOURS), []
    for number in range(count):
        about = {"kind": "Pod", "namespace": place.name, "name": f"gone-{number}"}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"gone-{number}.old", "namespace": place.name},
            "involvedObject": about,
            "reason": "Unhealthy",
            "message": "Readiness probe failed: HTTP probe failed with statuscode: 500",
            "type": "Warning",
            "firstTimestamp": at,
            "lastTimestamp": at,
        }
        events.append(("events", event))
    create_many(place.name, events)


def deploy_noise(place: Place) -> None:
    """Deploy the noise and wait until all of it shows; set when the place's window begins."""
    place.apply(*_objects())
    past = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(time.time() - HOURS)}
    message = "The node was low on resource: memory."
    status = {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [past]}
    patch = json.dumps({"status": status})
    place.kubectl(
        "patch", "pod", "noise-evicted", "--subresource=status", "--type=merge", "-p", patch
    )
    old_events(place, OLD_EVENTS)
    _await(place, "noise-crash", '"exitCode": 1')
    _await(place, "noise-image", "registry.invalid")
    _await(place, "noise-refused", "exceeded quota")
    place.kubectl("wait", "job/noise-run", "--for=condition=Failed", "--timeout=60s")
    settled_restart(place, "app=noise-restarted")
    place.since = time.time()


def _await(place: Place, name: str, sign: str) -> None:
    wait_until(lambda: sign in _states(place, name), f"{name} to show {sign}")


def settled_restart(place: Place, label: str) -> None:
    """Wait until the restarted containers of a label have run for long enough to be well."""
    wait_until(lambda: _restarted(place, label), f"the restart of {label}")
    time.sleep(STABLE + 1)  # what makes it well is time


def _restarted(place: Place, label: str) -> bool:
    pods = place.get("pods", "-l", label)
    statuses = [each for pod in pods for each in pod["status"].get("containerStatuses") or ()]
    return bool(statuses) and all(each.get("restartCount") and each["ready"] for each in statuses)


def _states(place: Place, name: str) -> str:
    found = [
        *place.get("pods", "-l", f"app={name}"),
        *place.get("replicasets", "-l", f"app={name}"),
    ]
    return json.dumps([each.get("status") for each in found])
