"""Gathers the evidence for failed tests, in a thread of its own.

A failed report waits for its evidence, so that every reporter sees both. How long it may wait is
bounded for each failure and over the run: a slow API server costs evidence, not time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, TypeVar

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.evidence.likely_cause import likely_cause
from pytest_k8s_job.evidence.shared_log import SharedLog
from pytest_k8s_job.evidence.target_reader import (
    TargetData,
    missing_rights,
    read_secrets,
    read_target,
)
from pytest_k8s_job.evidence.window import (
    Line,
    Window,
    clock,
    complaint_lines,
    lines_with,
    shown,
    target_events,
)
from pytest_k8s_job.target.model import Target

__all__ = ["LIKELY_CAUSE", "Gatherer"]

LIKELY_CAUSE, LOG, EVENTS = "likely cause", "target's log", "target's events"
WAIT = 2.0  # seconds that one failure may wait; on an idle machine it takes a tenth of one
ALLOWANCE = 2.5  # seconds that all failures together may wait ...
SHARE = 0.02  # ... and of the time that the run has taken
MOST = 200  # failures with evidence; a thousand of them have few causes

Answer = TypeVar("Answer")


class Gatherer:
    """Reads logs and events of the target when tests fail."""

    def __init__(
        self, reader: Reader, namespace: str, find_target: Callable[[], Target], marker: str
    ) -> None:
        self._reader = reader
        self._namespace = namespace
        self._find_target = find_target
        self._marker = marker
        self._thread = ThreadPoolExecutor(1, "k8s-job-evidence")
        self._began = time.monotonic()
        self._waited = 0.0
        self._target = Target()
        self._data: TargetData | None = None
        self._complaints: list[Line] = []
        self._shared = SharedLog()
        self._count = 0
        self._without = 0

    def secrets(self) -> list[Mapping[str, Any]]:
        """Return the Secrets that the user may read."""

        def read() -> list[Mapping[str, Any]]:
            namespaces = {self._namespace, *self._find_target().namespaces}
            return [each for name in namespaces for each in read_secrets(self._reader, name)]

        return self._bounded(read) or []

    def gather(
        self, nodeid: str, trace: str, window: Window, message: str
    ) -> list[tuple[str, str]]:
        """Return the evidence for a failed test, as sections of its report."""
        self._count += 1
        data = self._bounded(lambda: self._read(window)) if self._count <= MOST else None
        if data is None:
            self._without += 1
            self._shared.unread.add(nodeid)
            return []
        marks = [trace]
        if self._marker:
            marks.append(self._marker.replace("{trace_id}", trace).replace("{nodeid}", nodeid))
        lines = lines_with(data.logs, marks)
        around = [line for line in self._complaints if line.at in window]
        self._shared.add(nodeid, window, lines, around)
        return list(_sections(data, window, lines, message).items())

    def shared_line(self) -> str:
        """Return what the target logged in most of the failed tests, or nothing."""
        return self._shared.sentence(self._complaints)

    def notes(self) -> list[str]:
        """Return notes for the user on missing evidence."""
        notes = []
        if self._without:
            text = f"evidence: none for {self._without} failures, to keep the run from waiting"
            notes.append(f"{text} (it is read for {MOST} at most)")
        if self._data is not None and (rules := missing_rights(self._data.refused)):
            places = listed(self._target.namespaces)
            role = f"a Role in namespace {places}"
            notes.append(f"evidence: not complete; {role} with this gives it: {', '.join(rules)}")
        return notes

    def close(self) -> None:
        """Start no more reads; one that runs ends by its own time limit."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _read(self, window: Window) -> TargetData:
        target = self._find_target()
        known = self._data is not None and target.namespaces == self._target.namespaces
        if self._data is None or not known or not self._data.covers(window.start, window.stop):
            self._target = target
            self._data = read_target(self._reader, target, window.start)
            self._complaints = complaint_lines(self._data.logs)
        return self._data

    def _bounded(self, ask: Callable[[], Answer]) -> Answer | None:
        """Return what `ask` returns, None if it takes too long."""
        began = time.monotonic()
        left = ALLOWANCE + SHARE * (began - self._began) - self._waited
        if left <= 0:
            return None
        future: Future[Answer] = self._thread.submit(ask)
        try:
            return future.result(min(WAIT, left))
        except NotInTime:
            future.cancel()
            return None
        finally:
            self._waited += time.monotonic() - began


def _sections(data: TargetData, window: Window, lines: list[Line], message: str) -> dict[str, str]:
    sections = {
        LIKELY_CAUSE: likely_cause(message, window, data.snapshot, lines),
        LOG: shown([*_log_lines(lines), *_gaps(data, lines)]),
        EVENTS: shown(target_events(data.snapshot, window)),
    }
    return {title: text for title, text in sections.items() if text}


def _log_lines(lines: list[Line]) -> list[str]:
    return [
        f"{clock(line.at)} {line.pod}/{line.container}"
        f"{' (before its restart)' if line.previous else ''}: {line.text}"
        for line in lines
    ]


def _gaps(data: TargetData, lines: list[Line]) -> list[str]:
    """Return notes on logs that were not read, if any line was found."""
    full = [f"{log.pod}/{log.container}" for log in data.logs if log.full]
    notes = [f"[of the log of {name} only the last lines were read]" for name in full]
    if data.left_out:
        notes.append(f"[the logs of {data.left_out} more containers were not read]")
    return notes if lines else []
