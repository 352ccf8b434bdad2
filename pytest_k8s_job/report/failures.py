"""Reads failed reports, and groups failures by cause."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_k8s_job.diagnosis.grouping import group_texts
from pytest_k8s_job.report.document import Cause, Failure, Result

__all__ = ["group", "read_failure", "readable"]

LIKELY_CAUSE = "likely cause"  # title of a section that says what `likely_cause` says
HEADLINE_LENGTH = 300  # characters; what does not fit stands in the traceback
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def readable(text: str) -> str:
    """Return `text` without colours and control characters."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def read_failure(report: Any, root: Path, when: str, seen: Iterable[tuple[str, str]]) -> Failure:
    """Return the failure of a report, without sections that were `seen` before."""
    known = set(seen)
    sections = [(readable(name), readable(text)) for name, text in report.sections]
    file, line = _failed_line(report, root)
    return Failure(
        when,
        _headline(report),
        readable(str(report.longreprtext)),
        file,
        line,
        readable(getattr(report, "likely_cause", "")),
        tuple(each for each in sections if each not in known and each[0] != LIKELY_CAUSE),
    )


def _headline(report: Any) -> str:
    """Return the first line of the exception's message."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = readable(crash.message if crash else report.longreprtext).strip()
    if not crash:
        marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
        text = marked[0] if marked else text.rpartition("\n")[2]
    first = text.partition("\n")[0]
    return first if len(first) <= HEADLINE_LENGTH else first[: HEADLINE_LENGTH - 1] + "…"


def _failed_line(report: Any, root: Path) -> tuple[str, int | None]:
    """Return the innermost line of the test's own file, else where the test is defined."""
    location = getattr(report, "location", None) or (report.nodeid, None, "")
    file, line = str(location[0]), location[1]
    trace = getattr(report.longrepr, "reprtraceback", None)
    for entry in reversed(getattr(trace, "reprentries", None) or ()):
        place = getattr(entry, "reprfileloc", None)
        if place and os.path.relpath(os.path.join(root, place.path), root) == file:  # noqa: PTH118 (absolute or not)
            return file, place.lineno
    return file, None if line is None else line + 1


def group(tests: Sequence[Result]) -> tuple[Cause, ...]:
    """Return the causes of the failed tests, the one with the most tests first.

    The likely cause counts; without one, what was raised, numbers and ids put aside.
    """
    failed = [test for test in tests if test.bad and test.failures]
    causes = group_texts((_cause(test), test.nodeid) for test in failed)
    return tuple(Cause(text, tuple(nodeids)) for text, nodeids in causes)


def _cause(test: Result) -> str:
    cause = next((f.likely_cause for f in test.failures if f.likely_cause), "")
    return cause or test.main_failure.headline
