"""Deserializes the pod's reports and translates its paths."""

from __future__ import annotations

import ast
import os
import re
from typing import Any

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr
from _pytest._io import TerminalWriter

from pytest_k8s_job.replay.subtests import is_of_subtest
from pytest_k8s_job.wire.records import LITERAL, REPR, map_texts

__all__ = ["PodRepr", "ReportReader", "forget_subtests"]


Calls = list[tuple[str, list[Any], dict[str, Any]]]


class PodRepr(TerminalRepr):
    """A failure that is no traceback: its text, and the calls that show it."""

    def __init__(self, text: str, calls: Calls) -> None:
        self._text = text
        self._calls = calls
        self.reprcrash: ReprFileLocation | None = None

    def __str__(self) -> str:
        return self._text

    def toterminal(self, tw: TerminalWriter) -> None:
        for name, words, markup in self._calls:
            getattr(tw, name)(*words, **markup)


class _Other:
    """The value of a property that has no literal."""

    def __init__(self, text: str, shown: str) -> None:
        self._text = text
        self._shown = shown

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._shown


class _PodPath(str):
    """A path of the pod: pytest shortens it by our root, but prints the pod's.

    The string's value is where it would be here.
    """

    _shown: str

    def __new__(cls, place: str, shown: str) -> _PodPath:
        path = super().__new__(cls, place)
        path._shown = shown
        return path

    def __str__(self) -> str:
        return self._shown

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)


class ReportReader:
    """Turns serialized reports of one session into reports of this one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._here = str(config.rootpath)
        self._there: re.Pattern[str] | None = None
        self._root = self._here

    def set_root(self, rootdir: str) -> None:
        """Set the pod's root directory; paths below it become paths below ours."""
        self._root = rootdir
        self._there = re.compile(rf"(?<![\w./-]){re.escape(rootdir.rstrip('/'))}(?![\w.-])")

    def localize(self, text: str) -> str:
        """Return `text` with the pod's root directory replaced by ours."""
        return self._there.sub(lambda _: self._here, text) if self._there else text

    def local_path(self, path: str) -> str:
        """Return the path that is to our root what `path` is to the pod's."""
        if not path.startswith("/"):
            return path
        from_root = os.path.relpath(path, self._root)
        return _PodPath(os.path.normpath(f"{self._here}/{from_root}"), self.localize(path))

    def read(self, data: dict[str, Any]) -> Any:
        """Return the TestReport or CollectReport that `data` describes; `data` is used up."""
        if "sections" in data:
            data["sections"] = [tuple(each) for each in data["sections"]]
        if "user_properties" in data:
            data["user_properties"] = [_property(*each) for each in data["user_properties"]]
        if data.get("location"):
            data["location"] = tuple(data["location"])
        if data.get("longrepr"):
            data["longrepr"] = map_texts(data["longrepr"], self.localize)
        calls = data.pop(REPR, None)
        parts = data.get("_subtest.context", {}).get("kwargs", {})
        hook = self._config.hook
        report = hook.pytest_report_from_serializable(config=self._config, data=data)
        if calls is not None:
            report.longrepr = PodRepr(str(report.longrepr), map_texts(calls, self.localize))
        elif isinstance(report.longrepr, list):
            report.longrepr = tuple(report.longrepr)
        if is_of_subtest(report):  # pytest shortens what it has shortened before
            object.__setattr__(report.context, "kwargs", parts)
        return report


def forget_subtests(session: pytest.Session, nodeid: str) -> None:
    """Remove the subtests of a test that will run again from summary and exit code."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    for category in ("failed", "subtests passed"):
        reports = reporter.stats.pop(category, []) if reporter else []
        kept = [each for each in reports if each.nodeid != nodeid or not is_of_subtest(each)]
        if kept:
            reporter.stats[category] = kept
        if category == "failed":
            session.testsfailed -= len(reports) - len(kept)


def _property(name: str, value: object, *shown: str) -> tuple[str, object]:
    """Undo `report_writer._exact`."""
    if not shown:
        return name, value
    if shown[0] == LITERAL:
        return name, ast.literal_eval(str(value))
    return name, _Other(str(value), shown[0])
