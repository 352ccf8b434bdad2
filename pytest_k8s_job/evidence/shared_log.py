"""The warning or error that the target logged in most of the failed tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.diagnosis.grouping import without_numbers
from pytest_k8s_job.evidence.window import Line, Window

__all__ = ["SharedLog", "complaints", "message_of", "same_complaint"]

LEVELS = frozenset({"warning", "warn", "error", "critical", "fatal"})
LEVEL_WORD = re.compile(
    r"\b(?:WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|\blevel=\"?(?:warn|error|critical|fatal)"
)
MESSAGES = ("message", "msg", "event")  # names of a field in the order in which they count
REASONS = ("exc_info", "exception", "error", "err")
SAID = re.compile(r" logged (?:for this test|in [\d,]+ of [\d,]+ failed tests): ")
LEAST = 2  # failed tests that must share a line: one alone has its own evidence
MESSAGE_LIMIT = 200  # characters

Key = tuple[str, str]  # container, message without numbers and ids
Found = dict[Key, dict[str, str]]  # complaint -> node id -> the text itself


def complaints(lines: Iterable[Line]) -> Iterator[tuple[Key, str]]:
    """Yield how to compare each line of level WARNING and above, and its text."""
    for line in lines:
        if _is_complaint(line.text):
            text = clipped(message_of(line.text), MESSAGE_LIMIT)
            yield (line.container, without_numbers(text)), text


def message_of(text: str) -> str:
    """Return the message of a JSON line, with the last line of its error."""
    try:
        fields = json.loads(text)
        message = _first(fields, MESSAGES) or text
        reason = _first(fields, REASONS).strip().rpartition("\n")[2]
    except (ValueError, AttributeError):
        return text
    return message if reason in message else f"{message}: {reason}"


def same_complaint(cause: str, other: str) -> bool:
    """Whether two sentences name the same complaint, of one test or of several."""
    return _bare(cause) == _bare(other)


def _bare(sentence: str) -> str:
    return without_numbers(SAID.sub(" logged: ", sentence, count=1))


def _first(fields: Mapping[str, object], names: Iterable[str]) -> str:
    texts = (fields.get(name) for name in names)
    return next((each for each in texts if each and isinstance(each, str)), "")


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
    unread: set[str] = field(default_factory=set)
    """Failed tests without evidence: nobody knows what was logged for them."""
    _marked: Found = field(default_factory=dict)
    _timed: Found = field(default_factory=dict)
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

        `lines` are all that were read. What was logged at no other time comes first; without a
        trace id nothing else counts.
        """
        elsewhere = {key for key, _ in complaints(each for each in lines if not self._ours(each))}
        only = {key: tests for key, tests in self._timed.items() if key not in elsewhere}
        return self._most(self._marked, elsewhere) or self._most(only, elsewhere)

    def _ours(self, line: Line) -> bool:
        return any(line.at in window for window in self._windows)

    def _most(self, found: Found, elsewhere: set[Key]) -> str:
        shared = {
            key: tests
            for key, tests in found.items()
            if len(tests) >= LEAST and 2 * len(tests) >= len(self.failed)
        }
        if not shared:
            return ""
        key = max(shared, key=lambda key: (key not in elsewhere, len(shared[key])))
        text, all_tests = next(iter(shared[key].values())), self.failed | self.unread
        return f"{key[0]} logged in {len(shared[key])} of {len(all_tests)} failed tests: {text}"
