"""Masks secrets in everything that is shown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_k8s_job.wire.records import MASK, Kind, Record, map_texts

__all__ = ["Masks", "secret_values"]

SHORTEST = 6  # characters of a Secret's value: "true" and "5432" stand everywhere
LONGEST = 8192  # a Helm release is no secret that a test could show
TELLING = frozenset(  # kinds of records that carry text of tests
    {
        Kind.COLLECT, Kind.REPORT, Kind.PRINTED, Kind.TEXT, Kind.WARNING, Kind.PROPERTY,
        Kind.ATTRIBUTE, Kind.INTERRUPT, Kind.INTERNAL, Kind.END,
    }
)  # fmt: skip
IDENTITY = ("nodeid", "location", "keywords", "outcome", "when", "$report_type")
_QUOTED = r"\\?[\"'][^\"'\n]*|[^\n]+"
_HEADERS = re.compile(
    rf"((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s*:\s*)({_QUOTED})", re.IGNORECASE
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)


class Masks:
    """Replaces secrets by `[masked]`: the user's patterns, and values of Secrets."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [re.compile(each) for each in patterns]

    def add(self, values: Iterable[str]) -> None:
        """Mask these values too."""
        if longest_first := sorted(set(values), key=len, reverse=True):
            self._patterns.append(re.compile("|".join(map(re.escape, longest_first))))

    def __call__(self, text: str) -> str:
        """Return `text` masked."""
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return text

    def evidence(self, text: str) -> str:
        """Return `text` masked, and without credentials in HTTP headers."""
        text = _HEADERS.sub(rf"\1\2{MASK}", self(text))
        return _BEARER.sub(rf"\1 {MASK}", text)

    def record(self, record: Record) -> Record:
        """Return a record of the pod with its texts masked."""
        if not self._patterns or record[0] not in TELLING:
            return record
        return [record[0], *(self._field(each) for each in record[1:])]

    def _field(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return map_texts(value, self)
        kept = {name: value[name] for name in IDENTITY if name in value}
        return {**map_texts(value, self), **kept}


def secret_values(secrets: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the values of Secret objects that must not be shown."""
    found: set[str] = set()
    for secret in secrets:
        for encoded in filter(None, (secret.get("data") or {}).values()):
            try:
                text = base64.b64decode(encoded).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
            if SHORTEST <= len(text.strip()) <= LONGEST:
                lines = [each for each in text.splitlines() if not each.startswith("-----")]
                found.update((text.strip(), encoded, *map(str.strip, lines)))
    return {each for each in found if len(each) >= SHORTEST}
