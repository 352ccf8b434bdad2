"""Names the likely cause of a failed test, if the evidence shows one.

Two things must come together: what the test met (a refused connection, a wait in vain, an error of
the server), and what happened to the part of the target that it met it on. A container that ended
while an assertion about a number failed is shown, but not called the cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of, owners
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.evidence.shared_log import complaints
from pytest_k8s_job.evidence.window import (
    SERVICE,
    ContainerExit,
    Line,
    Window,
    clock,
    container_exits,
)

__all__ = ["likely_cause"]

# Exceptions of any HTTP client: the class, then in the message what came of the connection.
CONNECTION = re.compile(
    r"^[\w.]*(?:Connect\w*|Timeout|ReadTimeout|RemoteProtocolError|URLError|NewConnectionError"
    r"|MaxRetryError|ProtocolError|RemoteDisconnected|gaierror|TimeoutError)\b"
)
CONNECTION_ERRORS = (
    (re.compile(r"[Cc]onnection refused|Errno 111"), "refused connections"),
    (re.compile(r"[Cc]onnection reset|RemoteDisconnected|Errno 104"), "broke connections off"),
    (re.compile(r"[Nn]ame or service not known|NameResolution|gaierror"), "had no address"),
    (re.compile(r"[Tt]imed? ?out|Timeout"), "did not answer in time"),
)
HOST = re.compile(r"host='([^']+)'|https?://(?:[^/@\s]*@)?([\w.-]+)")
WAITED = re.compile(
    r"\bwaited\b|[Tt]imed? ?out|[Tt]imeout|\b50[234]\b|in progress|'failed'|\"failed\""
)
SERVER_ERROR = re.compile(r"\b50[0234]\b")


def likely_cause(message: str, window: Window, snapshot: Snapshot, lines: Sequence[Line]) -> str:
    """Return one sentence on the cause of a failure, or nothing.

    `lines` are those of the target that carry the test's trace id.
    """
    if CONNECTION.match(message) and (cause := _connection(message, window, snapshot)):
        return cause
    if WAITED.search(message):
        guilty = _exit_during_request(window, snapshot, lines) or _exit_of_whole_workload(
            window, snapshot
        )
        if guilty is not None:
            return _exit_sentence(guilty, window)
    if SERVER_ERROR.search(message):
        return _logged_error(lines)
    return ""


def _connection(message: str, window: Window, snapshot: Snapshot) -> str:
    """Return how the connection failed, or which container behind it exited."""
    met = next((words for sign, words in CONNECTION_ERRORS if sign.search(message)), "")
    host = HOST.search(message)
    if not met or host is None:
        return ""
    name = host[1] or host[2]
    behind = _pods_of_service(name.partition(".")[0], snapshot)
    ended = [
        each
        for each in container_exits(snapshot)
        if each.pod in behind and each.at <= window.stop + 1 and _concerns(each, window)
    ]
    if ended:
        return _exit_sentence(ended[-1], window)
    return f"{name} {met} at {clock(window.stop)} UTC"


def _pods_of_service(service: str, snapshot: Snapshot) -> set[str]:
    """Return the pods behind a Service."""
    return {
        str((end.get("targetRef") or {}).get("name"))
        for each in snapshot["endpointslices"]
        if labels_of(each).get(SERVICE) == service
        for end in each.get("endpoints") or ()
    }


def _concerns(exited: ContainerExit, window: Window) -> bool:
    """Whether the container exited during the test, or was still down."""
    return exited.at in window or not exited.container.running


def _exit_during_request(
    window: Window, snapshot: Snapshot, lines: Sequence[Line]
) -> ContainerExit | None:
    """Return the container that exited after it began to work for this test."""
    for exited in reversed(container_exits(snapshot)):
        own = [line for line in lines if _of(line, exited) and line.at <= exited.at + 1]
        if own and exited.at in window and exited.at <= window.stop + 1:
            return exited
    return None


def _of(line: Line, exited: ContainerExit) -> bool:
    return (line.pod, line.container) == (exited.pod, exited.container.name)


def _exit_of_whole_workload(window: Window, snapshot: Snapshot) -> ContainerExit | None:
    """Return the last exit of the only workload that is down as a whole."""
    by_owner: dict[str, list[Object]] = {}
    for pod in snapshot["pods"]:
        by_owner.setdefault(_owner(pod), []).append(pod)
    ended = [
        each
        for each in container_exits(snapshot)
        if each.at in window and each.at <= window.stop + 1
    ]
    guilty = {_owner(each.container.pod): each for each in ended}
    if len(guilty) != 1:
        return None
    owner, last = next(iter(guilty.items()))
    all_ended = {each.pod for each in container_exits(snapshot) if _concerns(each, window)}
    return last if all(name_of(pod) in all_ended for pod in by_owner[owner]) else None


def _owner(pod: Object) -> str:
    return next((f"{link['kind']} {link['name']}" for link in owners(pod)), name_of(pod))


def _exit_sentence(exited: ContainerExit, window: Window) -> str:
    # The API server tells whole seconds, cut off.
    before = max(window.stop - exited.at, 0)
    when = f"{before:.0f} s" if before >= 2 else "within 2 s"
    return f"{exited.words} {when} before the failure"


def _logged_error(lines: Iterable[Line]) -> str:
    """Return the last complaint that the target logged for the test."""
    found = list(complaints(lines))
    if not found:
        return ""
    (container, _), text = found[-1]
    return f"{container} logged for this test: {text}"
