"""Sends JUnit properties and attributes that tests set, if the collector writes that file."""

from __future__ import annotations

import pytest
from _pytest.junitxml import LogXML, xml_key

from pytest_k8s_job.pod.record_pipe import RecordPipe
from pytest_k8s_job.wire.records import Kind

__all__ = ["tap_junit"]


class _Case:
    def __init__(self, pipe: RecordPipe, nodeid: str) -> None:
        self._pipe = pipe
        self._nodeid = nodeid

    def add_attribute(self, name: str, value: object) -> None:
        self._pipe.emit(Kind.ATTRIBUTE, self._nodeid, str(name), str(value))


class _PodXml:
    """Takes the place of pytest's `LogXML` for the fixtures that write to it."""

    def __init__(self, pipe: RecordPipe, family: str) -> None:
        self._pipe = pipe
        self.family = family

    def add_global_property(self, name: str, value: object) -> None:
        self._pipe.emit(Kind.PROPERTY, name, str(value))

    def node_reporter(self, nodeid: object) -> _Case:
        return _Case(self._pipe, str(nodeid))  # structured since pytest 9.2


def tap_junit(config: pytest.Config, pipe: RecordPipe) -> None:
    """Let the fixtures of `_pytest.junitxml` find a file to write to."""
    if xml_key not in config.stash:
        xml: LogXML = _PodXml(pipe, config.getini("junit_family"))  # type: ignore[assignment]
        config.stash[xml_key] = xml
        config.pluginmanager.register(xml)  # pytest unregisters what it finds there
