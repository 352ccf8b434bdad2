"""Reads labels, owners, conditions, versions and times of Kubernetes objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_k8s_job.cluster.text import epoch

__all__ = [
    "INDEX_LABEL",
    "JOB_LABEL",
    "Object",
    "condition",
    "created",
    "digest_of",
    "event_time",
    "labels_of",
    "name_of",
    "owners",
    "version_of",
    "workload_of",
]

Object = Mapping[str, Any]

JOB_LABEL = "batch.kubernetes.io/job-name"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
HASH_LABELS = ("pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash")


def name_of(obj: Object) -> str:
    """Return an object's name."""
    return str(obj["metadata"]["name"])


def labels_of(obj: Object) -> Mapping[str, str]:
    """Return an object's labels."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def owners(obj: Object) -> list[Object]:
    """Return an object's owner references."""
    return list(obj["metadata"].get("ownerReferences") or ())


def created(obj: Object) -> str:
    """Return when an object was created, as RFC 3339 text, which sorts by time."""
    return str(obj["metadata"]["creationTimestamp"])


def condition(obj: Object, kind: str) -> Object:
    """Return a condition of an object's status."""
    for each in (obj.get("status") or {}).get("conditions") or ():
        if each.get("type") == kind:
            found: Object = each
            return found
    return {}


def version_of(pod: Object) -> str:
    """Return the hash of a pod's template, "" if it has none."""
    labels = labels_of(pod)
    return next((labels[name] for name in HASH_LABELS if name in labels), "")


def workload_of(pod: Object) -> tuple[str, str] | None:
    """Return kind and name of the workload that made a pod, None without one."""
    for link in owners(pod):
        if link["kind"] == "ReplicaSet":
            return "deployment", link["name"].removesuffix(f"-{version_of(pod)}")
        return link["kind"].lower(), link["name"]
    return None


def digest_of(status: Object) -> str:
    """Return the digest of a container's image, "" before it is known."""
    image = str(status.get("imageID") or "")
    return image[image.index("sha256:") :] if "sha256:" in image else ""


def event_time(event: Object) -> float:
    """Return when an event was last seen, in seconds since the epoch."""
    series = (event.get("series") or {}).get("lastObservedTime")
    stamps = (series, event.get("lastTimestamp"), event.get("eventTime"))
    times = [epoch(each) for each in (*stamps, event["metadata"].get("creationTimestamp"))]
    return max(times)
