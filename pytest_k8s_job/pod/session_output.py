"""Sends what plugins, conftest files and warnings write between the tests."""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Callable, Generator, Sequence

import pytest

from pytest_k8s_job.pod.record_pipe import RecordPipe
from pytest_k8s_job.wire.cache_values import COLLECTOR_KEYS
from pytest_k8s_job.wire.records import Kind

__all__ = ["SessionOutput"]

Lines = Sequence[str | Sequence[str]]


class SessionOutput:
    """The plugin of the emitter for headers, summaries, warnings and cache values.

    `flush` sends the phases of the running test that still wait.
    """

    def __init__(self, pipe: RecordPipe, flush: Callable[[], None]) -> None:
        self._emit = pipe.emit
        self.flush = flush
        self._header: tuple[list[str], list[str]] = ([], [])
        self._in_summary = False

    def send_text(self, module: str, call: list[object], newline: bool) -> None:
        if self._in_summary and module.startswith("_pytest."):
            return  # durations, say: the collector knows them
        self.flush()
        self._emit(Kind.TEXT, module, call, newline)

    def tap_cache(self, cache: pytest.Cache) -> None:
        set_here = cache.set

        def send_and_set(key: str, value: object) -> None:
            if key not in COLLECTOR_KEYS:
                self._emit(Kind.CACHE, key, value)
            set_here(key, value)

        cache.set = send_and_set  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_report_header(self) -> Generator[None, Lines, Lines]:
        groups = yield
        lines: list[str] = self._header[0]
        for group in _printed_order(groups):
            if group and group[0].startswith("rootdir: "):
                lines = self._header[1]
            elif group and not group[0].startswith("cachedir: "):
                lines.extend(group)
        return groups

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._emit(Kind.HEADER, *self._header)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_collectionfinish(self) -> Generator[None, Lines, Lines]:
        groups = yield
        if lines := [line for group in _printed_order(groups) for line in group]:
            self._emit(Kind.LINES, lines)
        return groups

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self) -> Generator[None, None, None]:
        self._emit(Kind.SUMMARY, "begin")
        self._in_summary = True
        result = yield
        self._emit(Kind.SUMMARY, "end")
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        warning = warning_message
        line = warning.line or linecache.getline(warning.filename, warning.lineno)
        self._emit(
            Kind.WARNING,
            {
                "text": str(warning.message),
                "category": warning.category.__name__,
                "filename": warning.filename,
                "lineno": warning.lineno,
                "line": line,
                "when": when,
                "nodeid": nodeid,
                "location": location,
            },
        )


def _printed_order(groups: Lines) -> list[list[str]]:
    return [[each] if isinstance(each, str) else list(each) for each in reversed(groups)]
