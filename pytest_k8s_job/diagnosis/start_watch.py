"""Watches a Job until its tests start, and explains why they do not.

A pod that comes forward costs nothing: snapshots are taken, and the rules imported, only when it
does not.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState, Reader
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.wire.target_check import TargetCheckResult

if TYPE_CHECKING:
    from pytest_k8s_job.diagnosis.focus import Diagnosis

__all__ = [
    "PATIENCE",
    "Patience",
    "StartWatch",
    "diagnose_job",
    "diagnose_target",
    "diagnose_target_check",
    "explain_refusal",
]

QUIET = 1.5  # seconds that a Job gets to start before it is looked at more closely
INTERVAL = 1.0  # seconds between two snapshots
# Seconds that a cause must last before it is final. Who deploys a Secret a moment after its pod
# must not fail for it; an autoscaler looks every 10 s, and has begun before the first snapshot.
PATIENCE = {
    Outlook.FINAL: 0.0,
    Outlook.STUCK: 2.0,
    Outlook.MAY_HEAL: 8.0,
    Outlook.HELPED: math.inf,
}


class Patience:
    """Measures whether a cause has lasted long enough; times are monotonic seconds."""

    def __init__(self) -> None:
        self._since = 0.0
        self._seen: Finding | None = None

    def note(self, now: float, finding: Finding | None) -> None:
        """Note the present cause, None if nothing is wrong."""
        before = self._seen
        if finding is not None and (before is None or before.cause != finding.cause):
            self._since = now
        self._seen = finding

    def seen(self, now: float, *, over: bool = False) -> Finding | None:
        """Return the cause if it has lasted, or if the time is `over`."""
        seen = self._seen
        if seen is None or over or now - self._since >= PATIENCE[seen.outlook]:
            return seen
        return None


class StartWatch:
    """Watches the pods of one Job until their tests start; times are monotonic seconds."""

    def __init__(self, reader: Reader, job: JobRef, limit: float, began: float) -> None:
        self._reader = reader
        self._job = job
        self._limit = limit
        self._began = began
        self._asked = began
        self._patience = Patience()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start_failure(self, now: float, pod: PodState | None) -> Finding | None:
        """Return why a pod's tests cannot start, or None while they may."""
        over = now - self._began >= self._limit
        if pod is None or pod.phase < Phase.RUNNING:
            self._asked = now
            if self._thread is None and now - self._began >= QUIET:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            if (seen := self._patience.seen(now, over=over)) is not None:
                return seen
        return _timeout_finding(self._job, pod, self._limit) if over else None

    def stop(self) -> None:
        """Stop watching: the run is over."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            if time.monotonic() - self._asked < INTERVAL:
                finding = diagnose_job(self._reader, self._job)
                self._patience.note(time.monotonic(), finding)
            self._stopped.wait(INTERVAL)


def diagnose_job(reader: Reader, job: JobRef) -> Finding | None:
    """Return the root cause that keeps a Job from finishing, if known."""
    from pytest_k8s_job.diagnosis.focus import GENERAL, diagnose_scope  # noqa: PLC0415 (see above)

    found = diagnose_scope(reader, Scope(job.namespace, frozenset({job.name}))).findings
    return next((each for each in found if each.cause in GENERAL or _concerns(each, job)), None)


def diagnose_target(reader: Reader, scope: Scope) -> Diagnosis:
    """Return what is wrong with the target, without what only Jobs have."""
    from pytest_k8s_job.diagnosis.focus import diagnose_scope  # noqa: PLC0415 (see above)

    found = diagnose_scope(reader, scope)
    return replace(
        found,
        findings=tuple(each for each in found.findings if not _is_of_jobs(each, scope)),
    )


def diagnose_target_check(reader: Reader, scope: Scope, check: TargetCheckResult) -> Finding:
    """Return why a pod of the run got this result from the target."""
    from pytest_k8s_job.diagnosis.focus import diagnose_scope  # noqa: PLC0415 (see above)

    findings = diagnose_scope(reader, scope, (check,)).findings
    target = Ref("Target", check.url)
    return next((each for each in findings if target in each.about), findings[0])


def explain_refusal(reader: Reader, namespace: str, name: str, error: ClusterError) -> Finding:
    """Return why the API server did not create the Job `name`, or what it needs."""
    from pytest_k8s_job.diagnosis.diagnose import diagnose  # noqa: PLC0415
    from pytest_k8s_job.diagnosis.rules.creation import refusal  # noqa: PLC0415 (see above)
    from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot  # noqa: PLC0415

    if error.status in (0, 401):
        refused = {"namespace": Refused(error.status, str(error))}
        return diagnose(Snapshot(namespace, reader.describe(), reader.server, refused=refused))[0]
    return refusal(namespace, str(error), Ref(*(error.about or ("Job", name))))


def _concerns(finding: Finding, job: JobRef) -> bool:
    """Whether a finding is about the Job, or about a pod of its name."""
    return any(
        (ref.kind == "Job" and ref.name == job.name)
        or (ref.kind == "Pod" and ref.name.startswith(f"{job.name}-"))
        for ref in finding.about
    )


def _is_of_jobs(finding: Finding, scope: Scope) -> bool:
    """Whether a finding is about the run's Jobs or their pods alone."""
    places = [JobRef(scope.namespace, name, "") for name in scope.jobs]
    return all(
        any(_concerns(replace(finding, objects=(ref,), effects=()), job) for job in places)
        for ref in finding.about
    )


def _timeout_finding(job: JobRef, pod: PodState | None, limit: float) -> Finding:
    """Return the finding when the time is over without a known cause."""
    if pod is None:
        state, about = f"Job {job} has no pod", Ref("Job", job.name)
    else:
        words = ": ".join(filter(None, [pod.reason, pod.message])) or pod.phase.name.lower()
        state, about = f"pod {pod.name} is {words}", Ref("Pod", pod.name)
    return Finding(
        Cause.UNKNOWN,
        f"nothing started within {limit:g} s: {state}",
        (about,),
        f"kubectl -n {job.namespace} describe {about.kind.lower()} {about.name}",
        outlook=Outlook.MAY_HEAL,
    )
