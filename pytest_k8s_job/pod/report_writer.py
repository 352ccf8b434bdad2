"""Serializes reports to JSON, with what pytest's own serialization would lose."""

from __future__ import annotations

import ast
import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
from _pytest._io import TerminalWriter

from pytest_k8s_job.pod.terminal_tap import METHODS, is_captured
from pytest_k8s_job.wire.records import CAPTURED, LITERAL, REPR, STATUS

__all__ = ["ReportWriter", "writer_calls"]

SECTION_LIMIT = 1 << 19  # characters of captured output kept per section, half head, half tail
SPARSE_LIMIT = 2000  # characters per section once the run's budget of captured output is spent

_PLAIN_ATTRIBUTES = frozenset(vars(pytest.TestReport("", ("", 0, ""), {}, "passed", None, "call")))
_PLAIN_STATUS = {"call": ("passed", ".", "PASSED")}
_NO_STATUS = ("", "", "")


class ReportWriter:
    """Serializes the reports of one session.

    Of captured output, `room` characters travel; then each section is cut to `SPARSE_LIMIT`.
    """

    def __init__(self, config: pytest.Config, room: int) -> None:
        self._config = config
        self._room = room
        self._odd_status = False
        self._with_subtests: set[str] = set()  # tests with subtests: these may make their test fail

    def find_statuses(self) -> None:
        """Find out whether a plugin decides how outcomes are shown."""
        implementations = self._config.hook.pytest_report_teststatus.get_hookimpls()
        modules = [each.function.__module__ for each in implementations]
        self._odd_status = any(not module.startswith("_pytest.") for module in modules)

    def is_plain(self, report: pytest.TestReport) -> bool:
        """True if `report` says that a phase passed, and nothing else."""
        return (
            report.outcome == "passed"
            and not report.longrepr
            and not report.sections
            and not report.user_properties
            and vars(report).keys() == _PLAIN_ATTRIBUTES
            and not (
                self._has_own_status(report)
                and self._status(copy.copy(report)) != _PLAIN_STATUS.get(report.when, _NO_STATUS)
            )
        )

    def serialize(self, report: pytest.CollectReport | pytest.TestReport) -> dict[str, Any]:
        """Return `report` as JSON takes it."""
        config = self._config
        data = dict(config.hook.pytest_report_to_serializable(config=config, report=report))
        sections = data.get("sections") or []
        limit = SECTION_LIMIT if self._room > 0 else SPARSE_LIMIT
        data["sections"] = [[title, _cut(text, limit)] for title, text in sections]
        self._room -= sum(len(text) for _, text in data["sections"])
        if data.get("user_properties"):
            data["user_properties"] = [_exact(each) for each in data["user_properties"]]
        # Pytest makes plain text of a failure that is neither text nor a traceback.
        if isinstance(data["longrepr"], str) and not isinstance(report.longrepr, str):
            data[REPR] = writer_calls(report.longrepr)
        if isinstance(report, pytest.TestReport):
            self._add_status(report, data)
        return data

    def _add_status(self, report: pytest.TestReport, data: dict[str, Any]) -> None:
        if hasattr(report, "context"):
            self._with_subtests.add(report.nodeid)
        if self._has_own_status(report):
            shown = copy.copy(report)
            category, letter, word = self._status(shown)
            changed = [] if shown.outcome == report.outcome else [shown.outcome, shown.longrepr]
            data[STATUS] = [category, letter, word, *changed]
        if is_captured(self._config):
            data[CAPTURED] = True

    def _has_own_status(self, report: pytest.TestReport) -> bool:
        return self._odd_status or (report.when == "call" and report.nodeid in self._with_subtests)

    def _status(self, report: pytest.TestReport) -> tuple[Any, ...]:
        hook = self._config.hook
        said = hook.pytest_report_teststatus(report=report, config=self._config)
        return tuple(said or _NO_STATUS)  # nobody says anything without the terminal plugin


def _exact(prop: tuple[str, object]) -> list[object]:
    """Return name and value of a property; JSON would make lists of tuples."""
    name, value = prop
    if value is None or type(value) in (str, int, float, bool):
        return [name, value]
    shown = repr(value)
    try:
        literal = ast.literal_eval(shown) == value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        literal = False
    return [name, shown, LITERAL] if literal else [name, str(value), shown]


def writer_calls(longrepr: Any) -> list[list[object]]:
    """Return the terminal writer's calls that show `longrepr`; the width is the collector's."""
    calls: list[list[object]] = []
    writer = TerminalWriter(io.StringIO())
    for name in METHODS:
        setattr(writer, name, _noting(name, calls))
    longrepr.toterminal(writer)
    return calls


def _noting(name: str, calls: list[list[object]]) -> Callable[..., None]:
    return lambda *args, **kwargs: calls.append([name, args, kwargs])


def _cut(text: str, limit: int) -> str:
    """Return `text`; over the limit, with a note in place of its middle."""
    left_out = len(text) - limit
    if left_out <= 0:
        return text
    half = limit // 2
    why = ": this run has captured too much" if limit < SECTION_LIMIT else ""
    note = f"\n[... {left_out} characters left out by pytest-k8s-job{why} ...]\n"
    return text[:half] + note + text[-half:]
