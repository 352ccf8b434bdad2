"""The test that a pod has begun and not finished, when the pod ends."""

from __future__ import annotations

import pytest

from pytest_k8s_job.verdict.ledger import Ledger

__all__ = ["OpenTest"]

Location = tuple[str, int | None, str]


class OpenTest:
    """Ends the open test of `ledger` in `session`, if there is one."""

    def __init__(self, session: pytest.Session, ledger: Ledger) -> None:
        self._session = session
        self._hook = session.config.hook
        self._ledger = ledger

    def fail(self, why: str) -> None:
        """Report the test that ran when pytest died as failed, with its last output."""
        nodeid = self._ledger.started
        if nodeid is None:
            return
        location = self._location(nodeid)
        end = self._ledger.end or {}
        texts = {
            "Stacks of its threads when it was ended": end.get("stopped", {}).get("stacks"),
            "Last output of pytest in the pod": end.get("tail"),
        }
        sections = [(title, text) for title, text in texts.items() if text]
        report = pytest.TestReport(nodeid, location, {}, "failed", why, "call", sections)
        self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def close_failed(self) -> None:
        """End it if one of its phases failed: no repetition changes that."""
        ledger = self._ledger
        if ledger.started is not None and "failed" in ledger.phases.values():
            nodeid, location = ledger.started, self._location(ledger.started)
            ledger.ran += 1
            ledger.finish(nodeid)
            self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def passed_phases(self) -> frozenset[tuple[str, str]]:
        """Return its phases that passed, each as node id and name."""
        nodeid, phases = self._ledger.started, self._ledger.phases
        if nodeid is None:
            return frozenset()
        return frozenset((nodeid, when) for when in phases if phases[when] == "passed")

    def _location(self, nodeid: str) -> Location:
        item = next((each for each in self._session.items if each.nodeid == nodeid), None)
        return item.location if item else (nodeid, None, nodeid)
