"""Builds the report's document from the hooks of the session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_k8s_job.report.document import Document, Failure, Outcome, Repeat, Result, count
from pytest_k8s_job.report.failures import group, read_failure, readable
from pytest_k8s_job.report.run_data import RUN_DATA, RunData
from pytest_k8s_job.report.sentence import VERDICTS, first_line

__all__ = ["ReportBuilder"]


class _Test:
    """What the reports of one node id have shown so far."""

    def __init__(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self.nodeid = nodeid
        self.file, line, _ = location
        self.line = None if line is None else line + 1
        self.shard = ""
        self.started: float | None = None
        self.duration = 0.0
        self.attempt = 1
        self.outcome = Outcome.PASSED
        self.reason = ""
        self.repeats = ""
        self.failures: list[Failure] = []

    def begin_again(self) -> None:
        """Start another attempt: reset the outcome, keep the failures."""
        self.attempt += 1
        self.outcome, self.reason, self.duration = Outcome.PASSED, "", 0.0

    def add(self, report: Any, config: pytest.Config) -> None:
        """Add the report of one phase."""
        gateway = getattr(getattr(report, "node", None), "gateway", None)  # as xdist has it
        self.shard = gateway.id.removeprefix("shard ") if gateway is not None else ""
        for name, value in getattr(report, "user_properties", ()):
            if name == "repeated":
                self.repeats = str(value)
        if self.started is None:
            self.started = getattr(report, "start", None)
        self.duration += getattr(report, "duration", 0.0)
        outcome, reason = _read_outcome(report)
        if list(Outcome).index(outcome) < list(Outcome).index(self.outcome):
            self.outcome, self.reason = outcome, readable(reason)
        if report.outcome in ("failed", "rerun"):
            self.failures.append(self._read_failure(report, config))

    def _read_failure(self, report: Any, config: pytest.Config) -> Failure:
        context = getattr(report, "context", None)  # of a subtest
        when = str(report.when or "collect")
        if context is not None:
            parts = [context.msg or "", *(f"{k}={v}" for k, v in context.kwargs.items())]
            when = "subtest " + " ".join(filter(None, parts))
        elif report.outcome == "rerun" or self.attempt > 1:
            when = f"attempt {self.attempt}, {when}"
        seen = [section for failure in self.failures for section in failure.sections]
        return read_failure(report, config.rootpath, readable(when), seen)

    def result(self) -> Result:
        """Return the result of the test."""
        return Result(
            self.nodeid,
            self.outcome,
            self.file,
            self.line,
            self.shard,
            self.started,
            self.duration,
            self.attempt - 1,
            self.reason,
            tuple(self.failures),
        )


def _read_outcome(report: Any) -> tuple[Outcome, str]:
    expected = getattr(report, "wasxfail", None)
    if report.outcome == "failed":
        return (Outcome.FAILED if report.when == "call" else Outcome.ERROR), ""
    if report.outcome == "skipped":
        if expected is not None:
            return Outcome.XFAILED, str(expected)
        where = report.longrepr
        text = where[2] if isinstance(where, tuple) else str(where)
        return Outcome.SKIPPED, text.removeprefix("Skipped: ")
    if expected is not None and report.when == "call":
        return Outcome.XPASSED, str(expected)
    return Outcome.PASSED, ""


def _span(
    tests: Sequence[Result], data: RunData, began: float, ended: float
) -> tuple[float, float]:
    """Return begin and end of the run by the cluster's clock."""
    if not data.marks:
        return began, ended
    times = [mark.at for mark in data.marks]
    first = min(times)
    times += [test.started + test.duration for test in tests if test.started is not None]
    return first, max(times) if tests else first + ended - began


class ReportBuilder:
    """The plugin that collects the reports of a session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = time.time()
        self._tests: dict[str, _Test] = {}
        self._internal = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a failure to collect."""
        if report.outcome != "passed":
            location = report.location or (report.nodeid, None, "")
            self._tests[report.nodeid] = test = _Test(report.nodeid, location)
            test.add(report, self._config)

    @pytest.hookimpl(trylast=True)  # others add sections
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test."""
        test = self._tests.get(report.nodeid)
        if test is None:
            self._tests[report.nodeid] = test = _Test(report.nodeid, report.location)
        elif report.when == "setup":
            test.begin_again()
        if report.outcome == "passed" and getattr(report, "context", None) is not None:
            return  # a subtest; its time is the test's
        test.add(report, self._config)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note that pytest itself, or a plugin, failed."""
        self._internal = readable(str(excrepr))

    def document(self, exit_code: int) -> Document:
        """Return the document of a session with this exit code."""
        data = self._config.stash.get(RUN_DATA, RunData())
        tests = tuple(test.result() for test in self._tests.values())
        code = exit_code if data.exit_code is None else data.exit_code
        began, ended = _span(tests, data, self._started, time.time())
        verdict = data.verdict or VERDICTS.get(code, "FAILED")
        causes = group(tests)
        return Document(
            verdict,
            code,
            readable(data.first_line) or first_line(verdict, tests, causes, self._internal, data),
            began,
            ended,
            readable(data.target_line),
            data.tested,
            data.place,
            count(tests),
            causes,
            data.findings,
            data.marks,
            data.events,
            data.target,
            data.shards,
            tuple(Repeat(t.nodeid, t.repeats) for t in self._tests.values() if t.repeats),
            tests,
            data.artifacts,
            data.not_brought,
            self._internal,
        )
