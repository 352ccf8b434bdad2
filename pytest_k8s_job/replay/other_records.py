"""What the pod's session says beside results: warnings, values to keep, properties for JUnit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.replay.report_reader import ReportReader

__all__ = ["Asides"]


class Asides:
    """Hands them to whom they are meant for here; `mark` says which shard a report comes from."""

    def __init__(
        self,
        config: pytest.Config,
        reader: ReportReader,
        mark: Callable[[pytest.TestReport], None],
    ) -> None:
        self._config = config
        self._reader = reader
        self._mark = mark

    def warning(self, seen: dict[str, Any]) -> None:
        """Replay a `warning` record."""
        category = type(seen["category"], (Warning,), {})
        filename = self._reader.near_path(seen["filename"])
        message = warnings.WarningMessage(
            seen["text"], category, filename, seen["lineno"], line=seen["line"]
        )
        location = tuple(seen["location"]) if seen["location"] else None
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": message,
                "when": seen["when"],
                "nodeid": seen["nodeid"],
                "location": location,
            }
        )

    def cache(self, key: str, value: Any) -> None:
        """Keep what a plugin or a test kept in pytest's cache."""
        if (cache := getattr(self._config, "cache", None)) is not None:
            cache.set(key, value)

    def suite_property(self, name: str, value: str) -> None:
        """Write a property of the suite into the JUnit file."""
        if (xml := self._config.stash.get(xml_key, None)) is not None:
            xml.add_global_property(name, value)

    def attribute(self, nodeid: str, name: str, value: str) -> None:
        """Write an attribute of a test case into the JUnit file."""
        if (xml := self._config.stash.get(xml_key, None)) is not None:
            case = pytest.TestReport(nodeid, ("", None, ""), {}, "passed", None, "call")
            self._mark(case)
            xml.node_reporter(case).add_attribute(name, value)
