"""Shows a verdict where people look: Events on the workloads, labels on the Job."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.target.workload import short
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.verdict.verdict import Verdict

__all__ = [
    "REVISION_LABEL",
    "VERDICT_LABEL",
    "Writer",
    "announce",
    "label_value",
    "told_before",
    "verdict_text",
]

REVISION_LABEL = "pytest-k8s-job/revision"
VERDICT_LABEL = "pytest-k8s-job/verdict"
COMPONENT = "k8s-job"  # as `kubectl describe` shows it behind "From"
EVENTS = "/api/v1/namespaces/{}/events"
JOB = "/apis/batch/v1/namespaces/{}/jobs/{}"
MESSAGE_LENGTH = 1024  # characters, the API server's limit for Events of the newer kind
LABEL_LENGTH = 63  # characters; the API server refuses longer ones
NAME_LENGTH = 200  # characters of a workload's name in that of an Event, which has 253
REASONS = {
    Verdict.PASSED: "TestsPassed",
    Verdict.FAILED: "TestsFailed",
    Verdict.NO_TESTS: "TestsMissing",
    Verdict.NOT_RUN: "TestsNotRun",
    Verdict.INCOMPLETE: "TestsIncomplete",
    Verdict.VOID: "TestsVoid",
}


class Kind(NamedTuple):
    """How the API server names a kind of workload."""

    name: str
    api: str
    path: str


KINDS = {
    "deployment": Kind("Deployment", "apps/v1", "/apis/apps/v1/namespaces/{}/deployments"),
    "statefulset": Kind("StatefulSet", "apps/v1", "/apis/apps/v1/namespaces/{}/statefulsets"),
    "daemonset": Kind("DaemonSet", "apps/v1", "/apis/apps/v1/namespaces/{}/daemonsets"),
    "replicaset": Kind("ReplicaSet", "apps/v1", "/apis/apps/v1/namespaces/{}/replicasets"),
    "pod": Kind("Pod", "v1", "/api/v1/namespaces/{}/pods"),
    "job": Kind("Job", "batch/v1", "/apis/batch/v1/namespaces/{}/jobs"),
    "rollout": Kind(
        "Rollout", "argoproj.io/v1alpha1", "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts"
    ),
}


class Writer(Protocol):
    """What writes objects to a cluster; `send` may raise ClusterError."""

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the API server's answer to any request; a PATCH is a merge patch."""


def announce(cluster: Writer, validation: Validation) -> list[str]:
    """Write an Event on each workload of the target, and labels on the Job.

    Returns what could not be written, a line each: no verdict depends on it. The same verdict
    announced again changes nothing.
    """
    failed: list[str] = []
    try:
        for kind, namespace, name in validation.workloads:
            failed += _try_event(cluster, validation, kind, namespace, name)
        failed += _try_labels(cluster, validation)
    except (ClusterError, LookupError, TypeError, ValueError) as error:
        # No answer at all, or one that is none of the API server's: a proxy says what it likes.
        failed.append(f"the verdict is not shown on workloads and Job: {error or type(error)}")
    return failed


def verdict_text(validation: Validation) -> str:
    """Return verdict, revision, counts, run, first line and note in one line."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in validation.counts.items())
    tests = f"{counts} in {validation.seconds:.0f} s, " if counts else ""
    run = f"run {validation.run_id}" if validation.run_id else "no run"
    text = f"{validation.verdict} {short(validation.revision)} ({tests}{run})"
    text += f": {validation.first_line}" if validation.first_line else ""
    return f"{text}; {validation.note}" if validation.note else text


def label_value(text: str) -> str:
    """Return `text` as a label's value: its characters, and at most 63 of them."""
    allowed = re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:LABEL_LENGTH]
    return allowed.strip("_.-")


def _try_event(
    cluster: Writer, validation: Validation, kind: str, namespace: str, name: str
) -> Iterator[str]:
    """Write the Event on one workload; yield why it could not be written."""
    about = _reference(cluster, kind, namespace, name)
    try:
        cluster.send("POST", EVENTS.format(quote(namespace)), _event(validation, about))
    except ClusterError as error:
        if error.status == HTTPStatus.CONFLICT:
            return  # this verdict has been announced before
        if not error.status:
            raise  # each further request would wait as long again
        yield f"no Event on {kind} {name} in namespace {namespace}: {error}"


def _reference(cluster: Writer, kind: str, namespace: str, name: str) -> dict[str, str]:
    """Return what an Event says of its object.

    `kubectl describe` finds it by the uid only.
    """
    known = KINDS.get(kind, Kind(kind.capitalize(), "", ""))
    found = {"apiVersion": known.api, "kind": known.name, "namespace": namespace, "name": name}
    if not known.path:
        return found
    query = urlencode({"fieldSelector": f"metadata.name={name}"})  # a Role with `list` is enough
    try:
        items = cluster.send("GET", f"{known.path.format(quote(namespace))}?{query}")["items"]
    except ClusterError as error:
        if not error.status:
            raise
        return found
    return {**found, "uid": items[0]["metadata"]["uid"]} if items else found


def _event(validation: Validation, about: dict[str, str]) -> dict[str, Any]:
    ended = datetime.fromtimestamp(validation.started + validation.seconds, UTC)
    stamp = ended.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": _event_name(validation, about), "namespace": about["namespace"]},
        "involvedObject": about,
        "type": "Normal" if validation.passed else "Warning",
        "reason": REASONS[Verdict(validation.verdict)],
        "message": clipped(verdict_text(validation), MESSAGE_LENGTH),
        "source": {"component": COMPONENT},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def _event_name(validation: Validation, about: dict[str, str]) -> str:
    """Return a name that only the same verdict on the same workload has."""
    said = [about["kind"], about["name"], validation.job, validation.verdict, validation.note]
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    return f"{about['name'][:NAME_LENGTH].rstrip('.-')}.{digest}"


def _try_labels(cluster: Writer, validation: Validation) -> Iterator[str]:
    labels = {
        REVISION_LABEL: label_value(short(validation.revision)),
        VERDICT_LABEL: label_value(validation.verdict),
    }
    path = JOB.format(quote(validation.namespace), quote(validation.job))
    try:
        cluster.send("PATCH", path, {"metadata": {"labels": labels}})
    except GoneError:
        return  # a target that cannot be tested has a verdict without a Job
    except ClusterError as error:
        if not error.status:
            raise
        yield f"no labels on Job {validation.job}: {error}"


def told_before(validation: Validation) -> str:
    """Return the line on a verdict that stands."""
    at = datetime.fromtimestamp(validation.started).astimezone()
    when = at.strftime("%H:%M" if time.time() - validation.started < 86400 else "%Y-%m-%d %H:%M")
    why = f": {validation.first_line}" if validation.first_line else ""
    return f"{validation.verdict} before, {when}, run {validation.run_id}{why}"
