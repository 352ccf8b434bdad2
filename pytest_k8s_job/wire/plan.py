"""Node ids and locations of a plan, read from `nodes` and `items` records."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_k8s_job.wire.records import Kind, Record

__all__ = ["node_ids", "usual_location"]


def usual_location(nodeid: str) -> tuple[str, str]:
    """Return file and dotted name of a test, derived from its node id."""
    file, _, rest = nodeid.partition("::")
    head, bracket, parameters = rest.partition("[")
    return file, head.replace("::", ".") + bracket + parameters


def node_ids(records: Iterable[Record]) -> list[str]:
    """Return the node ids that `nodes` and `items` records describe."""
    collectors: list[str] = []
    found = []
    for kind, rows in records:
        if kind == Kind.NODES:
            collectors += [row[3] for row in rows]
            continue
        for above, name, _lineno, *rest in rows:
            usual = f"{collectors[above] if above >= 0 else ''}::{name}"
            found.append(str(rest[0].get("id", usual)) if rest else usual)
    return found
