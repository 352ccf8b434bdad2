"""What the API server knows of a run when it has ended: target, steps of the Job, events.

Each of these may be forbidden to the user or gone; it is then left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.report.document import Event, Mark, Place, RunData, ShardProof, Workload

__all__ = ["read_run_data", "run_data_from"]

Object = Mapping[str, Any]
JOB_LABEL = "batch.kubernetes.io/job-name"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
HASH_LABELS = ("pod-template-hash", "controller-revision-hash")
RESOURCES = {
    "pods": "/api/v1/namespaces/{}/pods?limit=500",
    "events": "/api/v1/namespaces/{}/events?limit=1000",
    "jobs": "/apis/batch/v1/namespaces/{}/jobs?limit=500",
}


def read_run_data(
    reader: Reader, namespace: str, jobs: Collection[str], shards: Iterable[ShardProof] = ()
) -> RunData:
    """Ask the API server for what it knows of the run of these Jobs."""
    objects = {
        name: list(_get(reader, path.format(namespace)).get("items") or ())
        for name, path in RESOURCES.items()
    }
    facts = run_data_from(objects, jobs, shards)
    version = str(_get(reader, "/version").get("gitVersion") or "")
    place = replace(facts.place, namespace=namespace, server=reader.server, kubernetes=version)
    return replace(facts, place=place)


def _get(reader: Reader, path: str) -> dict[str, Any]:
    try:
        body, _ = reader.read(path, "application/json")
        return dict(json.loads(body))
    except (ClusterError, ValueError):
        return {}


def run_data_from(
    objects: Mapping[str, Sequence[Object]],
    jobs: Collection[str],
    shards: Iterable[ShardProof] = (),
) -> RunData:
    """Return what `objects`, by resource, tell of the run of these Jobs and its shards."""
    pods = objects.get("pods", [])
    ours = [pod for pod in pods if _labels(pod).get(JOB_LABEL) in jobs]
    others = [pod for pod in pods if JOB_LABEL not in _labels(pod)]
    created = [
        _moment(job["metadata"].get("creationTimestamp"))
        for job in objects.get("jobs", [])
        if job["metadata"]["name"] in jobs
    ]
    began = min((at for at in created if at), default=0.0)
    marks = [Mark("created", at) for at in created if at]
    for pod in ours:
        marks += _steps(pod, objects.get("events", []), several=len(ours) > 1)
    nodes = {pod["metadata"]["name"]: pod["spec"].get("nodeName") or "" for pod in ours}
    events = [*_events(objects.get("events", []), ours, began), *_endings(others, began)]
    return RunData(
        place=_place(ours),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        events=tuple(sorted(events, key=lambda event: event.at)),
        target=tuple(_workloads(others, began)),
        shards=tuple(replace(each, node=nodes.get(each.pod, "")) for each in shards),
    )


def _place(pods: Sequence[Object]) -> Place:
    """Return what the first pod of the tests tells of their image."""
    for pod in pods:
        for container, status in _containers(pod):
            run = _labels(pod).get(RUN_LABEL, "")
            return Place(run_id=run, image=container["image"], image_digest=_digest(status))
    return Place()


def _steps(pod: Object, events: Sequence[Object], *, several: bool) -> Iterator[Mark]:
    shard = _labels(pod).get(INDEX_LABEL, "") if several else ""
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "True":
            yield Mark("scheduled", _moment(condition.get("lastTransitionTime")), shard)
    for event in events:
        about = event["involvedObject"]
        if event.get("reason") == "Pulled" and about.get("name") == pod["metadata"]["name"]:
            yield Mark("pulled", _event_moment(event), shard)
    for _, status in _containers(pod):
        state = status.get("state") or {}
        ended = state.get("terminated") or {}
        started = ended.get("startedAt") or (state.get("running") or {}).get("startedAt")
        for name, stamp in (("started", started), ("ended", ended.get("finishedAt"))):
            if at := _moment(stamp):
                yield Mark(name, at, shard)


def _events(events: Sequence[Object], ours: Sequence[Object], began: float) -> Iterator[Event]:
    """Yield what happened to the target, and of the pods of the tests what went wrong."""
    names = {pod["metadata"]["name"] for pod in ours}
    for event in events:
        about, at = event["involvedObject"], _event_moment(event)
        warning = event.get("type") == "Warning"
        of_job = about.get("kind") == "Job" or about.get("name") in names
        if at >= began and (warning or not of_job):
            place = f"{str(about.get('kind')).lower()}/{about.get('name')}"
            yield Event(at, place, str(event.get("reason")), str(event.get("message")), warning)


def _endings(pods: Sequence[Object], began: float) -> Iterator[Event]:
    """Yield the containers that ended while the tests ran; no event tells of an OOM kill."""
    for pod in pods:
        for container, status in _containers(pod):
            for state in (status.get("state") or {}, status.get("lastState") or {}):
                ended = state.get("terminated") or {}
                at = _moment(ended.get("finishedAt"))
                if at and at >= began:
                    text = f"container {container['name']}, exit code {ended.get('exitCode')}"
                    place = f"pod/{pod['metadata']['name']}"
                    yield Event(at, place, ended.get("reason") or "Ended", text, warning=True)


def _workloads(pods: Sequence[Object], began: float) -> Iterator[Workload]:
    """Yield each version of each workload; two versions of one are two."""
    groups: dict[tuple[str, str, str, str], list[Object]] = {}
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        for container, status in _containers(pod):
            labels = _labels(pod)
            version = next((labels[name] for name in HASH_LABELS if name in labels), "")
            key = (_owner(pod, version), container["image"], _digest(status), version)
            groups.setdefault(key, []).append({"pod": pod, "status": status})
    for (name, image, digest, version), members in sorted(groups.items()):
        nodes = sorted({each["pod"]["spec"].get("nodeName") or "" for each in members} - {""})
        ready = sum(bool(each["status"].get("ready")) for each in members)
        ends = [_ended(each["status"].get("lastState")) for each in members]
        restarts = sum(0 < at >= began for at in ends)
        yield Workload(
            name, image, digest, version, ", ".join(nodes), f"{ready}/{len(members)}", restarts
        )


def _ended(state: Object | None) -> float:
    return _moment(((state or {}).get("terminated") or {}).get("finishedAt"))


def _owner(pod: Object, version: str) -> str:
    for link in pod["metadata"].get("ownerReferences") or ():
        if link["kind"] == "ReplicaSet":
            return f"deployment/{link['name'].removesuffix(f'-{version}')}"
        return f"{link['kind'].lower()}/{link['name']}"
    return f"pod/{pod['metadata']['name']}"


def _containers(pod: Object) -> Iterator[tuple[Object, Object]]:
    """Yield each container with its status."""
    statuses = {each["name"]: each for each in pod["status"].get("containerStatuses") or ()}
    for container in pod["spec"]["containers"]:
        yield container, statuses.get(container["name"], {})


def _digest(status: Object) -> str:
    image = str(status.get("imageID") or "")
    return image[image.index("sha256:") :] if "sha256:" in image else ""


def _labels(obj: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def _event_moment(event: Object) -> float:
    series = (event.get("series") or {}).get("lastObservedTime")
    stamps = (series, event.get("lastTimestamp"), event.get("eventTime"))
    return max(_moment(stamp) for stamp in (*stamps, event["metadata"].get("creationTimestamp")))


def _moment(stamp: object) -> float:
    """Return an RFC 3339 time stamp as seconds, 0 if there is none."""
    return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) and stamp else 0.0
