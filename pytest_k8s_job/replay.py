"""Replays records as hook calls, so that every reporter works as if the tests had run here."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.ledger import Ledger
from pytest_k8s_job.near_plugins import near_hook
from pytest_k8s_job.plan import PlanBuilder
from pytest_k8s_job.pod_output import POD_OUTPUT, PodOutput
from pytest_k8s_job.records import CAPTURED, STATUS, Kind, Record, trace_id
from pytest_k8s_job.reports import ReportReader, forget_parts, near_all

__all__ = ["Replay"]


FOR_ANSWERS = (Kind.HELLO, Kind.ROOT, Kind.SESSION, Kind.PRINTED, Kind.DONE, Kind.END)


def _ignore(*_fields: object) -> None:
    pass


class Replay:
    """Takes payloads in order, keeps the ledger and calls the hooks of `session`."""

    def __init__(self, session: pytest.Session, ledger: Ledger, *, answering: bool = False) -> None:
        self._session = session
        self._hook = session.config.hook
        self._ledger = ledger
        self._plan = PlanBuilder(session)
        self._reports = ReportReader(session.config)
        self._ran = False
        self.output: PodOutput = session.config.pluginmanager.getplugin(POD_OUTPUT) or PodOutput(
            session.config
        )
        self.output.near = self._reports.near
        self.output.is_answer = answering
        self.lines: list[str] = []
        """What plugins in the pod said after collection."""
        self._handlers: dict[str, Callable[..., None]] = {
            Kind.HELLO: self._hello,
            Kind.ROOT: self._reports.set_root,
            Kind.SESSION: self._session_started,
            Kind.WARNING: self._warning,
            Kind.COLLECT: self._collect,
            Kind.NODES: self._plan.add_nodes,
            Kind.ITEMS: self._plan.add_items,
            Kind.HEADER: self._note_header,
            Kind.LINES: self._note_lines,
            Kind.PLAN: self._planned,
            Kind.START: self._start,
            Kind.PLAIN: self._plain,
            Kind.REPORT: self._report,
            Kind.FINISH: self._finish,
            **{
                kind: functools.partial(self.output.take, kind)
                for kind in (Kind.PRINTED, Kind.TEXT, Kind.SUMMARY)
            },
            Kind.CACHE: self._cache,
            Kind.PROPERTY: self._property,
            Kind.ATTRIBUTE: self._attribute,
            Kind.INTERRUPT: self._interrupt,
            Kind.INTERNAL: self._internal,
            Kind.DONE: self._done,
            Kind.END: self._end,
        }
        if answering:  # there is no session here that could show anything else
            self._handlers |= dict.fromkeys(Kind, _ignore) | {
                kind: self._handlers[kind] for kind in FOR_ANSWERS
            }

    def feed(self, record: Record) -> None:
        """Replay one record."""
        self._handlers[record[0]](*record[1:])

    # -- session

    def _hello(self, _about: dict[str, Any]) -> None:
        self._ledger.hello = True

    def _session_started(self, about: dict[str, Any]) -> None:
        self._ledger.session = about
        self.output.about = about

    def _interrupt(self, how: dict[str, Any]) -> None:
        self._ledger.interrupt = near_all(how, self._reports.near)

    def _internal(self, text: str) -> None:
        self._ledger.internal = self._reports.near(text)

    def _done(self, how: dict[str, Any]) -> None:
        self._ledger.done = how
        self.output.hold()

    def _end(self, how: dict[str, Any]) -> None:
        self._ledger.end = how

    def _warning(self, seen: dict[str, Any]) -> None:
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

    def _cache(self, key: str, value: Any) -> None:
        if (cache := getattr(self._session.config, "cache", None)) is not None:
            cache.set(key, value)

    def _property(self, name: str, value: str) -> None:
        if (xml := self._session.config.stash.get(xml_key, None)) is not None:
            xml.add_global_property(name, value)

    def _attribute(self, nodeid: str, name: str, value: str) -> None:
        if (xml := self._session.config.stash.get(xml_key, None)) is not None:
            xml.node_reporter(nodeid).add_attribute(name, value)

    # -- collection

    def _collect(self, data: dict[str, Any]) -> None:
        data["result"] = []
        report = self._reports.read(data)
        self._ledger.failed += report.failed
        self._hook.pytest_collectreport(report=report)

    def _note_header(self, before: list[str], after: list[str]) -> None:
        self.output.header = before, after

    def _note_lines(self, lines: list[str]) -> None:
        self.lines = lines

    def _planned(self, plan: dict[str, Any]) -> None:
        items = self._plan.items
        selected, deselected = items[: plan["count"]], items[plan["count"] :]
        self._session.items = list(selected)
        self._session.testscollected = len(selected)
        for report in self._plan.reports():
            self._hook.pytest_collectreport(report=report)
        if plan.get("selected"):
            near_hook(self._session.config, "pytest_collection_modifyitems")(
                session=self._session, config=self._session.config, items=list(selected)
            )
        if deselected:
            self._hook.pytest_deselected(items=deselected)
        self._protocol = near_hook(self._session.config, "pytest_runtest_protocol")
        self._watched = bool(self._protocol.get_hookimpls())
        self._ledger.planned.update(item.nodeid for item in selected)
        self._ledger.plan = plan
        self._nodeids = [item.nodeid for item in selected]

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
        keywords = self._plan.keywords(self._plan.items[item]) if isinstance(item, int) else {}
        for when, start, duration in phases:
            report = pytest.TestReport(
                nodeid, location, keywords, "passed", None, when,
                duration=duration, start=start, stop=start + duration,
            )  # fmt: skip
            self._log(report)
        if done:
            self._finish(item)

    def _report(self, data: dict[str, Any]) -> None:
        captured, status = data.pop(CAPTURED, False), data.pop(STATUS, None)
        report = self._reports.read(data)
        if status is not None:
            self.output.keep_status(report, status)
        self._ledger.failed += report.failed
        with self.output.muted() if captured else contextlib.nullcontext():
            self._log(report)

    def _log(self, report: pytest.TestReport) -> None:
        report.__dict__["trace_id"] = trace_id(self._traces(), report.nodeid)
        ran = report.when == "call" and (not report.skipped or hasattr(report, "wasxfail"))
        self._ran |= ran or report.failed
        self._hook.pytest_runtest_logreport(report=report)

    def _finish(self, item: int | list[Any], again: int = 0) -> None:
        nodeid, location = self._identify(item)
        if again:
            forget_parts(self._session.config, nodeid)
        else:
            self._ledger.ran += self._ran
            self._ledger.finish(nodeid)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def fail_open_test(self, why: str) -> None:
        """Report the test that was running when pytest died as failed, with its last output."""
        nodeid = self._ledger.started
        if nodeid is None:
            return
        item = next((each for each in self._session.items if each.nodeid == nodeid), None)
        location = item.location if item else (nodeid, None, nodeid)
        tail = (self._ledger.end or {}).get("tail")
        sections = [("Last output of pytest in the pod", tail)] if tail else []
        report = pytest.TestReport(nodeid, location, {}, "failed", why, "call", sections)
        self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    # -- translation

    def _traces(self) -> str:
        return str((self._ledger.session or {}).get("traces", ""))

    def _identify(self, item: int | list[Any]) -> tuple[str, tuple[str, int | None, str]]:
        if isinstance(item, int):
            return self._nodeids[item], self._plan.items[item].place
        nodeid, (file, lineno, domain) = item
        return nodeid, (file, lineno, domain)
