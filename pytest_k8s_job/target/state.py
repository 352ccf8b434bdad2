"""Whether the target stayed the same while it was tested: two versions share no result."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.errors import ClusterError

__all__ = ["Change", "TargetState", "change_between", "read_target"]

Object = Mapping[str, Any]
SHOWN = 24  # characters of a digest that a sentence shows
HASHES = ("pod-template-hash", "controller-revision-hash")  # labels of a pod's version


@dataclass(frozen=True)
class TargetState:
    """The pods of the target.

    Attributes:
        versions: by workload, the template hashes of its pods and the image digests of each
            of their containers, as far as they have started.
        restarts: number of restarts and reason of the last end, by pod and container.
    """

    versions: Mapping[str, Mapping[str, set[str]]]
    restarts: Mapping[tuple[str, str], tuple[int, str]]


@dataclass(frozen=True)
class Change:
    """What changed, in one sentence; `version` if the target is not what it was."""

    sentence: str
    version: bool


def read_target(reader: Reader, namespace: str, selector: str) -> TargetState | None:
    """Return the state of the pods that match `selector`, None if it may not be read."""
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}"
    try:
        body, _ = reader.read(path, "application/json")
    except ClusterError:
        return None
    return state_of(json.loads(body).get("items") or ())


def state_of(pods: Sequence[Object]) -> TargetState:
    """Return the state that the pod objects tell; pods of Jobs and those that go do not count."""
    versions: defaultdict[str, defaultdict[str, set[str]]]
    versions = defaultdict(lambda: defaultdict(set))
    restarts = {}
    for pod in pods:
        workload = _workload(pod)
        if workload is None or "deletionTimestamp" in pod["metadata"]:
            continue
        for part, value in _version(pod):
            versions[workload][part].add(value)
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            ended = (status.get("lastState") or {}).get("terminated") or {}
            key = pod["metadata"]["name"], status["name"]
            restarts[key] = status.get("restartCount", 0), ended.get("reason") or "ended"
    return TargetState(versions, restarts)


def change_between(before: TargetState, after: TargetState) -> Change | None:
    """Return the change that says most about the tests, None if there is none."""
    for workload, version in before.versions.items():
        if workload not in after.versions:
            return Change(f"{workload} went away while it was tested", version=True)
        for part, values in version.items():
            if new := after.versions[workload].get(part, set()) - values:
                what = f"{part} of {workload} became {_names(new)}, it was {_names(values)}"
                return Change(f"{what}, while it was tested", version=True)
    for (pod, container), (count, reason) in after.restarts.items():
        if count > before.restarts.get((pod, container), (0, ""))[0]:
            text = f"container {container} of pod {pod} restarted while it was tested ({reason})"
            return Change(text, version=False)
    return None


def _workload(pod: Object) -> str | None:
    owner = next((each for each in pod["metadata"].get("ownerReferences") or ()), None)
    if owner is None or owner["kind"] == "Job":
        return None
    if owner["kind"] == "ReplicaSet":
        return f"deployment {owner['name'].rpartition('-')[0]}"
    return f"{owner['kind'].lower()} {owner['name']}"


def _version(pod: Object) -> Iterator[tuple[str, str]]:
    labels = pod["metadata"].get("labels") or {}
    yield from (("the pod template", labels[name]) for name in HASHES if name in labels)
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if digest := status.get("imageID", "").rpartition("@")[2]:
            yield f"the image of container {status['name']}", digest


def _names(values: Iterable[str]) -> str:
    return ", ".join(sorted(each[:SHOWN] for each in values))
