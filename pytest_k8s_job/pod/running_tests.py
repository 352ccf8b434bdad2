"""Writes what happens to each test: its start, its reports, its end.

What says no more than "passed" travels as one short record for all phases of a test.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from pytest_k8s_job.pod.report_writer import ReportWriter
from pytest_k8s_job.wire.records import Kind, trace_id

__all__ = ["RunningTests"]

Location = tuple[str, int | None, str]


class RunningTests:
    """A plugin of pytest; each test finds its own TRACEPARENT, made from `traces`."""

    def __init__(self, emit: Callable[..., None], traces: str) -> None:
        self._emit = emit
        self._traces = traces
        self._index: dict[str, int] = {}
        self._open: tuple[str, Location] = ("", ("", None, ""))
        self._plain: list[list[object]] = []
        self.counts: Counter[str] = Counter()
        """Tests by outcome of their call, and phases that did not pass."""

    def configure(self, reports: ReportWriter, *, prints: bool) -> None:
        """Learn how to write reports, and whether tests print past pytest's capturing."""
        self._reports = reports
        self._prints = prints

    def number(self, nodeids: Sequence[str]) -> None:
        """Write tests by their place in the plan from here on."""
        self._index = {nodeid: index for index, nodeid in enumerate(nodeids)}

    def flush(self) -> None:
        """Write what is held back of the open test."""
        self._flush_plain(*self._open)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        self._open = (nodeid, location)
        trace = trace_id(self._traces, nodeid)
        os.environ["TRACEPARENT"] = f"00-{trace}-{trace[:16]}-01"
        self._emit(Kind.START, *self._item(nodeid, location))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.counts[report.outcome] += 1
        if self._reports.is_plain(report):
            phase: list[object] = [report.when, round(report.start, 6), round(report.duration, 6)]
            self._plain.append(phase)
            if self._prints:  # what is printed has its place between phases
                self._flush_plain(report.nodeid, report.location)
            return
        self._flush_plain(report.nodeid, report.location)
        self._emit(Kind.REPORT, self._reports.serialize(report))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str, location: Location) -> None:
        if self._plain:
            self._flush_plain(nodeid, location, done=True)
        else:
            self._emit(Kind.FINISH, *self._item(nodeid, location))

    def _flush_plain(self, nodeid: str, location: Location, *, done: bool = False) -> None:
        if self._plain:
            item = self._index.get(nodeid, [nodeid, location])
            self._emit(Kind.PLAIN, item, self._plain, int(done))
            self._plain = []

    def _item(self, nodeid: str, location: Location) -> tuple[object]:
        return (self._index.get(nodeid, [nodeid, location]),)
