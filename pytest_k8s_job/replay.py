"""Replays records as hook calls, so that every reporter works as if the tests had run here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pytest

from pytest_k8s_job.ledger import Ledger
from pytest_k8s_job.plan import PlanBuilder, StandInItem
from pytest_k8s_job.records import Kind, Record, trace_id
from pytest_k8s_job.reports import ReportReader

__all__ = ["Origin", "Replay", "ShardNode"]


class ShardGateway(NamedTuple):
    """What reporters print of a shard."""

    id: str


class ShardNode:
    """Where a report comes from; reporters know this shape from pytest-xdist's workers."""

    def __init__(self, number: int) -> None:
        self.gateway = ShardGateway(f"shard {number}")
        self.workerinfo: dict[str, Any] = {}

    def describe(self, about: dict[str, Any]) -> None:
        """Take what a failure's first line says of the shard's Python."""
        self.workerinfo = {
            "id": self.gateway.id,
            "sysplatform": about["platform"],
            "version_info": tuple(about["python"].split(".")),
            "executable": "in its pod",
        }


@dataclass(frozen=True)
class Origin:
    """What is said of a pod's reports.

    Attributes:
        node: the shard, None in a run of one pod.
        repeats: why these tests run in another pod than first planned.
        already: phases (node id, when) that passed in that pod and were reported.
    """

    node: ShardNode | None = None
    repeats: str = ""
    already: frozenset[tuple[str, str]] = frozenset()


