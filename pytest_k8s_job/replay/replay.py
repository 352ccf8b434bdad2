"""Replays the records of a pod as pytest hook calls, for all reporters here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from pytest_k8s_job.replay.local_plugins import (
    EVIDENCE_PLUGIN,
    collector_hook,
    share_node_ids,
    stats_without_durations,
)
from pytest_k8s_job.replay.open_test import OpenTest
from pytest_k8s_job.replay.origin import Origin
from pytest_k8s_job.replay.placeholders import PlaceholderItem, PlanBuilder
from pytest_k8s_job.replay.plain_report import TestReport as PlainReport
from pytest_k8s_job.replay.report_reader import ReportReader, forget_subtests
from pytest_k8s_job.replay.session_records import SessionRecords
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.wire.records import CAPTURED, STATUS, Kind, Record, trace_id

__all__ = ["Replay"]


QUESTION_KINDS = (Kind.HELLO, Kind.ROOT, Kind.SESSION, Kind.PRINTED, Kind.DONE, Kind.END)
LEADER_KINDS = (Kind.HEADER, Kind.LINES, Kind.TEXT, Kind.SUMMARY, Kind.PROPERTY)


def _ignore(*_fields: object) -> None:
    pass


class Replay:
    """Replays the records of one pod in `session` and keeps its ledger.

    A shard whose `leader` is another's replay shows only what its tests do: it must have
    collected the same.
    """

    def __init__(
        self, session: pytest.Session, ledger: Ledger, origin: Origin | None = None
    ) -> None:
        self.leader: Replay | None = None
        self._origin = origin or Origin()
        self._session = session
        self._hook = session.config.hook
        self._ledger = ledger
        self.open_test = OpenTest(session, ledger)
        self._plan = PlanBuilder(session)
        self._reports = ReportReader(session.config)
        self._of_session = SessionRecords(session.config, ledger, self._reports, self._origin)
        self._ran = False
        self._evidence = session.config.pluginmanager.getplugin(EVIDENCE_PLUGIN)
        self._output = self._of_session.output
        self._kept = stats_without_durations(session.config)
        self.peers: set[tuple[str, int, str]] = set()
        """What the tests have connected to: name or address, port, address."""
        self.began = 0.0
        """When the first test began, by the pod's clock; 0 before that."""
        self.ended = 0.0
        """When the last test so far ended, by the pod's clock."""
        self.debugger = ""
        """Path of the Python in the pod that has a debugger; nothing if it has none."""
        self.debugger_waits = False
        """True if it waits for its user; set back by the one who serves it."""
        self._failed: pytest.TestReport | None = None
        self.lines: list[str] = []
        """What plugins in the pod said after collection."""
        self._handlers = self._choose_handlers()

    def _choose_handlers(self) -> dict[str, Callable[..., None]]:
        """Return the method for each kind of record."""
        handlers = dict(self._of_session.handlers) | {
            Kind.COLLECT: self._collect,
            Kind.NODES: self._plan.add_nodes,
            Kind.ITEMS: self._plan.add_items,
            Kind.LINES: self._note_lines,
            Kind.PLAN: self._planned,
            Kind.START: self._start,
            Kind.PLAIN: self._plain,
            Kind.REPORT: self._report,
            Kind.FINISH: self._finish,
            Kind.CONNECTIONS: self._connected,
            Kind.DEBUG: self._debug,
        }
        if not self._output.prints_all:
            return handlers
        # Pytest was asked about itself: there is no session here that could show anything else.
        return dict.fromkeys(Kind, _ignore) | {kind: handlers[kind] for kind in QUESTION_KINDS}

    def follow(self, leader: Replay) -> None:
        """Leave records that count once for all shards to `leader`."""
        self.leader = leader
        self._of_session.is_follower = True
        self._handlers |= dict.fromkeys(LEADER_KINDS, _ignore)

    def feed(self, record: Record) -> None:
        """Replay one record."""
        if self._evidence is not None:
            record = self._evidence.clean(record)
        self._handlers[record[0]](*record[1:])

    # -- collection

    def _collect(self, data: dict[str, Any]) -> None:
        data["result"] = []
        report = self._reports.read(data)
        self._ledger.failed += report.failed
        if self.leader is None:
            self._hook.pytest_collectreport(report=report)

    def _note_lines(self, lines: list[str]) -> None:
        self.lines = lines

    def _planned(self, plan: dict[str, Any]) -> None:
        items = self._plan.items
        selected, deselected = items[: plan["count"]], items[plan["count"] :]
        self._nodeids = [item.nodeid for item in selected]
        mine = plan.get("mine", range(len(selected)))
        self._ledger.collected = self._nodeids
        self._ledger.planned.update(self._nodeids[index] for index in mine)
        self._ledger.plan = plan
        if self.leader is None:
            self._fill_session(selected, deselected, chosen=plan.get("selected", False))
        elif self.leader._nodeids == self._nodeids:
            self._plan = self.leader._plan
            del self._handlers[Kind.NODES], self._handlers[Kind.ITEMS]  # they hold our own items
        self._protocol = collector_hook(self._session.config, "pytest_runtest_protocol")
        self._watched = bool(self._protocol.get_hookimpls())

    def _fill_session(
        self, selected: list[PlaceholderItem], deselected: list[PlaceholderItem], *, chosen: bool
    ) -> None:
        session = self._session
        session.items = list(selected)
        session.testscollected = len(selected)
        for report in self._plan.reports():
            self._hook.pytest_collectreport(report=report)
        if chosen:
            share_node_ids(session.config, selected)
            collector_hook(session.config, "pytest_collection_modifyitems")(
                session=session, config=session.config, items=list(selected)
            )
        if deselected:
            self._hook.pytest_deselected(items=deselected)

    # -- tests

    def _start(self, item: int | list[Any]) -> None:
        nodeid, location = self._identify(item)
        self._ledger.start(nodeid)
        self._ran = False
        if self._watched and isinstance(item, int):
            self._protocol(item=self._plan.items[item], nextitem=None)
        self._hook.pytest_runtest_logstart(nodeid=nodeid, location=location)

    def _plain(self, item: int | list[Any], phases: list[list[Any]], done: int) -> None:
        nodeid, location = self._identify(item)
        for when, start, duration in phases:
            report: pytest.TestReport
            if isinstance(item, int):
                test = self._plan.items[item]
                report = PlainReport(self._plan, test, when, start, duration)
            else:
                report = pytest.TestReport(
                    nodeid, location, {}, "passed", None, when,
                    duration=duration, start=start, stop=start + duration,
                )  # fmt: skip
            self._log(report)
            self._forget(report)
        if done:
            self._finish(item)

    def _forget(self, report: pytest.TestReport) -> None:
        """Drop a passed setup or teardown from the reporter's list, unless durations are shown.

        Two of three reports are of that kind; nothing else of pytest reads them again.
        """
        kept = self._kept.get("")
        if kept and kept[-1] is report:
            del kept[-1]

    def _report(self, data: dict[str, Any]) -> None:
        captured, status = data.pop(CAPTURED, False), data.pop(STATUS, None)
        report = self._reports.read(data)
        if status is not None:
            self._output.keep_status(report, status)
        with self._output.muted() if captured else contextlib.nullcontext():
            self._log(report)

    def _log(self, report: pytest.TestReport) -> None:
        origin, when = self._origin, report.when or ""
        self.began = self.began or report.start
        self.ended = max(self.ended, report.stop)
        self._ledger.report(when, report.outcome)
        if report.passed and (report.nodeid, when) in origin.already:
            return
        self._origin.mark(report)
        if origin.repeats:
            report.user_properties.append(("repeated", origin.repeats))
        if type(report) is not PlainReport and (report.sections or not report.passed):
            report.__dict__["trace_id"] = trace_id(self._traces(), report.nodeid)
        self._failed = report if report.failed else None
        ran = report.when == "call" and (not report.skipped or hasattr(report, "wasxfail"))
        self._ran |= ran or report.failed
        self._hook.pytest_runtest_logreport(report=report)

    def _debug(self, state: str, detail: str) -> None:
        """Note what the debugger in the pod does."""
        match state:
            case "ready":
                self.debugger = detail
            case "stop":
                self.debugger_waits = True
            case "go":
                self._ledger.debugger_quit |= detail == "quit"
            case "shown" if self._failed is not None:
                self._failed._pdbshown = True  # type: ignore[attr-defined]  # read by the summary

    def _connected(self, _nodeid: str, peers: list[list[Any]]) -> None:
        self.peers.update((name, port, address) for name, port, address in peers)

    def _finish(self, item: int | list[Any]) -> None:
        nodeid, location = self._identify(item)
        if self._ledger.is_repeated:
            forget_subtests(self._session, nodeid)
        else:
            self._ledger.ran += self._ran
        self._ledger.finish(nodeid)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    # -- translation

    def _traces(self) -> str:
        return str((self._ledger.session or {}).get("traces", ""))

    def _identify(self, item: int | list[Any]) -> tuple[str, tuple[str, int | None, str]]:
        if isinstance(item, int):
            return self._nodeids[item], self._plan.items[item].place
        nodeid, (file, lineno, domain) = item
        return nodeid, (file, lineno, domain)
