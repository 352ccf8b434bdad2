"""Divides the collected tests among shards and deselects what is not to run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

from pytest_k8s_job.wire.sharding import Selection, ShardBy, key_of

__all__ = ["deselect", "parts_of"]


def parts_of(items: Sequence[pytest.Item], selection: Selection) -> list[list[int]]:
    """Divide `items` into `selection.shards` lists of indices, each in the order of `items`.

    The longest group goes first, always into the part with the least to do; a test that has not
    been timed counts as the mean of those that have. Every shard gets the same answer, in whatever
    order it collected.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[_group(item, selection.by)].append(index)
    known = selection.durations
    usual = sum(known.values()) / len(known) if known else 1.0
    weights = {
        name: sum(known.get(key_of(items[index].nodeid), usual) for index in indices)
        for name, indices in groups.items()
    }
    order = sorted(groups, key=lambda name: (-weights[name], key_of(name)))
    loads = [0.0] * selection.shards
    parts: list[list[int]] = [[] for _ in loads]
    for name in order:
        lightest = loads.index(min(loads))
        loads[lightest] += weights[name]
        parts[lightest] += groups[name]
    return [sorted(part) for part in parts]


def deselect(items: list[pytest.Item], selection: Selection) -> list[pytest.Item]:
    """Remove from `items` what the selection leaves out, and return it."""
    left_out = [item for item in items if not selection.wants(item.nodeid)]
    if left_out:
        items[:] = [item for item in items if selection.wants(item.nodeid)]
    return left_out


def _group(item: pytest.Item, by: ShardBy) -> str:
    mark = item.get_closest_marker("xdist_group")
    if mark is not None:
        names: Iterable[object] = (*mark.args, mark.kwargs.get("name", "default"))
        return f"group {next(iter(names))}"
    if by is ShardBy.FILE:
        return item.nodeid.partition("::")[0]
    if by is ShardBy.CLASS and (parent := item.getparent(pytest.Class)) is not None:
        return parent.nodeid
    return item.nodeid
