"""Lists tests that passed only in a retry, in the summary and in JUnit.

The repetition is done in the pod, by pytest-rerunfailures; here its `rerun` reports arrive.
"""

from __future__ import annotations

import pytest

from pytest_k8s_job.replay.subtests import is_of_subtest
from pytest_k8s_job.verdict.ledger import RERUN

__all__ = ["Flaky"]


class Flaky:
    """A plugin that notes which tests were repeated and then passed."""

    def __init__(self) -> None:
        self._tries: dict[str, list[str]] = {}
        self._failed_subtest: dict[str, str] = {}  # the first of the try that goes on
        self._flaky: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a try that failed; mark the reports of the try that passed."""
        nodeid = report.nodeid
        if is_of_subtest(report):
            if report.failed:
                self._failed_subtest.setdefault(nodeid, f"{report.head_line}: {_why(report)}")
        elif report.outcome == RERUN:
            failed_subtest = self._failed_subtest.pop(nodeid, "")
            why = _why(report) if report.longrepr else failed_subtest or _why(report)
            self._tries.setdefault(nodeid, []).append(why)
        elif report.failed:
            self._flaky.pop(nodeid, None)  # its teardown, say
        elif report.passed and report.when == "call" and nodeid not in self._failed_subtest:
            self._note_passed(nodeid)
        if nodeid in self._flaky:
            report.user_properties.append(("flaky", self._flaky[nodeid]))

    def _note_passed(self, nodeid: str) -> None:
        if failures := self._tries.get(nodeid):
            count = len(failures) + 1
            self._flaky[nodeid] = f"passed on try {count}; before: {failures[0]}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List them."""
        if self._flaky:
            terminalreporter.section("flaky tests", yellow=True)
            for nodeid, why in self._flaky.items():
                terminalreporter.write_line(f"FLAKY {nodeid} - {why}", yellow=True)


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).partition("\n")[0] if crash else f"failed in {report.when}"
