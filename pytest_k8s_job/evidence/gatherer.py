"""Gathers the evidence of failures, one after the other, in a thread of its own.

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
from pytest_k8s_job.evidence.likely_cause import likely_cause
from pytest_k8s_job.evidence.target_reader import Reading, missing_rights, read_secrets, read_target
from pytest_k8s_job.evidence.window import Line, Window, clock, lines_with, shown, target_events

__all__ = ["LIKELY_CAUSE", "Gatherer"]

LIKELY_CAUSE, LOG, EVENTS = "likely cause", "target's log", "target's events"
WAIT = 2.0  # seconds that one failure may wait; on an idle machine it takes a tenth of one
ALLOWANCE = 2.5  # seconds that all failures together may wait ...
SHARE = 0.02  # ... and of the time that the run has taken
MOST = 200  # failures with evidence; a thousand of them have few causes

Answer = TypeVar("Answer")


class Gatherer:
    """Reads the target of one run when tests fail."""

    def __init__(self, reader: Reader, namespace: str, selector: str, marker: str) -> None:
        self._reader = reader
        self._namespace = namespace
        self._selector = selector
        self._marker = marker
        self._thread = ThreadPoolExecutor(1, "k8s-job-evidence")
        self._began = time.monotonic()
        self._waited = 0.0
        self._reading: Reading | None = None
        self._count = 0
        self._without = 0

    def secrets(self) -> list[Mapping[str, Any]]:
        """Return the Secrets that the user may read."""
        return self._bounded(lambda: read_secrets(self._reader, self._namespace)) or []

    def gather(self, nodeid: str, trace: str, window: Window, said: str) -> list[tuple[str, str]]:
        """Return the evidence for a failed test that `said` this, as sections of its report."""
        self._count += 1
        reading = self._bounded(lambda: self._read(window)) if self._count <= MOST else None
        if reading is None:
            self._without += 1
            return []
        marks = [trace]
        if self._marker:
            marks.append(self._marker.replace("{trace_id}", trace).replace("{nodeid}", nodeid))
        lines = lines_with(reading.logs, marks)
        return list(_sections(reading, window, lines, said).items())

    def notes(self) -> list[str]:
        """Return what the user should know of evidence that is missing."""
        notes = []
        if self._without:
            text = f"evidence: none for {self._without} failures, to keep the run from waiting"
            notes.append(f"{text} (it is read for {MOST} at most)")
        if self._reading is not None and (rules := missing_rights(self._reading.refused)):
            role = f"a Role in namespace {self._namespace}"
            notes.append(f"evidence: not complete; {role} with this gives it: {', '.join(rules)}")
        return notes

    def close(self) -> None:
        """Begin nothing more; what is being read ends by its own time limit."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _read(self, window: Window) -> Reading:
        if self._reading is None or not self._reading.covers(window.start, window.stop):
            reader, selector = self._reader, self._selector
            self._reading = read_target(reader, self._namespace, selector, window.start)
        return self._reading

    def _bounded(self, ask: Callable[[], Answer]) -> Answer | None:
        """Return the answer, None if it does not come in time."""
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


def _sections(reading: Reading, window: Window, lines: list[Line], said: str) -> dict[str, str]:
    sections = {
        LIKELY_CAUSE: likely_cause(said, window, reading.snapshot, lines),
        LOG: shown([*_log_lines(lines), *_gaps(reading, lines)]),
        EVENTS: shown(target_events(reading.snapshot, window)),
    }
    return {title: text for title, text in sections.items() if text}


def _log_lines(lines: list[Line]) -> list[str]:
    return [
        f"{clock(line.at)} {line.pod}/{line.container}"
        f"{' (before its restart)' if line.previous else ''}: {line.text}"
        for line in lines
    ]


def _gaps(reading: Reading, lines: list[Line]) -> list[str]:
    """Say what was not looked at, if anything was found at all."""
    full = [f"{log.pod}/{log.container}" for log in reading.logs if log.full]
    notes = [f"[of the log of {name} only the last lines were read]" for name in full]
    if reading.left_out:
        notes.append(f"[the logs of {reading.left_out} more containers were not read]")
    return notes if lines else []
