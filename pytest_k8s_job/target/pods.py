"""Pods as the API server describes them, and what made each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_k8s_job.cluster.objects import (
    Object,
    condition,
    digest_of,
    name_of,
    owners,
    version_of,
)
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.target.state import NamespaceState
from pytest_k8s_job.target.workload import Pod, Restart

__all__ = ["Key", "addresses_of", "is_live", "maker_of", "owner_of", "pod_of"]

Key = tuple[str, str]  # kind in lower case, name


def owner_of(pod: Object, state: NamespaceState) -> Key | None:
    """Return what makes the pod; None for a Job, itself for a bare pod."""
    link = next((each for each in owners(pod) if each.get("controller", True)), None)
    if link is None or link["kind"] == "Node":  # a static pod
        return "pod", name_of(pod)
    if link["kind"] == "Job":
        return None
    if link["kind"] != "ReplicaSet":
        return link["kind"].lower(), link["name"]
    replicaset = state.named("replicasets", link["name"])
    if replicaset is not None and (above := maker_of(replicaset)):
        return above
    if replicaset is None and version_of(pod):  # ReplicaSets may not be read
        return "deployment", link["name"].removesuffix(f"-{version_of(pod)}")
    return "replicaset", link["name"]


def maker_of(obj: Object) -> Key | None:
    """Return the controller that made an object, None if it has none."""
    return next(((each["kind"].lower(), each["name"]) for each in owners(obj)), None)


def addresses_of(pod: Object) -> set[str]:
    """Return the IP addresses of a pod."""
    status = pod.get("status") or {}
    return {
        each
        for each in (status.get("podIP"), *(ip.get("ip") for ip in status.get("podIPs") or ()))
        if each
    }


def is_live(pod: Object) -> bool:
    """Whether a pod has not finished."""
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def pod_of(pod: Object) -> Pod:
    """Return what the target keeps of a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    images = {(each["name"], digest_of(each)) for each in containers if digest_of(each)}
    return Pod(
        metadata.get("namespace", ""),
        metadata["name"],
        version_of(pod),
        epoch(metadata.get("creationTimestamp")),
        condition(pod, "Ready").get("status") == "True",
        status.get("podIP") or "",
        frozenset(images),
        tuple(_restarts(containers)),
    )


def _restarts(containers: Any) -> Iterator[Restart]:
    for each in containers:
        for state in (each.get("state") or {}, each.get("lastState") or {}):
            if ended := state.get("terminated"):
                finished = epoch(ended.get("finishedAt"))
                reason = ended.get("reason") or "ended"
                yield Restart(each["name"], each.get("restartCount", 0), finished, reason)
                break
