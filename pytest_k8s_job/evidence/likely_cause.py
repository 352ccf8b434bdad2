"""The likely cause of a failure, where the evidence has one.

Two things must come together: what the test met (a refused connection, a wait in vain, an error of
the server), and what happened to the part of the target that it met it on. A container that ended
while an assertion about a number failed is shown, but not called the cause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.evidence.window import SERVICE, ContainerExit, Line, Window, clock, endings

__all__ = ["likely_cause"]

# Exceptions of any HTTP client: the class, then in the message what came of the connection.
CONNECTION = re.compile(
    r"^[\w.]*(?:Connect\w*|Timeout|ReadTimeout|RemoteProtocolError|URLError|NewConnectionError"
    r"|MaxRetryError|ProtocolError|RemoteDisconnected|gaierror|TimeoutError)\b"
)
MET = (
    (re.compile(r"[Cc]onnection refused|Errno 111"), "refused connections"),
    (re.compile(r"[Cc]onnection reset|RemoteDisconnected|Errno 104"), "broke connections off"),
    (re.compile(r"[Nn]ame or service not known|NameResolution|gaierror"), "had no address"),
    (re.compile(r"[Tt]imed? ?out|Timeout"), "did not answer in time"),
)
HOST = re.compile(r"host='([^']+)'|https?://(?:[^/@\s]*@)?([\w.-]+)")
VAIN = re.compile(
    r"\bwaited\b|[Tt]imed? ?out|[Tt]imeout|\b50[234]\b|in progress|'failed'|\"failed\""
)
SERVER_ERROR = re.compile(r"\b500\b")
ERROR_LEVEL = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b|\"level\": ?\"(?:error|critical|fatal)\"")


def likely_cause(said: str, window: Window, snapshot: Snapshot, lines: Sequence[Line]) -> str:
    """Return one sentence on the cause of a failure that `said` this, or nothing.

    `lines` are those of the target that carry the test's trace id.
    """
    if CONNECTION.match(said) and (cause := _connection(said, window, snapshot)):
        return cause
    if VAIN.search(said):
        guilty = _linked(window, snapshot, lines) or _down(window, snapshot)
        if guilty is not None:
            return _ended(guilty, window)
    if SERVER_ERROR.search(said):
        return _logged_error(lines)
    return ""


def _connection(said: str, window: Window, snapshot: Snapshot) -> str:
    """Return what the peer did; or, if a container behind it ended meanwhile, that."""
    met = next((words for sign, words in MET if sign.search(said)), "")
    host = HOST.search(said)
    if not met or host is None:
        return ""
    name = host[1] or host[2]
    behind = _behind(name.partition(".")[0], snapshot)
    ended = [
        each
        for each in endings(snapshot)
        if each.pod in behind and each.at <= window.stop + 1 and _matters(each, window)
    ]
    if ended:
        return _ended(ended[-1], window)
    return f"{name} {met} at {clock(window.stop)} UTC"


def _behind(service: str, snapshot: Snapshot) -> set[str]:
    """Return the pods behind a Service."""
    return {
        str((end.get("targetRef") or {}).get("name"))
        for each in snapshot["endpointslices"]
        if labels_of(each).get(SERVICE) == service
        for end in each.get("endpoints") or ()
    }


def _matters(ending: ContainerExit, window: Window) -> bool:
    """Whether the container ended while the test ran, or had not come back by then."""
    return ending.at in window or not ending.container.running


def _linked(window: Window, snapshot: Snapshot, lines: Sequence[Line]) -> ContainerExit | None:
    """Return the container that ended after it had begun to work for this test."""
    for ending in reversed(endings(snapshot)):
        own = [line for line in lines if _of(line, ending) and line.at <= ending.at + 1]
        if own and ending.at in window and ending.at <= window.stop + 1:
            return ending
    return None


def _of(line: Line, ending: ContainerExit) -> bool:
    return (line.pod, line.container) == (ending.pod, ending.container.name)


def _down(window: Window, snapshot: Snapshot) -> ContainerExit | None:
    """Return the last ending of the one workload that is down as a whole, if it is just one."""
    by_owner: dict[str, list[Object]] = {}
    for pod in snapshot["pods"]:
        by_owner.setdefault(_owner(pod), []).append(pod)
    ended = [each for each in endings(snapshot) if each.at in window and each.at <= window.stop + 1]
    guilty = {_owner(each.container.pod): each for each in ended}
    if len(guilty) != 1:
        return None
    owner, last = next(iter(guilty.items()))
    all_ended = {each.pod for each in endings(snapshot) if _matters(each, window)}
    return last if all(name_of(pod) in all_ended for pod in by_owner[owner]) else None


def _owner(pod: Object) -> str:
    links = pod["metadata"].get("ownerReferences") or ()
    return next((f"{link['kind']} {link['name']}" for link in links), name_of(pod))


def _ended(ending: ContainerExit, window: Window) -> str:
    # The API server tells whole seconds, cut off.
    before = max(window.stop - ending.at, 0)
    when = f"{before:.0f} s" if before >= 2 else "within 2 s"
    return f"{ending.words} {when} before the failure"


def _logged_error(lines: Iterable[Line]) -> str:
    """Return the last error that the target logged for the test, whose answer was a 500."""
    errors = [line for line in lines if ERROR_LEVEL.search(line.text)]
    if not errors:
        return ""
    last = errors[-1]
    return f"{last.pod} logged an error for this test: {clipped(_message(last.text), 160)}"


def _message(text: str) -> str:
    """Return the message of a log line that is JSON, with the exception's last line."""
    try:
        fields = json.loads(text)
        raised = str(fields.get("exc_info") or fields.get("exception") or "").strip()
        parts = (str(fields.get("message") or text), raised.rpartition("\n")[2])
        return ": ".join(filter(None, parts))
    except (ValueError, AttributeError):
        return text
