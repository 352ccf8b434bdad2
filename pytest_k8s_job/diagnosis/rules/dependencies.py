"""Finds the Services that a pod depends on, from log and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot, matches

__all__ = [
    "DNS",
    "Host",
    "dependencies",
    "last_line",
    "network_errors",
    "read_host",
    "unresolved_host",
]

DNS = Ref("Service", "kube-dns", "kube-system")
UNRESOLVED = re.compile(
    r"(?i)name resolution|name or service not known|no such host|ENOTFOUND|EAI_AGAIN"
    r"|could not resolve|nodename nor servname|not resolved|getaddrinfo failed"
)
UNCONNECTED = re.compile(
    r"(?i)connection refused|ECONNREFUSED|connection reset|timed? ?out|no route to host"
    r"|unreachable|ETIMEDOUT|ECONNRESET|error 111|connection aborted|failed to connect"
)
HOST = re.compile(
    r"(?:connecting to|connect to|lookup|ENOTFOUND|EAI_AGAIN|resolve(?: host(?:name)?)?:?|host=|//)"
    r"\s*['\"(]*([a-z][a-z0-9.-]*[a-z0-9])(?=[^a-z0-9.-]|$)"
)
# A line that only frames a traceback says less than the one before.
EMPTY_LINES = re.compile(r"^\s*$|^\s*[\^~]+\s*$")


@dataclass(frozen=True)
class Host:
    """A host name that stands for a Service of the cluster."""

    text: str
    service: str
    namespace: str


def read_host(text: str, snapshot: Snapshot) -> Host | None:
    """Return the Service that a host name means, or None."""
    name = text.rstrip(".")
    name = name.removesuffix(".cluster.local")
    inside = name.endswith(".svc")
    parts = name.removesuffix(".svc").split(".")
    if len(parts) == 1 and not inside:
        return None if parts[0] == "localhost" else Host(text, parts[0], snapshot.namespace)
    known = {name_of(each) for each in snapshot["namespaces"]} | {snapshot.namespace}
    if len(parts) == 2 and (inside or parts[1] in known):
        return Host(text, parts[0], parts[1])
    return None


def network_errors(text: str) -> list[str]:
    """Return the lines of a log about network errors, the last first."""
    lines = [
        each for each in text.splitlines() if UNRESOLVED.search(each) or UNCONNECTED.search(each)
    ]
    return lines[::-1]


def unresolved_host(text: str) -> str:
    """Return the host name that a log could not resolve, or nothing."""
    for line in network_errors(text):
        if UNRESOLVED.search(line) and (match := HOST.search(line)):
            return match[1]
    return ""


def last_line(text: str) -> str:
    """Return the last meaningful line of a log."""
    lines = [each for each in text.splitlines() if not EMPTY_LINES.match(each)]
    return lines[-1].strip() if lines else ""


def dependencies(snapshot: Snapshot, pod: Object, log: str, *, proven: bool) -> frozenset[Ref]:
    """Return the Services whose failure may explain that of a pod.

    With `proven`, only those that its log complains of; else those of its settings too.
    """
    found = set(_services_in_log(snapshot, log))
    if not proven:
        found.update(_services_in_settings(snapshot, pod))
    return frozenset(each for each in found if not _selects(snapshot, each, pod))


def _services_in_log(snapshot: Snapshot, log: str) -> Iterator[Ref]:
    lines = network_errors(log)
    host = unresolved_host(log)
    if host and (found := read_host(host, snapshot)) is not None:
        yield DNS
        yield _service(snapshot, found)
    for service in snapshot["services"]:
        name, address = name_of(service), service["spec"].get("clusterIP") or "-"
        sign = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])|{re.escape(address)}(?!\d)")
        if any(sign.search(line) for line in lines):
            yield Ref("Service", name)


def _services_in_settings(snapshot: Snapshot, pod: Object) -> Iterator[Ref]:
    """Yield the Services named as URL hosts in environment, command or arguments."""
    words: list[str] = []
    for container in pod["spec"]["containers"]:
        words += [str(each.get("value") or "") for each in container.get("env") or ()]
        words += map(str, [*(container.get("command") or ()), *(container.get("args") or ())])
    for word in words:
        for match in re.finditer(
            r"(?://(?:[^/@\s]*@)?|^)([a-z][a-z0-9.-]*[a-z0-9])(?::\d+|/|$)", word
        ):
            host = read_host(match[1], snapshot)
            if host is not None and (match[0].startswith("//") or _exists(snapshot, host)):
                yield _service(snapshot, host)


def _exists(snapshot: Snapshot, host: Host) -> bool:
    return host.namespace == snapshot.namespace and bool(snapshot.named("services", host.service))


def _service(snapshot: Snapshot, host: Host) -> Ref:
    elsewhere = "" if host.namespace == snapshot.namespace else host.namespace
    return Ref("Service", host.service, elsewhere)


def _selects(snapshot: Snapshot, service: Ref, pod: Object) -> bool:
    """Whether the Service selects the pod, which then does not depend on it."""
    found = None if service.namespace else snapshot.named("services", service.name)
    selector = (found or {"spec": {}})["spec"].get("selector")
    return bool(selector) and matches(selector, labels_of(pod))
