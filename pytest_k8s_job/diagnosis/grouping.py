"""Groups texts that differ only in numbers, ids and times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["group_texts", "without_numbers"]

_AT = re.compile(r" at (\d\d:\d\d:\d\d) UTC$")
_CHANGING = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{12,}\b|\d+(?:\.\d+)?"
)


def group_texts(causes: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return each distinct text with its node ids, the most frequent first.

    Of texts that end with a time of day, the first and the last time are shown.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for text, nodeid in causes:
        found.setdefault(without_numbers(text), []).append((text, nodeid))
    groups = [
        (_spanning([text for text, _ in each]), [nodeid for _, nodeid in each])
        for each in found.values()
    ]
    return sorted(groups, key=lambda each: -len(each[1]))


def without_numbers(text: str) -> str:
    """Return `text` with a # for each number and id, to compare it with others."""
    return _CHANGING.sub("#", text)


def _spanning(texts: Sequence[str]) -> str:
    """Return the first text, with the first and last of their times."""
    ends = [_AT.search(text) for text in texts]
    times = sorted(end[1] for end in ends if end is not None)
    if len(times) < len(texts) or times[0] == times[-1]:
        return texts[0]
    return _AT.sub(f" from {times[0]} to {times[-1]} UTC", texts[0])