class Replay:
    """Takes the records of one pod in order, keeps its ledger and calls the hooks of `session`.

    `leads` tells whether this pod's collection becomes that of the session; the other shards
    only prove that theirs is the same.
    """

    def __init__(self, session: pytest.Session, ledger: Ledger, origin: Origin = Origin()) -> None:
        self.leads = True
        self._origin = origin
        self._session = session
        self._hook = session.config.hook
        self._ledger = ledger
        self._plan = PlanBuilder(session)
        self._reports = ReportReader(session.config)
        self._ran = False
        self.lines: list[str] = []
        """What plugins in the pod said after collection."""
        self._handlers: dict[str, Callable[..., None]] = {
            Kind.HELLO: self._hello,
            Kind.SESSION: self._session_started,
            Kind.WARNING: self._warning,
            Kind.COLLECT: self._collect,
            Kind.NODES: self._plan.add_nodes,
            Kind.ITEMS: self._plan.add_items,
            Kind.LINES: self._note_lines,
            Kind.PLAN: self._planned,
            Kind.START: self._start,
            Kind.PLAIN: self._plain,
            Kind.REPORT: self._report,
            Kind.FINISH: self._finish,
            Kind.INTERRUPT: self._interrupt,
            Kind.INTERNAL: self._internal,
            Kind.DONE: self._done,
            Kind.END: self._end,
        }

    def feed(self, record: Record) -> None:
        """Replay one record."""
        self._handlers[record[0]](*record[1:])

    # -- session

    def _hello(self, _about: dict[str, Any]) -> None:
        self._ledger.hello = True

    def _session_started(self, about: dict[str, Any]) -> None:
        self._ledger.session = about
        self._reports.set_root(about["rootdir"])
        if self._origin.node is not None:
            self._origin.node.describe(about)

    def _interrupt(self, how: dict[str, Any]) -> None:
        self._ledger.interrupt = {**how, "message": self._reports.near(how["message"])}

    def _internal(self, text: str) -> None:
        self._ledger.internal = self._reports.near(text)

    def _done(self, how: dict[str, Any]) -> None:
        self._ledger.done = how

    def _end(self, how: dict[str, Any]) -> None:
        self._ledger.end = how

    def _warning(self, seen: dict[str, Any]) -> None:
        if not self.leads and seen["when"] != "runtest":
            return
        category = type(seen["category"], (Warning,), {})
        message = warnings.WarningMessage(
            seen["text"],
            category,
            self._reports.near(seen["filename"]),
            seen["lineno"],
            line=seen["line"],
        )
        location = tuple(seen["location"]) if seen["location"] else None
        self._hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": message,
                "when": seen["when"],
                "nodeid": seen["nodeid"],
                "location": location,
            }
        )

    # -- collection

    def _collect(self, data: dict[str, Any]) -> None:
        data["result"] = []
        report = self._reports.read(data)
        self._ledger.failed += report.failed
        if self.leads:
            self._hook.pytest_collectreport(report=report)

    def _note_lines(self, lines: list[str]) -> None:
        self.lines = lines

    def _planned(self, plan: dict[str, Any]) -> None:
        items, self._plan.items = self._plan.items, []
        selected, deselected = items[: plan["count"]], items[plan["count"] :]
        self._nodeids = [item.nodeid for item in selected]
        self._places = [item.place for item in selected]
        mine = plan.get("mine", range(len(selected)))
        self._ledger.collected = self._nodeids
        self._ledger.planned.update(self._nodeids[index] for index in mine)
        self._ledger.plan = plan
        if self.leads:
            self._fill_session(selected, deselected)

    def _fill_session(self, selected: list[StandInItem], deselected: list[StandInItem]) -> None:
        self._session.items = list(selected)
        self._session.testscollected = len(selected)
        everything = pytest.CollectReport("", "passed", None, [*selected, *deselected])
        self._hook.pytest_collectreport(report=everything)
        if deselected:
            self._hook.pytest_deselected(items=deselected)

    # -- tests

    def _start(self, item: int | list[Any]) -> None:
        nodeid, location = self._identify(item)
        self._ledger.start(nodeid)
        self._ran = False
        self._hook.pytest_runtest_logstart(nodeid=nodeid, location=location)

    def _plain(self, item: int | list[Any], phases: list[list[Any]], done: int) -> None:
        nodeid, location = self._identify(item)
        keywords: dict[str, Literal[1]] = {location[2]: 1}
        for when, start, duration in phases:
            report = pytest.TestReport(
                nodeid, location, keywords, "passed", None, when,
                duration=duration, start=start, stop=start + duration,
            )  # fmt: skip
            self._log(report)
        if done:
            self._finish(item)

    def _report(self, data: dict[str, Any]) -> None:
        self._log(self._reports.read(data))

    def _log(self, report: pytest.TestReport) -> None:
        origin, when = self._origin, report.when or ""
        self._ledger.report(when, report.outcome)
        if report.passed and (report.nodeid, when) in origin.already:
            return
        if origin.node is not None:
            report.__dict__["node"] = origin.node
        if origin.repeats:
            report.user_properties.append(("repeated", origin.repeats))
        report.__dict__["trace_id"] = trace_id(self._traces(), report.nodeid)
        ran = report.when == "call" and (not report.skipped or hasattr(report, "wasxfail"))
        self._ran |= ran or report.failed
        self._hook.pytest_runtest_logreport(report=report)

    def _finish(self, item: int | list[Any]) -> None:
        nodeid, location = self._identify(item)
        self._ledger.ran += self._ran
        self._ledger.finish(nodeid)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def fail_open_test(self, why: str) -> None:
        """Report the test that was running when pytest died as failed, with its last output."""
        nodeid = self._ledger.started
        if nodeid is None:
            return
        location = self._location(nodeid)
        end = self._ledger.end or {}
        said = {
            "Stacks of its threads when it was ended": end.get("stopped", {}).get("stacks"),
            "Last output of pytest in the pod": end.get("tail"),
        }
        sections = [(title, text) for title, text in said.items() if text]
        report = pytest.TestReport(nodeid, location, {}, "failed", why, "call", sections)
        self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def close_failed_test(self) -> None:
        """End the test that was open, if one of its phases has failed: no other run heals that."""
        ledger = self._ledger
        if ledger.started is not None and "failed" in ledger.phases.values():
            nodeid, location = ledger.started, self._location(ledger.started)
            ledger.ran += 1
            ledger.finish(nodeid)
            self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def passed_phases(self) -> frozenset[tuple[str, str]]:
        """Return what was reported of the test that is open."""
        nodeid, phases = self._ledger.started, self._ledger.phases
        if nodeid is None:
            return frozenset()
        return frozenset((nodeid, when) for when in phases if phases[when] == "passed")

    # -- translation

    def _location(self, nodeid: str) -> tuple[str, int | None, str]:
        item = next((each for each in self._session.items if each.nodeid == nodeid), None)
        return item.location if item else (nodeid, None, nodeid)

    def _traces(self) -> str:
        return str((self._ledger.session or {}).get("traces", ""))

    def _identify(self, item: int | list[Any]) -> tuple[str, tuple[str, int | None, str]]:
        if isinstance(item, int):
            return self._nodeids[item], self._places[item]
        nodeid, (file, lineno, domain) = item
        return nodeid, (file, lineno, domain)
