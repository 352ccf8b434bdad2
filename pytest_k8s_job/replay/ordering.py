"""Sorts the reports of shards by the plan for a stable summary."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest
from _pytest.junitxml import xml_key

__all__ = ["Ordering"]


class Ordering:
    """A plugin that knows which test each entry of the JUnit file belongs to.

    Pytest's own entries forget that as soon as they are complete.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._xml = config.stash.get(xml_key, None)
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        self._nodeids: list[str] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Note the entries that this report adds."""
        result = yield
        self._name_new(report.nodeid)
        return result

    def sort(self, items: Sequence[pytest.Item]) -> None:
        """Sort what JUnit file and terminal summary will list as `items` are."""
        place = {item.nodeid: index for index, item in enumerate(items)}
        if self._xml is not None:
            self._name_new("")
            entries = self._xml.node_reporters_ordered
            order = sorted(range(len(entries)), key=lambda i: place.get(self._nodeids[i], -1))
            entries[:] = [entries[index] for index in order]
        if self._reporter is not None:
            for reports in self._reporter.stats.values():
                reports.sort(key=lambda each: place.get(getattr(each, "nodeid", ""), -1))

    def _name_new(self, nodeid: str) -> None:
        if self._xml is not None:
            new = len(self._xml.node_reporters_ordered) - len(self._nodeids)
            self._nodeids += [nodeid] * new
