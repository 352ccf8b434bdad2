"""The warning or error that the target logged in most of the failed tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.diagnosis.grouping import without_numbers
from pytest_k8s_job.evidence.window import Line, Window

__all__ = ["SharedLog", "complaints", "message_of"]

LEVELS = frozenset({"warning", "warn", "error", "critical", "fatal"})
LEVEL_WORD = re.compile(r"\b(?:WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b")
LEAST = 2  # failed tests that must share a line: one alone has its own evidence
MESSAGE_LIMIT = 200  # characters

Key = tuple[str, str]  # container, message without numbers and ids


def complaints(lines: Iterable[Line]) -> Iterator[tuple[Key, str]]:
    """Yield key and text of each line of level WARNING or above."""
    for line in lines:
        if _is_complaint(line.text):
            text = clipped(message_of(line.text), MESSAGE_LIMIT)
            yield (line.container, without_numbers(text)), text


def message_of(text: str) -> str:
    """Return the message of a log line that is JSON, with the exception's last line."""
    try:
        fields = json.loads(text)
        raised = str(fields.get("exc_info") or fields.get("exception") or "").strip()
        parts = (str(fields.get("message") or text), raised.rpartition("\n")[2])
        return ": ".join(filter(None, parts))
    except (ValueError, AttributeError):
        return text


def _is_complaint(text: str) -> bool:
    try:
        fields = json.loads(text)
        level = fields.get("level") or fields.get("levelname") or fields.get("severity")
    except (ValueError, AttributeError):
        return LEVEL_WORD.search(text) is not None
    return str(level).lower() in LEVELS


@dataclass
class SharedLog:
    """Collects what the target complained of in each failed test."""

    failed: set[str] = field(default_factory=set)
    _marked: dict[Key, dict[str, str]] = field(default_factory=dict)
    _timed: dict[Key, dict[str, str]] = field(default_factory=dict)
    _windows: list[Window] = field(default_factory=list)

    def add(
        self, nodeid: str, window: Window, marked: Iterable[Line], around: Iterable[Line]
    ) -> None:
        """Take a failed test: lines with its trace id, and all lines of its time."""
        self.failed.add(nodeid)
        self._windows.append(window)
        for found, lines in ((self._marked, marked), (self._timed, around)):
            for key, text in complaints(lines):
                found.setdefault(key, {})[nodeid] = text

    def sentence(self, lines: Sequence[Line] = ()) -> str:
        """Return the complaint that at least half of the failed tests share, or nothing.

        `lines` are all that were read: without a trace id, a complaint counts only if it was
        logged at no other time.
        """
        if found := self._most(self._marked):
            return found
        elsewhere = {key for key, _ in complaints(each for each in lines if not self._ours(each))}
        only = {key: tests for key, tests in self._timed.items() if key not in elsewhere}
        return self._most(only)

    def _ours(self, line: Line) -> bool:
        return any(line.at in window for window in self._windows)

    def _most(self, found: dict[Key, dict[str, str]]) -> str:
        (container, _), tests = max(
            found.items(), key=lambda each: len(each[1]), default=(("", ""), {})
        )
        count, all_tests = len(tests), len(self.failed)
        if count < LEAST or 2 * count < all_tests:
            return ""
        text = next(iter(tests.values()))
        return f"{container} logged in {count} of {all_tests} failed tests: {text}"
