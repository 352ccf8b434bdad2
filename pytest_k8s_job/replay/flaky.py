"""Tests that passed only when they were repeated: shown in the summary and in JUnit, never hidden.

The repetition is done in the pod, by pytest-rerunfailures; here its `rerun` reports arrive.
"""

from __future__ import annotations

import pytest

from pytest_k8s_job.verdict.ledger import RERUN

__all__ = ["Flaky"]


class Flaky:
    """A plugin that notes which tests were repeated and then passed."""

    def __init__(self) -> None:
        self._tries: dict[str, list[str]] = {}
        self._flaky: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a try that failed; mark the reports of the try that passed."""
        if report.outcome == RERUN:
            self._tries.setdefault(report.nodeid, []).append(_why(report))
        elif report.passed and report.when == "call" and report.nodeid in self._tries:
            failures = self._tries[report.nodeid]
            count = len(failures)
            self._flaky[report.nodeid] = f"passed on try {count + 1}; before: {failures[0]}"
        elif report.failed:
            self._flaky.pop(report.nodeid, None)  # its teardown, say
        if report.nodeid in self._flaky:
            report.user_properties.append(("flaky", self._flaky[report.nodeid]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List them."""
        if self._flaky:
            terminalreporter.section("flaky tests", yellow=True)
            for nodeid, why in self._flaky.items():
                terminalreporter.write_line(f"FLAKY {nodeid} - {why}", yellow=True)


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).partition("\n")[0] if crash else f"failed in {report.when}"
