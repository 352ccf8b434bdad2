"""Rules for containers that exit: killed, out of memory, crashing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from pytest_k8s_job.cluster.objects import Object, labels_of
from pytest_k8s_job.cluster.suite_container import runs_agent, suite_container
from pytest_k8s_job.cluster.text import bytes_text, clipped, epoch
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import Container, containers, pod_words, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.rules.container_starts import start_error
from pytest_k8s_job.diagnosis.rules.dependencies import dependencies, last_line
from pytest_k8s_job.diagnosis.rules.probes import killing_probe
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.errors import UsageError

__all__ = ["RUN_LABEL", "check_container_exits", "recovered", "well"]

STABLE = 30.0  # seconds after which a restarted container counts as well again
LOOP = 3  # restarts after which a short life is taken for a loop, until it has lasted for twice
SHORT = 600.0  # seconds; who lived longer before its end is in no loop
KILLED = 137  # exit code of SIGKILL
OUTCOMES = (*range(6), 10)  # of our agent: a verdict on the tests or the target, no trouble
LOG_SIGNS = (
    (r"exec format error", Cause.EXEC_FORMAT, "its program was built for another processor"),
    (r"Read-only file system|EROFS", Cause.READ_ONLY_ROOT, "it writes where it may only read"),
    (r"No space left on device|ENOSPC", Cause.DISK_FULL, "no space is left"),
)
RUN_LABEL = "pytest-k8s-job/run"  # on the pods of a run; `job_manifest` sets it


def check_container_exits(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the containers that exited and should not have."""
    for pod in snapshot["pods"]:
        if terminating(pod) or _lost(pod):
            continue
        for container in containers(pod):
            if _in_trouble(snapshot, container) and start_error(container) is None:
                yield replace(_finding(snapshot, container), at=_ended_at(container))


def _lost(pod: Object) -> bool:
    """Whether the pod as a whole was ended, which other rules explain."""
    status = pod.get("status") or {}
    kinds = {each["type"] for each in status.get("conditions") or () if each["status"] == "True"}
    return status.get("reason") in ("Evicted", "NodeLost") or "DisruptionTarget" in kinds


def _in_trouble(snapshot: Snapshot, container: Container) -> bool:
    ended = container.ended
    if not ended:
        return False
    if _runs_tests(container) and ended.get("exitCode") in OUTCOMES:
        return False
    once = container.pod["spec"].get("restartPolicy") != "Always"
    if container.init or once:
        return bool(ended.get("exitCode")) and not recovered(snapshot, container)
    return not recovered(snapshot, container)


def _runs_tests(container: Container) -> bool:
    if container.init:
        return False
    if runs_agent(container.spec) or RUN_LABEL not in labels_of(container.pod):
        return runs_agent(container.spec)
    with suppress(UsageError):  # the pod does not say which of its containers it is
        return suite_container(container.pod) is container.spec
    return False


def well(snapshot: Snapshot, container: Container) -> bool:
    """Whether the container's log explains nothing: it works, or has done its work."""
    if container.ended:
        return recovered(snapshot, container)
    return bool(container.running and container.status.get("ready"))


def recovered(snapshot: Snapshot, container: Container) -> bool:
    """Whether the container's last exit is over, or was before the run."""
    if container.terminated:
        return container.terminated.get("exitCode") == 0 and (
            container.init or container.pod["spec"].get("restartPolicy") != "Always"
        )
    if not container.running:
        return False
    end = epoch(container.ended.get("finishedAt"))
    if snapshot.since:
        return end < math.floor(snapshot.since)  # the API server's times are whole seconds
    life, lasts = _life(container), snapshot.age(container.running.get("startedAt"))
    loops = container.restarts >= LOOP and life < SHORT and lasts < 2 * life
    return lasts > STABLE and not loops


def _life(container: Container) -> float:
    ended = container.ended
    return max(epoch(ended.get("finishedAt")) - epoch(ended.get("startedAt")), 0)


def _ended_at(container: Container) -> float:
    """Return when the container ended, if that is over: it runs again, or never will."""
    over = container.running or container.pod["spec"].get("restartPolicy") == "Never"
    return epoch(container.ended.get("finishedAt")) if over else 0.0


