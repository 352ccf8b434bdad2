"""Describes the tests that a session selected as `nodes` and `items` records."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from pytest_k8s_job.wire.plan import usual_location
from pytest_k8s_job.wire.records import Kind

__all__ = ["describe_items"]

ROWS = 500  # tests in one record, so that no payload grows with the suite


def describe_items(
    items: Sequence[pytest.Item], *, documented: bool = False
) -> Iterator[tuple[Kind, list[list[Any]]]]:
    """Yield `nodes` and `items` records; a collector comes before what it holds.

    `documented`: with the docstrings that `--collect-only -v` shows.
    """
    doc = _docstring if documented else _no_docstring
    known: dict[pytest.Collector, int] = {}
    for first in range(0, len(items), ROWS):
        nodes: list[list[Any]] = []
        rows = []
        for item in items[first : first + ROWS]:
            row = [_collector(item.parent, known, nodes, doc), item.name, item.location[1]]
            extra = _unusual(item) | doc(item)
            rows.append([*row, extra] if extra else row)
        if nodes:
            yield Kind.NODES, nodes
        yield Kind.ITEMS, rows


def _collector(
    node: pytest.Collector | None,
    known: dict[pytest.Collector, int],
    new: list[list[Any]],
    doc: Callable[[pytest.Collector], dict[str, str]],
) -> int:
    """Return the index of `node`, -1 for the session; describe a new one in `new`."""
    if node is None or isinstance(node, pytest.Session):
        return -1
    if node not in known:
        parent = node.parent if isinstance(node.parent, pytest.Collector) else None
        above = _collector(parent, known, new, doc)
        known[node] = len(known)
        row = [above, type(node).__name__, node.name, node.nodeid]
        new.append([*row, extra] if (extra := doc(node)) else row)
    return known[node]


def _docstring(node: pytest.Item | pytest.Collector) -> dict[str, str]:
    tested = getattr(node, "obj", None)
    text = inspect.getdoc(tested) if tested else None
    return {"doc": text} if text else {}


def _no_docstring(_node: object) -> dict[str, str]:
    return {}


def _unusual(item: pytest.Item) -> dict[str, Any]:
    """Return what cannot be derived from the collector and the name."""
    extra: dict[str, Any] = {}
    parent = item.parent.nodeid if item.parent is not None else ""
    if item.nodeid != f"{parent}::{item.name}":
        extra["id"] = item.nodeid
    file, _, domain = item.location
    if (file, domain) != usual_location(item.nodeid):
        extra["location"] = [file, domain]
    if type(item) is not pytest.Function:
        extra["type"] = type(item).__name__
    return extra
