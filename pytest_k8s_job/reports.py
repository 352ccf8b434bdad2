"""Makes reports out of the pod's serialized ones: what JSON and another root directory changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from _pytest._code.code import TerminalRepr
from _pytest._io import TerminalWriter
from _pytest.subtests import SubtestReport, failed_subtests_key

from pytest_k8s_job.records import REPR

__all__ = ["ReportReader"]


class TextRepr(TerminalRepr):
    """A failure that pytest serializes as text only: a missing fixture, a failed import."""

    def __init__(self, text: str, *, all_red: bool) -> None:
        self._text = text
        self._all_red = all_red

    def __str__(self) -> str:
        return self._text

    def toterminal(self, tw: TerminalWriter) -> None:
        for line in self._text.splitlines():
            red = self._all_red or line.startswith("E  ")
            tw.line(line, red=red, bold=red and not self._all_red)


class ReportReader:
    """Turns serialized reports of one session into reports of this one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._here = str(config.rootpath)
        self._there: re.Pattern[str] | None = None

    def set_root(self, rootdir: str) -> None:
        """Say where the pod's root directory is; paths below it become paths below ours."""
        self._there = re.compile(rf"(?<![\w./-]){re.escape(rootdir.rstrip('/'))}(?=/)")

    def near(self, text: str) -> str:
        """Return `text` with the pod's root directory replaced by ours."""
        return self._there.sub(lambda _: self._here, text) if self._there else text

    def read(self, data: dict[str, Any]) -> Any:
        """Return the TestReport or CollectReport that `data` describes; `data` is used up."""
        for key in ("sections", "user_properties"):
            if key in data:
                data[key] = [tuple(each) for each in data[key]]
        if data.get("location"):
            data["location"] = tuple(data["location"])
        had_repr = data.pop(REPR, False)
        if data.get("longrepr"):
            data["longrepr"] = self._near_all(data["longrepr"])
        kwargs = data.get("_subtest.context", {}).get("kwargs", {})
        hook = self._config.hook
        report = hook.pytest_report_from_serializable(config=self._config, data=data)
        if had_repr:
            all_red = isinstance(report, pytest.CollectReport)
            report.longrepr = TextRepr(str(report.longrepr), all_red=all_red)
        elif isinstance(report.longrepr, list):
            report.longrepr = tuple(report.longrepr)
        if isinstance(report, SubtestReport):
            self._restore_subtest(report, kwargs)
        return report

    def _near_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.near(value)
        if isinstance(value, list):
            return [self._near_all(each) for each in value]
        if isinstance(value, dict):
            return {key: self._near_all(each) for key, each in value.items()}
        return value

    def _restore_subtest(self, report: SubtestReport, kwargs: dict[str, Any]) -> None:
        """Undo a second saferepr of the values, and count what pytest counts where tests run."""
        object.__setattr__(report.context, "kwargs", kwargs)
        if report.failed:
            key: Any = getattr(report, "id", report.nodeid)  # structured since pytest 9.2
            self._config.stash[failed_subtests_key][key] += 1
