"""Waits for the end of the target's rollout, or for proof of none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.target.discovery import Search, find_target, missing
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.settled import scaled_to_zero, unsettled

__all__ = ["Clock", "Rollout", "RolloutResult"]

POLL_SECONDS = 0.5  # between two readings of the target
ROUTING_SECONDS = 1.5  # kube-proxy gathers changes for 1 s; the API server counts whole seconds
DIAGNOSIS_SECONDS = 2.0  # between two diagnoses of what keeps it
PATIENCE = {  # seconds that a cause must last: who deploys a Secret a moment later must not fail
    Outlook.FINAL: 0.0,
    Outlook.STUCK: 2.0,
    Outlook.MAY_HEAL: 15.0,  # what crashes until its database is there is started again after 10 s
}
NO_CLUSTER = (Cause.API_UNREACHABLE, Cause.WRONG_CLUSTER, Cause.CREDENTIALS)

Diagnose = Callable[[Target], Sequence[Finding]]


@dataclass(frozen=True)
class RolloutResult:
    """The target when the wait ended.

    Attributes:
        target: as it was read last.
        reason: why it cannot be tested; "" if it has settled.
        findings: what is wrong with it, root cause first.
    """

    target: Target
    reason: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Clock:
    """The time by which a wait goes; a test brings its own."""

    now: Callable[[], float] = time.monotonic
    today: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


class Rollout:
    """Reads the target until it has settled.

    `show` is told what the rollout waits for and the seconds so far; `diagnose` returns what is
    wrong with the target, root cause first. `clock` is for tests.
    """

    def __init__(
        self,
        reader: Reader,
        search: Search,
        show: Callable[[str, float], None],
        diagnose: Diagnose,
        clock: Clock = CLOCK,
    ) -> None:
        self._reader = reader
        self._search = search
        self._show = show
        self._diagnose = diagnose
        self._clock = clock
        self._began = self._diagnosed = clock.now()
        self._seen = False
        self._cause: Finding | None = None
        self._cause_since = 0.0

    def wait(self, seconds: float) -> RolloutResult:
        """Wait until the target has settled, `seconds` at most; 0: return it as it is."""
        while True:
            target = find_target(self._reader, self._search)
            if reason := self._missing(target) or (
                scaled_to_zero_reason(target) if seconds else ""
            ):
                return RolloutResult(target, reason)
            progress = unsettled(target) if seconds else []
            if not progress:
                self._wait_for_routes(target, seconds)
                return RolloutResult(target)
            now = self._clock.now()
            self._show(listed(progress, 2), now - self._began)
            if now - self._began > seconds:
                reason = f"the rollout is not over after {seconds:g} s: {listed(progress)}"
                return RolloutResult(target, reason, tuple(self._diagnose(target)))
            if target.failed and not self._seen and (found := self._no_cluster(target)):
                return RolloutResult(target, listed(target.failed, 2), found)
            self._seen = True
            if now - self._diagnosed > DIAGNOSIS_SECONDS:
                found = self._cannot_end(target)
                if found or any(each.stalled for each in target.workloads):
                    reason = f"the rollout cannot end: {listed(progress)}"
                    return RolloutResult(target, reason, found)
            self._clock.sleep(POLL_SECONDS)

    def _wait_for_routes(self, target: Target, seconds: float) -> None:
        """Wait until the nodes know the newest endpoints, and send nothing to older pods."""
        routed = max((each.routed for each in target.services), default=0.0)
        left = ROUTING_SECONDS - (self._clock.today() - routed)
        if 0 < left <= ROUTING_SECONDS + 1 and seconds:
            self._clock.sleep(left)

    def _missing(self, target: Target) -> str:
        for said in missing(target, self._search):
            namespace = said.namespace or self._search.namespace
            if namespace not in target.unread:  # what may not be read is not missing
                return f"--target {said.text}: nothing of that name is in namespace {namespace}"
        return ""

    def _no_cluster(self, target: Target) -> tuple[Finding, ...]:
        """Return why nothing can be read at all: no Job could be created either."""
        return tuple(each for each in self._diagnose(target) if each.cause in NO_CLUSTER)

    def _cannot_end(self, target: Target) -> tuple[Finding, ...]:
        """Return what is wrong if its root cause has lasted too long to be passing."""
        findings = tuple(self._diagnose(target))
        now = self._diagnosed = self._clock.now()
        cause = next((each for each in findings if each.outlook in PATIENCE), None)
        if cause is None or self._cause is None or cause.cause != self._cause.cause:
            self._cause, self._cause_since = cause, now
        if any(each.stalled for each in target.workloads):
            return findings  # their controller waited long enough
        if cause is None or now - self._cause_since < PATIENCE[cause.outlook]:
            return ()
        going_on = len(unsettled(target)) - len(target.failed)
        if cause.outlook is Outlook.MAY_HEAL and going_on > len(findings):
            return ()  # it may wait for another workload that is on its way
        return findings


def scaled_to_zero_reason(target: Target) -> str:
    """Return why a target that is scaled to 0 cannot be tested, or ""."""
    for each in scaled_to_zero(target):
        remedy = f"kubectl -n {each.namespace} scale {each} --replicas=1"
        words = str(each).replace("/", " ")
        return f"{words} is scaled to 0: {remedy}, or --wait-rollout 0 to test without it"
    return ""
