"""The part of the emitter for what is said beside tests: by plugins, conftests and warnings."""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Callable, Generator, Sequence

import pytest

from pytest_k8s_job.pod.record_pipe import RecordPipe
from pytest_k8s_job.wire.cache_values import COLLECTOR_KEYS
from pytest_k8s_job.wire.records import Kind

__all__ = ["Commentary"]

Lines = Sequence[str | Sequence[str]]


class Commentary:
    """A pytest plugin; `flush` sends what is still to be said of the running test."""

    def __init__(self, pipe: RecordPipe, flush: Callable[[], None]) -> None:
        self._emit = pipe.emit
        self._flush = flush
        self._header: tuple[list[str], list[str]] = ([], [])
        self._summing_up = False

    def say(self, module: str, call: list[object], newline: bool) -> None:
        if self._summing_up and module.startswith("_pytest."):
            return  # durations, say: the near side knows them
        self._flush()
        self._emit(Kind.TEXT, module, call, newline)

    def tap_cache(self, cache: pytest.Cache) -> None:
        keep = cache.set

        def tell(key: str, value: object) -> None:
            if key not in COLLECTOR_KEYS:
                self._emit(Kind.CACHE, key, value)
            keep(key, value)

        cache.set = tell  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_report_header(self) -> Generator[None, Lines, Lines]:
        said = yield
        side: list[str] = self._header[0]
        for group in _printed_order(said):
            if group and group[0].startswith("rootdir: "):
                side = self._header[1]
            elif group and not group[0].startswith("cachedir: "):
                side.extend(group)
        return said

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._emit(Kind.HEADER, *self._header)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_collectionfinish(self) -> Generator[None, Lines, Lines]:
        said = yield
        if lines := [line for group in _printed_order(said) for line in group]:
            self._emit(Kind.LINES, lines)
        return said

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self) -> Generator[None, None, None]:
        self._emit(Kind.SUMMARY, "begin")
        self._summing_up = True
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
        seen = warning_message
        line = seen.line or linecache.getline(seen.filename, seen.lineno)
        self._emit(
            Kind.WARNING,
            {
                "text": str(seen.message),
                "category": seen.category.__name__,
                "filename": seen.filename,
                "lineno": seen.lineno,
                "line": line,
                "when": when,
                "nodeid": nodeid,
                "location": location,
            },
        )


def _printed_order(said: Lines) -> list[list[str]]:
    return [[each] if isinstance(each, str) else list(each) for each in reversed(said)]
