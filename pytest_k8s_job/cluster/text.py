"""Formats numbers and lists for messages, and reads Kubernetes' own formats."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

__all__ = ["bytes_text", "clipped", "epoch", "labels_text", "listed", "nearest", "quantity"]

LINE_LIMIT = 240  # characters of a quoted message
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DECIMAL = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def epoch(stamp: object) -> float:
    """Return an RFC 3339 time stamp as seconds, 0 if there is none."""
    if not isinstance(stamp, str) or not stamp:
        return 0.0
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0


def quantity(text: object) -> float:
    """Return a Kubernetes quantity (100m, 64Mi) as a number, 0 if it is none."""
    match = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    if match is None:
        return 0.0
    return float(match[1]) * (_BINARY | _DECIMAL).get(match[2], 0.0)


def bytes_text(text: object) -> str:
    """Return a memory quantity as people write it: `32 MiB`."""
    match = re.fullmatch(r"([0-9.]+)([KMGT]i)", str(text))
    if match is not None:
        return f"{match[1]} {match[2]}B"
    size = quantity(text)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.4g} {unit}"
        size /= 1024
    return str(text)


def clipped(text: object, limit: int = LINE_LIMIT) -> str:
    """Return `text` on one line, its end cut off if it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 4] + " ..."


def listed(words: Iterable[str], limit: int = 4) -> str:
    """Return the words with commas; those over the limit are only counted."""
    all_words = list(words)
    rest = len(all_words) - limit
    return ", ".join(all_words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as kubectl takes them."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that `name` was probably meant to be, or nothing."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else ""
