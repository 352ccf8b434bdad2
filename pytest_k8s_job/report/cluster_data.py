"""Reads the target, the Job's steps and events after a run.

Each of these may be forbidden to the user or gone; it is then left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.objects import (
    INDEX_LABEL,
    JOB_LABEL,
    Object,
    condition,
    digest_of,
    event_time,
    labels_of,
    name_of,
    version_of,
    workload_of,
)
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.containers import Container, containers, terminating
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.report.run_data import Event, Mark, Place, RunData, ShardProof, Workload

__all__ = ["cluster_data_from", "read_cluster_data"]

RESOURCES = {
    "pods": "/api/v1/namespaces/{}/pods?limit=500",
    "events": "/api/v1/namespaces/{}/events?limit=1000",
    "jobs": "/apis/batch/v1/namespaces/{}/jobs?limit=500",
}


def read_cluster_data(
    reader: Reader, namespace: str, jobs: Collection[str], shards: Iterable[ShardProof] = ()
) -> RunData:
    """Read from the API server what it knows of the run's Jobs."""
    objects = {
        name: list(_get(reader, path.format(namespace)).get("items") or ())
        for name, path in RESOURCES.items()
    }
    data = cluster_data_from(objects, jobs, shards)
    version = str(_get(reader, "/version").get("gitVersion") or "")
    place = replace(data.place, namespace=namespace, server=reader.server, kubernetes=version)
    return replace(data, place=place)


def _get(reader: Reader, path: str) -> dict[str, Any]:
    try:
        body, _ = reader.read(path, "application/json")
        return dict(json.loads(body))
    except (ClusterError, ValueError):
        return {}


def cluster_data_from(
    objects: Mapping[str, Sequence[Object]],
    jobs: Collection[str],
    shards: Iterable[ShardProof] = (),
) -> RunData:
    """Return what `objects`, by resource, show of the run's Jobs and shards."""
    pods = objects.get("pods", [])
    ours = [pod for pod in pods if labels_of(pod).get(JOB_LABEL) in jobs]
    others = [pod for pod in pods if JOB_LABEL not in labels_of(pod)]
    created = [
        epoch(job["metadata"].get("creationTimestamp"))
        for job in objects.get("jobs", [])
        if name_of(job) in jobs
    ]
    began = min((at for at in created if at), default=0.0)
    marks = [Mark("created", at) for at in created if at]
    for pod in ours:
        marks += _steps(pod, objects.get("events", []), several=len(ours) > 1)
    nodes = {name_of(pod): pod["spec"].get("nodeName") or "" for pod in ours}
    events = [*_events(objects.get("events", []), ours, began), *_container_exits(others, began)]
    return RunData(
        place=_place(ours),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        events=tuple(sorted(events, key=lambda event: event.at)),
        target=tuple(_workloads(others, began)),
        shards=tuple(replace(each, node=nodes.get(each.pod, "")) for each in shards),
    )


def _place(pods: Sequence[Object]) -> Place:
    """Return image and run id from the first pod of the tests."""
    for pod in pods:
        for each in _main_containers(pod):
            run = labels_of(pod).get(RUN_LABEL, "")
            digest = digest_of(each.status)
            return Place(run_id=run, image=each.spec["image"], image_digest=digest)
    return Place()


def _steps(pod: Object, events: Sequence[Object], *, several: bool) -> Iterator[Mark]:
    shard = labels_of(pod).get(INDEX_LABEL, "") if several else ""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "True":
        yield Mark("scheduled", epoch(scheduled.get("lastTransitionTime")), shard)
    for event in events:
        about = event["involvedObject"]
        if event.get("reason") == "Pulled" and about.get("name") == name_of(pod):
            yield Mark("pulled", event_time(event), shard)
    for each in _main_containers(pod):
        started = each.terminated.get("startedAt") or each.running.get("startedAt")
        for name, stamp in (("started", started), ("ended", each.terminated.get("finishedAt"))):
            if at := epoch(stamp):
                yield Mark(name, at, shard)


def _events(events: Sequence[Object], ours: Sequence[Object], began: float) -> Iterator[Event]:
    """Yield the target's events, and warnings about the pods of the tests."""
    names = set(map(name_of, ours))
    for event in events:
        about, at = event["involvedObject"], event_time(event)
        warning = event.get("type") == "Warning"
        of_job = about.get("kind") == "Job" or about.get("name") in names
        if at >= began and (warning or not of_job):
            place = f"{str(about.get('kind')).lower()}/{about.get('name')}"
            yield Event(at, place, str(event.get("reason")), str(event.get("message")), warning)


def _container_exits(pods: Sequence[Object], began: float) -> Iterator[Event]:
    """Yield the containers that exited while the tests ran.

    No event reports an OOM kill.
    """
    for pod in pods:
        for each in _main_containers(pod):
            for ended in (each.terminated, each.ended_before):
                at = epoch(ended.get("finishedAt"))
                if at and at >= began:
                    text = f"container {each.name}, exit code {ended.get('exitCode')}"
                    place = f"pod/{name_of(pod)}"
                    yield Event(at, place, ended.get("reason") or "Ended", text, warning=True)


def _workloads(pods: Sequence[Object], began: float) -> Iterator[Workload]:
    """Yield each version of each workload; two versions of one are two."""
    groups: dict[tuple[str, str, str, str], list[Container]] = {}
    for pod in pods:
        for each in () if terminating(pod) else _main_containers(pod):
            owner = "/".join(workload_of(pod) or ("pod", name_of(pod)))
            key = (owner, each.spec["image"], digest_of(each.status), version_of(pod))
            groups.setdefault(key, []).append(each)
    for (name, image, digest, version), members in sorted(groups.items(), key=lambda item: item[0]):
        nodes = sorted({each.pod["spec"].get("nodeName") or "" for each in members} - {""})
        ready = sum(bool(each.status.get("ready")) for each in members)
        restarts = sum(0 < epoch(e.ended_before.get("finishedAt")) >= began for e in members)
        yield Workload(
            name, image, digest, version, ", ".join(nodes), f"{ready}/{len(members)}", restarts
        )


def _main_containers(pod: Object) -> list[Container]:
    return [each for each in containers(pod) if not each.init]
