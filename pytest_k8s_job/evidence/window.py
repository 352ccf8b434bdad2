"""Selects the log lines and events of the target during one test."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pytest_k8s_job.cluster.objects import Object, condition, event_time, labels_of, name_of
from pytest_k8s_job.cluster.text import bytes_text, clipped, epoch
from pytest_k8s_job.diagnosis.containers import Container, containers
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.evidence.target_reader import MARGIN, Log

__all__ = [
    "ContainerExit",
    "Line",
    "Window",
    "clock",
    "complaint_lines",
    "container_exits",
    "lines_with",
    "shown",
    "target_events",
]

LINE_LIMIT = 1000  # characters of a log line
SECTION_LIMIT = 16_000  # characters of a section
SERVICE = "kubernetes.io/service-name"
CHANGED = "endpoints.kubernetes.io/last-change-trigger-time"
_COMPLAINT = re.compile(r"(?i)warn|error|critical|fatal")
_STAMP = re.compile(r"(\S+T\S+?)(\.\d+)?(Z|[+-]\d\d:\d\d) (.*)")


@dataclass(frozen=True)
class Window:
    """The time of a test in seconds since the epoch, with a margin."""

    start: float
    stop: float

    def __contains__(self, at: object) -> bool:
        return isinstance(at, float) and self.start - MARGIN <= at <= self.stop + MARGIN


@dataclass(frozen=True)
class Line:
    """A line of a container's log."""

    at: float
    pod: str
    container: str
    previous: bool
    text: str


@dataclass(frozen=True)
class ContainerExit:
    """The last exit of a container."""

    at: float
    container: Container

    @property
    def pod(self) -> str:
        """Name of its pod."""
        return self.container.pod_ref.name

    @property
    def words(self) -> str:
        """A description, as `worker-7c9 was OOM-killed (limit 128 MiB)`."""
        ended = self.container.ended
        if ended.get("reason") == "OOMKilled":
            limits = (self.container.spec.get("resources") or {}).get("limits") or {}
            limit = f" (limit {bytes_text(limits['memory'])})" if limits.get("memory") else ""
            return f"{self.pod} was OOM-killed{limit}"
        name = self.container.name
        return f"container {name} of {self.pod} ended with exit code {ended.get('exitCode')}"


def clock(at: float) -> str:
    """Return the time of day."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def lines_with(logs: Iterable[Log], marks: Collection[str]) -> list[Line]:
    """Return the lines that carry one of `marks`, in time order, each once."""
    found: dict[tuple[float, str, str, str], Line] = {}
    for log in logs:
        if not any(mark in log.text for mark in marks):
            continue
        for raw in log.text.splitlines():
            match = _STAMP.match(raw) if any(mark in raw for mark in marks) else None
            if match is not None:
                at = epoch(match[1] + match[3]) + float(match[2] or 0)
                line = Line(at, log.pod, log.container, log.previous, match[4])
                found.setdefault((at, line.pod, line.container, line.text), line)
    return sorted(found.values(), key=lambda line: line.at)


def complaint_lines(logs: Iterable[Log]) -> list[Line]:
    """Return the lines that may be warnings or errors, in time order."""
    found = []
    for log in logs:
        for raw in filter(_COMPLAINT.search, log.text.splitlines()):
            if (match := _STAMP.match(raw)) is not None:
                at = epoch(match[1] + match[3]) + float(match[2] or 0)
                found.append(Line(at, log.pod, log.container, log.previous, match[4]))
    return sorted(found, key=lambda line: line.at)


def container_exits(snapshot: Snapshot) -> list[ContainerExit]:
    """Return the last exit of each container of the target."""
    found = [
        ContainerExit(epoch(each.ended.get("finishedAt")), each)
        for pod in snapshot["pods"]
        for each in containers(pod)
        if each.ended and not each.init
    ]
    return sorted(found, key=lambda exited: exited.at)


def target_events(snapshot: Snapshot, window: Window) -> list[str]:
    """Return events, restarts, exits and endpoint changes during the test, by time.

    And what did not run afterwards.
    """
    found = [*_events(snapshot), *_states(snapshot), *_endpoints(snapshot)]
    seen = sorted({each for each in found if each[0] in window})
    return [*(f"{clock(at)} {text}" for at, text in seen), *_waiting(snapshot)]


def _waiting(snapshot: Snapshot) -> Iterator[str]:
    """Yield the containers that still did not run when this was read."""
    for pod in snapshot["pods"]:
        for each in containers(pod):
            reason = each.waiting.get("reason")
            if reason and reason != "ContainerCreating":
                last = f", after {each.ended['reason']}" if each.ended.get("reason") else ""
                yield f"afterwards: container {each.name} of {name_of(pod)} waits: {reason}{last}"


def _events(snapshot: Snapshot) -> Iterator[tuple[float, str]]:
    known = {name_of(pod) for pod in snapshot["pods"]}
    for event in snapshot["events"]:
        about = event["involvedObject"]
        name = str(about.get("name"))
        if about.get("kind") == "Pod" and name not in known and not _is_end_of_pod(event):
            continue  # a pod of the tests, or one that the selector leaves out
        if about.get("kind") == "Job":
            continue
        change = clipped(event.get("message"))
        yield event_time(event), f"{about.get('kind')} {name}: {event.get('reason')}: {change}"


def _is_end_of_pod(event: Object) -> bool:
    """Whether the event reports the end of a pod that no longer exists."""
    return event.get("reason") in ("Killing", "Evicted", "Preempted", "NodeNotReady")


def _states(snapshot: Snapshot) -> Iterator[tuple[float, str]]:
    for exited in container_exits(snapshot):
        yield exited.at, exited.words
    for pod in snapshot["pods"]:
        ready = condition(pod, "Ready")
        change = "became ready" if ready.get("status") == "True" else "is not ready any more"
        yield epoch(ready.get("lastTransitionTime")), f"{name_of(pod)} {change}"
        for each in containers(pod):
            if each.restarts and each.running:
                at = epoch(each.running.get("startedAt"))
                text = f"container {each.name} of {name_of(pod)} started again"
                yield at, f"{text} ({each.restarts} restarts)"


def _endpoints(snapshot: Snapshot) -> Iterator[tuple[float, str]]:
    for each in snapshot["endpointslices"]:
        stamp = (each["metadata"].get("annotations") or {}).get(CHANGED)
        ends = each.get("endpoints") or ()
        ready = sum((end.get("conditions") or {}).get("ready") is not False for end in ends)
        name = labels_of(each).get(SERVICE, name_of(each))
        yield epoch(stamp), f"endpoints of Service {name} changed: now {ready} of {len(ends)} ready"


def shown(lines: Iterable[str]) -> str:
    """Return the lines as a section, cut in the middle if too long."""
    all_lines = [
        line
        if len(line) <= LINE_LIMIT
        else f"{line[:LINE_LIMIT]} [... {len(line) - LINE_LIMIT} characters left out]"
        for line in lines
    ]
    head: list[str] = []
    tail: list[str] = []
    room = SECTION_LIMIT
    first, last = 0, len(all_lines)
    while first < last:
        at_head = first <= len(all_lines) - last
        line = all_lines[first] if at_head else all_lines[last - 1]
        room -= len(line) + 1
        if room < 0:
            break
        if at_head:
            head.append(line)
            first += 1
        else:
            tail.append(line)
            last -= 1
    cut = [f"[... {last - first} lines left out]"] if first < last else []
    return "\n".join([*head, *cut, *reversed(tail)])
