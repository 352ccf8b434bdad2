"""Which tests a pod takes: parts that are whole, balanced and the same in every pod."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.pod.selection import deselect, parts_of
from pytest_k8s_job.wire.sharding import (
    CHUNK,
    INDEX,
    SELECTION,
    Selection,
    ShardBy,
    key_of,
    take_selection,
)

SECONDS = st.floats(0.0625, 1024, width=32)
NODEIDS = st.lists(st.text(min_size=1), min_size=1, max_size=30, unique=True)


def item(nodeid: str, group: str | None = None, cls: str | None = None) -> Any:
    """Return what stands for a collected test."""
    mark = SimpleNamespace(args=(group,), kwargs={}) if group else None
    parent = SimpleNamespace(nodeid=cls) if cls else None
    return SimpleNamespace(
        nodeid=nodeid,
        get_closest_marker=lambda _name: mark,
        getparent=lambda _kind: parent,
    )


@given(NODEIDS, st.integers(1, 6), st.data())
def test_parts_are_the_whole_and_do_not_overlap(
    nodeids: list[str], shards: int, data: st.DataObject
) -> None:
    """Each test is in exactly one part, in whatever order it was collected and timed."""
    timed = data.draw(st.lists(st.sampled_from(nodeids), unique=True))
    durations = {key_of(nodeid): data.draw(SECONDS) for nodeid in timed}
    selection = Selection(shards, durations=durations)
    mixed = data.draw(st.permutations(nodeids))
    parts = parts_of([item(nodeid) for nodeid in nodeids], selection)
    again = parts_of([item(nodeid) for nodeid in mixed], selection)
    assert sorted(index for part in parts for index in part) == list(range(len(nodeids)))
    assert [{nodeids[i] for i in part} for part in parts] == [{mixed[i] for i in p} for p in again]


@given(st.lists(SECONDS, min_size=1, max_size=40), st.integers(1, 8))
def test_no_part_is_longer_than_it_must_be(seconds: list[float], shards: int) -> None:
    """The longest part exceeds the mean by no more than one test."""
    durations = {key_of(str(number)): each for number, each in enumerate(seconds)}
    items = [item(str(number)) for number in range(len(seconds))]
    parts = parts_of(items, Selection(shards, durations=durations))
    longest = max(sum(seconds[index] for index in part) for part in parts)
    assert longest <= sum(seconds) / shards + max(seconds) + 1e-3


@pytest.mark.parametrize(
    ("by", "together"),
    [
        (ShardBy.TEST, [{0}, {1}, {2}, {3}, {4, 5}]),
        (ShardBy.CLASS, [{0, 1}, {2}, {3}, {4, 5}]),
        (ShardBy.FILE, [{0, 1, 2}, {3}, {4, 5}]),
    ],
)
def test_what_belongs_together_stays_together(by: ShardBy, together: list[set[int]]) -> None:
    """A file, a class or an xdist_group is never divided, however many shards there are."""
    items = [
        item("a.py::A::one", cls="a.py::A"),
        item("a.py::A::two", cls="a.py::A"),
        item("a.py::three"),
        item("b.py::four"),
        item("a.py::five", group="g"),
        item("b.py::six", group="g"),
    ]
    parts = [set(part) for part in parts_of(items, Selection(20, by)) if part]
    assert sorted(parts, key=min) == together


@given(
    st.integers(2, 9),
    st.sampled_from(ShardBy),
    st.none() | st.frozensets(st.binary(min_size=6, max_size=6)),
    st.dictionaries(st.binary(min_size=6, max_size=6), SECONDS),
)
def test_a_selection_survives_its_journey(
    shards: int, by: ShardBy, only: frozenset[bytes] | None, durations: dict[bytes, float]
) -> None:
    """A pod reads what the collector wrote, and its tests do not see it."""
    sent = Selection(shards, by, only, durations)
    environment = {**sent.encode(), INDEX: "1", "OTHER": "x"}
    assert take_selection(environment) == (sent, 1)
    assert environment == {INDEX: "1", "OTHER": "x"}


def test_a_large_selection_is_cut_to_what_linux_takes() -> None:
    """Many tests to run again need several variables, none above the limit."""
    only = frozenset(key_of(str(number)) for number in range(40_000))
    environment = Selection(only=only).encode()
    assert len(environment) > 2
    assert max(map(len, environment.values())) <= CHUNK
    assert take_selection(environment)[0].only == only


def test_an_ordinary_run_sends_nothing() -> None:
    """One pod that runs everything needs no selection."""
    assert Selection(durations={key_of("a"): 1.0}).encode() == {}
    assert take_selection({}) == (Selection(), 0)
    assert not any(name.startswith(SELECTION) for name in Selection().encode())


def test_only_what_is_asked_for_stays() -> None:
    """Tests outside the selection leave the list and are returned."""
    items = [item(name) for name in ("a", "b", "c")]
    left_out = deselect(items, Selection(only=frozenset({key_of("b")})))
    assert [each.nodeid for each in items] == ["b"]
    assert [each.nodeid for each in left_out] == ["a", "c"]
