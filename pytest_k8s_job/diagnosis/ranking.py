"""Ranks findings: root causes first, each with its effects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding

__all__ = ["rank"]

ORDER = {cause: place for place, cause in enumerate(Cause)}


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """Return the root causes, the most basic first, each with its effects."""
    merged = sorted(_merged(findings), key=lambda each: (ORDER[each.cause], each.sentence))
    explained: dict[int, list[int]] = {place: [] for place in range(len(merged))}
    roots: list[int] = []
    above: dict[int, int] = {}
    for place in range(len(merged)):
        cause = _explanation(merged, place, above)
        if cause is None:
            roots.append(place)
        else:
            above[place] = cause
            explained[cause].append(place)
    return [merged[root].with_effects(_effects(merged, explained, root)) for root in roots]


def _explanation(merged: list[Finding], place: int, above: dict[int, int]) -> int | None:
    """Return the first finding that the one at `place` blames."""
    finding = merged[place]
    for other, candidate in enumerate(merged):
        if other == place or candidate.cause is Cause.UNKNOWN:
            continue
        if finding.blames & set(candidate.objects) and not _leads_to(other, place, above):
            return other
    return None


def _leads_to(start: int, end: int, above: dict[int, int]) -> bool:
    """Whether `end` explains `start`, directly or through others.

    The other way round would then be a circle.
    """
    place: int | None = start
    while place is not None:
        if place == end:
            return True
        place = above.get(place)
    return False


def _effects(
    merged: list[Finding], explained: dict[int, list[int]], root: int
) -> tuple[Finding, ...]:
    """Return all that `root` explains, nearest first, each once."""
    found: list[Finding] = []
    level = explained[root]
    while level:
        found += [merged[place] for place in level]
        level = [deeper for place in level for deeper in explained[place]]
    return tuple(found)


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Merge findings that differ only in the replica."""
    groups: dict[object, list[Finding]] = {}
    for number, each in enumerate(findings):
        key: object = (each.cause, each.group) if each.group else number
        groups.setdefault(key, []).append(each)
    return [_joined(group) for group in groups.values()]


def _joined(group: list[Finding]) -> Finding:
    first = group[0]
    objects = tuple(dict.fromkeys(ref for each in group for ref in each.objects))
    more = len(objects) - len(first.objects)
    note = f" (and {more} more of its pods)" if more > 0 and objects[0].kind == "Pod" else ""
    blames = frozenset().union(*(each.blames for each in group))
    return replace(first, sentence=first.sentence + note, objects=objects, blames=blames)
