"""Replays the records of a pod's session that belong to no test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.replay.local_plugins import ARTIFACTS_PLUGIN
from pytest_k8s_job.replay.origin import Origin
from pytest_k8s_job.replay.pod_output import PodOutput
from pytest_k8s_job.replay.report_reader import ReportReader
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.wire.records import Kind, map_texts

__all__ = ["SessionRecords"]


class SessionRecords:
    """Replays warnings, printed text, cache values, JUnit properties and the session's end.

    The records of a shard with `is_follower` that another shard replays as well are dropped.
    """

    def __init__(
        self, config: pytest.Config, ledger: Ledger, reader: ReportReader, origin: Origin
    ) -> None:
        self.is_follower = False
        self.output = PodOutput.of(config)
        self._config = config
        self._ledger = ledger
        self._reader = reader
        self._origin = origin

    @property
    def handlers(self) -> Mapping[str, Callable[..., None]]:
        """The method for each kind of record."""
        output = {
            kind: partial(self.output.take, kind)
            for kind in (Kind.PRINTED, Kind.TEXT, Kind.SUMMARY)
        } | {
            kind: partial(self._artifact, kind)
            for kind in (Kind.FOLDER, Kind.ARTIFACTS, Kind.ARTIFACT)
        }
        return output | {
            Kind.HELLO: self._hello,
            Kind.ROOT: self._root,
            Kind.SESSION: self._session,
            Kind.WARNING: self._warning,
            Kind.HEADER: self._header,
            Kind.CACHE: self._cache,
            Kind.PROPERTY: self._property,
            Kind.ATTRIBUTE: self._attribute,
            Kind.INTERRUPT: self._interrupt,
            Kind.INTERNAL: self._internal,
            Kind.DONE: self._done,
            Kind.END: self._end,
        }

    def _hello(self, _about: dict[str, Any]) -> None:
        self._ledger.hello = True

    def _artifact(self, kind: Kind, *fields: Any) -> None:
        artifacts = self._config.pluginmanager.getplugin(ARTIFACTS_PLUGIN)
        if artifacts is not None:
            artifacts.take(kind, self._origin.shard, *fields)

    def _root(self, path: str) -> None:
        self._reader.set_root(path)
        if not self.is_follower:
            self.output.localize = self._reader.localize

    def _session(self, about: dict[str, Any]) -> None:
        self._ledger.session = about
        if self._origin.node is not None:
            self._origin.node.describe(about)
        if not self.is_follower:
            self.output.about = about

    def _header(self, before: list[str], after: list[str]) -> None:
        self.output.header = before, after

    def _interrupt(self, how: dict[str, Any]) -> None:
        self._ledger.interrupt = map_texts(how, self._reader.localize)

    def _internal(self, text: str) -> None:
        self._ledger.internal = self._reader.localize(text)

    def _done(self, how: dict[str, Any]) -> None:
        self._ledger.done = how
        if not self.is_follower and self._origin.node is None:
            self.output.hold()

    def _end(self, how: dict[str, Any]) -> None:
        self._ledger.end = how

    def _warning(self, warning: dict[str, Any]) -> None:
        if self.is_follower and warning["when"] != "runtest":
            return
        category = type(warning["category"], (Warning,), {})
        filename = self._reader.local_path(warning["filename"])
        message = warnings.WarningMessage(
            warning["text"], category, filename, warning["lineno"], line=warning["line"]
        )
        location = tuple(warning["location"]) if warning["location"] else None
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": message,
                "when": warning["when"],
                "nodeid": warning["nodeid"],
                "location": location,
            }
        )

    def _cache(self, key: str, value: Any) -> None:
        if (cache := getattr(self._config, "cache", None)) is not None:
            cache.set(key, value)

    def _property(self, name: str, value: str) -> None:
        if (xml := self._config.stash.get(xml_key, None)) is not None:
            xml.add_global_property(name, value)

    def _attribute(self, nodeid: str, name: str, value: str) -> None:
        if (xml := self._config.stash.get(xml_key, None)) is not None:
            case = pytest.TestReport(nodeid, ("", None, ""), {}, "passed", None, "call")
            self._origin.mark(case)
            xml.node_reporter(case).add_attribute(name, value)
