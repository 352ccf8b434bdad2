"""Injects one fault and watches: when it first shows, when it is named, and what is named."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import local_cluster
from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.diagnosis.api_check import check_through_api
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.diagnosis.focus import diagnose_snapshots, nearest_first
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.diagnosis.snapshot_reader import take_snapshot
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.place import Place
from tests.tool.diagnosis.scope import scope_of

__all__ = ["Observation", "diagnose_place", "injected", "observe"]

POLL = 0.4  # seconds between two diagnoses
LIMIT = 60.0  # seconds, beside the fault's own clock, until it counts as not named
AGAIN = 3  # diagnoses after the first that must name the same cause
# True of everything that has just been created: not yet the naming of a cause.
PASSING = (Cause.ROLLOUT_UNFINISHED, Cause.NO_ENDPOINTS, Cause.UNKNOWN)
WATCHED = ("events", "pods")


@dataclass
class Observation:
    """What came of one injection; times in seconds from it."""

    fault: Fault
    named: Cause | None = None
    sentence: str = ""
    seconds: float = 0.0
    shown: float | None = None
    trouble: str = ""
    snapshot: Snapshot | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether the cause was named, in the words that it needs, with its effects."""
        return self.named is self.fault.cause and not self.trouble

    @property
    def wrong(self) -> bool:
        """Whether another cause was named; to know none is not wrong."""
        return not self.right and self.named not in (None, *PASSING)


def diagnose_place(place: Place) -> tuple[Snapshot, list[Finding]]:
    """Diagnose as the command does; with noise beside, as a run does."""
    cluster = connect(str(place.kubeconfig))
    return _diagnose(cluster, place)


def _diagnose(cluster: KubernetesCluster, place: Place) -> tuple[Snapshot, list[Finding]]:
    checks = (check_through_api(cluster, place.url, place.name),) if place.url else ()

    def clock() -> float:
        return time.time() + place.clock_ahead

    if not place.since:
        snapshot = take_snapshot(cluster, place.name, checks, clock)
        return snapshot, diagnose(snapshot)

    def view(part: Snapshot) -> Snapshot:
        return nearest_first(part, scope_of(part, since=place.since))

    snapshot = take_snapshot(cluster, place.name, checks, clock, view)
    scope = scope_of(snapshot, since=place.since)
    return snapshot, list(diagnose_snapshots([snapshot], scope).findings)


@contextmanager
def injected(fault: Fault, place: Place) -> Iterator[None]:
    """Have the fault in the place."""
    done = fault.inject(place)
    with done if isinstance(done, AbstractContextManager) else contextlib.nullcontext():
        yield


def observe(fault: Fault, place: Place) -> Observation:
    """Inject the fault and diagnose until its cause is named, or none or another is."""
    if fault.prepare is not None:
        fault.prepare(place)
    with _watching(place, fault.sign) as watch:
        began = time.monotonic()
        watch.on = True
        with injected(fault, place):
            began = max(began, place.touched)  # what it needed beforehand is no part of it
            seen = Observation(fault)
            cluster = connect(str(place.kubeconfig))
            while not _named(seen, cluster, place):
                if time.monotonic() - began > LIMIT + fault.clock:
                    break
                time.sleep(POLL)
            seen.seconds = time.monotonic() - began
            _check(seen, cluster, place)
        if watch.shown or not fault.sign:
            seen.shown = max(watch.shown - began, 0.0)
    return seen


def _named(seen: Observation, cluster: KubernetesCluster, place: Place) -> bool:
    seen.snapshot, seen.findings = _diagnose(cluster, place)
    if not seen.findings:
        return False
    first = seen.findings[0]
    seen.named, seen.sentence = first.cause, first.sentence
    return first.cause not in PASSING or first.cause is seen.fault.cause


def _check(seen: Observation, cluster: KubernetesCluster, place: Place) -> None:
    """Say what is wrong with the answer, or with those after it: states come and go."""
    fault = seen.fault
    for _ in range(AGAIN if seen.named is fault.cause else 0):
        time.sleep(1)
        snapshot, findings = _diagnose(cluster, place)
        first = findings[0] if findings else None
        if first is not None and first.cause is fault.later:
            break
        seen.snapshot, seen.findings = snapshot, findings
        if first is None or first.cause is not fault.cause:
            seen.named = first.cause if first else None
            seen.sentence = first.sentence if first else ""
            seen.trouble = "the cause did not stay named"
            return
    if seen.named is fault.cause:
        seen.sentence = seen.findings[0].sentence
    missing = [words for words in fault.words if words not in seen.sentence]
    if missing:
        seen.trouble = f"the sentence lacks {missing}"
    effects = " | ".join(each.sentence for f in seen.findings[:1] for each in f.effects)
    lacking = [words for words in fault.chain if words not in effects]
    if lacking:
        seen.trouble = f"the effects lack {lacking}: {effects}"


@dataclass
class _Watch:
    """When a pattern was first seen in what the API server sends of its own accord."""

    on: bool = False
    shown: float = 0.0

    def note(self, process: subprocess.Popen[str], sign: str) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if self.on and re.search(sign, line):
                    self.shown = self.shown or time.monotonic()
                    return


@contextmanager
def _watching(place: Place, sign: str) -> Iterator[_Watch]:
    watch = _Watch()
    command = [str(local_cluster.kubectl()), "--kubeconfig", str(local_cluster.kubeconfig())]
    started = []
    for kind in WATCHED if sign else ():
        path = f"/api/v1/namespaces/{place.name}/{kind}?watch=1"
        process = subprocess.Popen(
            [*command, "get", "--raw", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        thread = threading.Thread(target=watch.note, args=(process, sign), daemon=True)
        thread.start()
        started.append((process, thread))
    try:
        yield watch
    finally:
        for process, thread in started:
            process.kill()
            process.wait()
            thread.join()