def _finding(snapshot: Snapshot, container: Container) -> Finding:
    code = container.ended.get("exitCode")
    log = snapshot.log(container.pod_ref.name, container.name)
    if container.ended.get("reason") == "OOMKilled":
        return _oom(snapshot, container)
    if (probed := killing_probe(snapshot, container)) is not None:
        return probed
    for sign, cause, words in LOG_SIGNS:
        line = next((each for each in reversed(log.splitlines()) if re.search(sign, each)), "")
        if line:
            text = f"{words}: {clipped(line, 160)}"
            return _ended(snapshot, container, cause, text, frozenset())
    if code == KILLED:
        text = "it was killed by SIGKILL, and not for its memory (exit code 137)"
        return _ended(snapshot, container, Cause.SIGKILL, text, frozenset())
    return _crash(snapshot, container, log)


def _crash(snapshot: Snapshot, container: Container, log: str) -> Finding:
    code, last = container.ended.get("exitCode"), clipped(last_line(log), 160)
    quoted = f": {last}" if last else ""
    if container.init:
        cause, words = Cause.INIT_FAILED, f"it fails with exit code {code}{quoted}"
    elif container.pod["spec"].get("restartPolicy") == "Always":
        again = f"after {container.restarts} restarts " if container.restarts else ""
        cause, words = Cause.CRASH_LOOP, f"it ended {again}with exit code {code}{quoted}"
    else:
        cause, words = Cause.CONTAINER_FAILED, f"it ended with exit code {code}{quoted}"
    blames = dependencies(snapshot, container.pod, log, proven=True)
    return _ended(snapshot, container, cause, words, blames)


def _ended(
    snapshot: Snapshot, container: Container, cause: Cause, words: str, blames: frozenset[Ref]
) -> Finding:
    pod, lasting = container.pod, container.pod["spec"].get("restartPolicy") == "Always"
    remedy = {
        Cause.READ_ONLY_ROOT: "volumeMounts: [{name: tmp, mountPath: /tmp}]    # an emptyDir",
        Cause.DISK_FULL: "kubectl describe node | grep -i pressure    # or a larger volume",
        Cause.EXEC_FORMAT: "build the image for the node's architecture",
    }.get(cause, _log_command(snapshot, container))
    return Finding(
        cause,
        f"{container.words} of {pod_words(snapshot, pod)}: {words}",
        (container.pod_ref,),
        remedy,
        _evidence(snapshot, container),
        Outlook.MAY_HEAL if lasting else Outlook.FINAL,
        blames,
        group=f"{snapshot.top(pod)} {container.name}",
    )


def _oom(snapshot: Snapshot, container: Container) -> Finding:
    limit = ((container.spec.get("resources") or {}).get("limits") or {}).get("memory")
    code = container.ended.get("exitCode")
    size = (
        f"its limit of {bytes_text(limit)}" if limit else "the node's end of memory (no limit set)"
    )
    child = "" if code == KILLED else f"; a process in it was, and it ended with exit code {code}"
    times = f", {container.restarts} restarts" if container.restarts else ""
    lasting = container.pod["spec"].get("restartPolicy") == "Always"
    return Finding(
        Cause.OOM_KILLED,
        f"{container.words} of {pod_words(snapshot, container.pod)} was OOM-killed: its use peaked"
        f" at {size} after {_life(container):.0f} s{times}{child}",
        (container.pod_ref,),
        "resources: {limits: {memory: ...}}    # more than it needs at its peak"
        + (f", more than {limit}" if limit else ""),
        _evidence(snapshot, container),
        Outlook.MAY_HEAL if lasting else Outlook.FINAL,
        group=f"{snapshot.top(container.pod)} {container.name}",
    )


def _evidence(snapshot: Snapshot, container: Container) -> tuple[str, ...]:
    ended, pod = container.ended, container.pod_ref.name
    line = (
        f"{container.words}: {ended.get('reason')}, exit code {ended.get('exitCode')},"
        f" {container.restarts} restarts"
    )
    text = str(ended.get("message") or "")
    if text and not text.startswith("{"):  # what our agent leaves is for machines
        line += f": {clipped(text)}"
    events = snapshot.events("Pod", pod, "BackOff", "Killing")[:1]
    log = [f"log: {clipped(each)}" for each in snapshot.log(pod, container.name).splitlines()[-5:]]
    return (line, *map(snapshot.event_line, events), *log)


def _log_command(snapshot: Snapshot, container: Container) -> str:
    previous = " --previous" if container.restarts else ""
    place = f"-n {snapshot.namespace} logs {container.pod_ref.name} -c {container.name}"
    return f"kubectl {place}{previous}"
