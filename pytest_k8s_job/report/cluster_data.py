"""Reads the target's pods, the Job's steps and events after a run.

Each of these may be forbidden to the user or gone; it is then left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from pytest_k8s_job.target.membership import is_event_of, is_pod_of
from pytest_k8s_job.target.model import Target

__all__ = ["cluster_data_from", "read_cluster_data"]

CORE, BATCH = "/api/v1/namespaces/{}/", "/apis/batch/v1/namespaces/{}/"
SIDE_BY_SIDE = 8  # requests at the same time


def read_cluster_data(
    reader: Reader,
    namespace: str,
    jobs: Collection[str],
    target: Target,
    shards: Iterable[ShardProof] = (),
) -> RunData:
    """Read from the API server what it knows of a run and its target.

    Pods and events are asked for once in each namespace, however many pods tests or target have.
    """
    places = dict.fromkeys([namespace, *target.namespaces])
    asked = [(each, CORE.format(place) + each) for place in places for each in ("pods", "events")]
    asked += [("jobs", BATCH.format(namespace) + "jobs"), ("version", "/version")]
    with ThreadPoolExecutor(SIDE_BY_SIDE, "k8s-job-report") as threads:
        answers = list(threads.map(lambda each: _get(reader, each[1]), asked))
    objects: dict[str, list[Object]] = {}
    for (resource, _), answer in zip(asked, answers, strict=True):
        objects.setdefault(resource, []).extend(answer.get("items") or ())
    data = cluster_data_from(objects, namespace, jobs, target, shards)
    version = str(answers[-1].get("gitVersion") or "")
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
    namespace: str,
    jobs: Collection[str],
    target: Target,
    shards: Iterable[ShardProof] = (),
) -> RunData:
    """Return what `objects`, by resource, show of a run and its target."""
    all_pods, all_events = objects.get("pods", []), objects.get("events", [])
    ours = [
        pod
        for pod in all_pods
        if labels_of(pod).get(JOB_LABEL) in jobs and _namespace(pod) == namespace
    ]
    pods = [pod for pod in all_pods if is_pod_of(target, pod)]
    created = [
        epoch(job["metadata"].get("creationTimestamp"))
        for job in objects.get("jobs", [])
        if name_of(job) in jobs
    ]
    began = min((at for at in created if at), default=0.0)
    names = {("Job", each) for each in jobs} | {("Pod", name_of(each)) for each in ours}
    own = [each for each in all_events if _about(each) in names and _namespace(each) == namespace]
    theirs = [each for each in all_events if is_event_of(target, each)]
    marks = [Mark("created", at) for at in created if at]
    for pod in ours:
        marks += _steps(pod, own, several=len(ours) > 1)
    nodes = {name_of(pod): pod["spec"].get("nodeName") or "" for pod in ours}
    warnings = [each for each in own if each.get("type") == "Warning"]
    events = [*_events([*warnings, *theirs], began), *_container_exits(pods, began)]
    return RunData(
        place=_place(ours),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        events=tuple(sorted(events, key=lambda event: event.at)),
        target=tuple(_workloads(pods, began)),
        shards=tuple(replace(each, node=nodes.get(each.pod, "")) for each in shards),
    )


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace") or "")


def _about(event: Object) -> tuple[str, str]:
    about = event["involvedObject"]
    return str(about.get("kind")), str(about.get("name"))


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


def _events(events: Iterable[Object], began: float) -> Iterator[Event]:
    """Yield the events since the run began."""
    for event in events:
        kind, name = _about(event)
        at, warning = event_time(event), event.get("type") == "Warning"
        if at >= began:
            text, reason = str(event.get("message")), str(event.get("reason"))
            yield Event(at, f"{kind.lower()}/{name}", reason, text, warning)


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
    groups: dict[tuple[str, str, str, str, str], list[Container]] = {}
    for pod in pods:
        for each in () if terminating(pod) else _main_containers(pod):
            owner = "/".join(workload_of(pod) or ("pod", name_of(pod)))
            image, digest = each.spec["image"], digest_of(each.status)
            version = owner, _namespace(pod), image, digest, version_of(pod)
            groups.setdefault(version, []).append(each)
    for key, members in sorted(groups.items(), key=lambda item: item[0]):
        nodes = sorted({each.pod["spec"].get("nodeName") or "" for each in members} - {""})
        ready = sum(bool(each.status.get("ready")) for each in members)
        restarts = sum(0 < epoch(e.ended_before.get("finishedAt")) >= began for e in members)
        yield Workload(*key, ", ".join(nodes), f"{ready}/{len(members)}", restarts)


def _main_containers(pod: Object) -> list[Container]:
    return [each for each in containers(pod) if not each.init]
