"""Rules for failing probes, which kill containers or keep pods unready."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, event_time, name_of
from pytest_k8s_job.cluster.text import clipped, epoch
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import (
    Container,
    containers,
    finished,
    pod_words,
    terminating,
)
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.diagnosis.rules.dependencies import dependencies
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_probes", "killing_probe"]

CAUSES = {"liveness": Cause.LIVENESS, "startup": Cause.STARTUP_PROBE}
SAID = re.compile(r"(Liveness|Startup|Readiness) probe (?:failed|errored)[^:]*: ?(.*)", re.S)


def check_probes(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield running containers whose liveness or readiness probe fails."""
    for pod in snapshot["pods"]:
        if terminating(pod) or finished(pod):
            continue
        for container in containers(pod):
            if not container.running or container.init:
                continue
            if not container.ended and (killed := killing_probe(snapshot, container)):
                yield killed
            elif not container.status.get("ready") and container.spec.get("readinessProbe"):
                yield from _not_ready(snapshot, container)


def killing_probe(snapshot: Snapshot, container: Container) -> Finding | None:
    """Return the finding if a failing probe made the kubelet kill the container."""
    pod = container.pod_ref.name
    events = snapshot.events("Pod", pod, "Killing", "Unhealthy")
    for kind, cause in CAUSES.items():
        if not container.spec.get(f"{kind}Probe"):
            continue
        killed = [each for each in events if f"failed {kind} probe" in str(each.get("message"))]
        failures = _probe_failures(events, container, kind)
        # One that was killed for it before may have ended for another reason since.
        since = epoch(container.ended.get("startedAt"))
        ours = [each for each in killed if _names(each, container) and event_time(each) >= since]
        if not ours:
            continue
        probe = container.spec[f"{kind}Probe"]
        return Finding(
            cause,
            f"the kubelet kills {container.words} of {pod_words(snapshot, container.pod)}"
            f" ({container.restarts} restarts): its {kind} probe ({_probe_text(probe)}) fails"
            + _quoted(failures),
            (container.pod_ref,),
            f"{kind}Probe: {{timeoutSeconds: ..., failureThreshold: ...}}"
            "    # or mend what it asks",
            tuple(map(snapshot.event_line, [*ours[:1], *failures[:1]])),
            Outlook.MAY_HEAL,
            dependencies(snapshot, container.pod, _log(snapshot, container), proven=True),
            group=f"{snapshot.top(container.pod)} {container.name}",
        )
    return None


def _not_ready(snapshot: Snapshot, container: Container) -> Iterator[Finding]:
    pod = container.pod
    events = snapshot.events("Pod", name_of(pod), "Unhealthy", "ProbeWarning")
    failures = _probe_failures(events, container, "readiness")
    starting = bool(container.spec.get("startupProbe")) and not container.status.get("started")
    if starting:
        failures = _probe_failures(events, container, "startup")
    if not failures:
        return
    age = snapshot.age(container.running.get("startedAt"))
    kind = "startup" if starting else "readiness"
    probe = container.spec[f"{kind}Probe"]
    log = _log(snapshot, container)
    yield Finding(
        Cause.NOT_READY,
        f"{container.words} of {pod_words(snapshot, pod)} runs for {age:.0f} s and is not ready:"
        f" its {kind} probe ({_probe_text(probe)}) fails{_quoted(failures)}",
        (container.pod_ref,),
        f"kubectl -n {snapshot.namespace} logs {name_of(pod)} -c {container.name}",
        (
            *map(snapshot.event_line, failures[:1]),
            *(f"log: {clipped(each)}" for each in log.splitlines()[-3:]),
        ),
        Outlook.MAY_HEAL,
        dependencies(snapshot, pod, log, proven=False),
        group=f"{snapshot.top(pod)} {container.name}",
    )


def _log(snapshot: Snapshot, container: Container) -> str:
    return snapshot.log(container.pod_ref.name, container.name)


def _probe_failures(events: list[Object], container: Container, kind: str) -> list[Object]:
    """Return the events about failures of one probe of the container."""
    place = f"{{{container.name}}}"
    return [
        each
        for each in events
        if str(each.get("message")).startswith(kind.capitalize())
        and str(each["involvedObject"].get("fieldPath", place)).endswith(place)
    ]


def _names(event: Object, container: Container) -> bool:
    return (
        re.search(rf"[Cc]ontainer {re.escape(container.name)} failed", str(event["message"]))
        is not None
    )


def _quoted(failures: list[Object]) -> str:
    match = SAID.match(str(failures[0].get("message"))) if failures else None
    text = clipped(match[2], 160) if match else ""
    return f": {text}" if text else ", without a word"


def _probe_text(probe: Object) -> str:
    if (http := probe.get("httpGet")) is not None:
        return f"GET {http.get('path', '/')} on port {http['port']}"
    if (tcp := probe.get("tcpSocket")) is not None:
        return f"TCP port {tcp['port']}"
    if (grpc := probe.get("grpc")) is not None:
        return f"gRPC port {grpc['port']}"
    return "exec " + clipped(" ".join((probe.get("exec") or {}).get("command") or ()), 60)
