"""Placeholders for the tests of the pod: counted, listed and shown here, but never run.

So no test code or dependency is needed on this side.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_k8s_job.wire.plan import usual_location

try:
    from _pytest.nodeid import NodeId
except ModuleNotFoundError:
    NodeId = None  # type: ignore[assignment,misc] # pytest before 9.2: text

__all__ = ["PlaceholderItem", "PlanBuilder"]


def _identity(parent: Any, name: str, full: str | None) -> Any:
    """Return a node id as pytest keeps it, shared by the reports of a test."""
    if NodeId is None:
        return full or f"{parent.nodeid}::{name}"
    if full or "[" in name or parent.id.params is not None:
        return NodeId.parse(full or f"{parent.nodeid}::{name}")
    return parent.id.child(name)


class _Placeholder:
    obj: Any = None  # what pytest would import for it, and show the docstring of

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', '')}>"

    def document(self, rest: Sequence[dict[str, str]]) -> None:
        """Set the docstring from the end of a row, where pytest reads it."""
        if rest and "doc" in rest[0]:
            self.obj = types.SimpleNamespace(__doc__=rest[0]["doc"])


class PlaceholderItem(_Placeholder, pytest.Item):
    """A test that ran, or will run, in the pod.

    Pytest's constructor runs when another attribute is first read. It makes a dozen objects for
    each test, and of 100,000 tests hardly one is read so far.
    """

    __slots__ = ("_whole", "place")

    def __init__(
        self, name: str, parent: Any, identity: Any, place: tuple[str, int | None, str]
    ) -> None:
        self._whole = False
        self.name = name
        self.parent = parent
        self._id: Any = identity  # where pytest keeps it, since 9.2
        self.place = place

    def __getattr__(self, attribute: str) -> Any:
        if self._whole:
            raise AttributeError(attribute)
        self._whole = True
        parent: Any = self.parent
        super().__init__(self.name, parent, nodeid=self._id, path=parent.path)
        return getattr(self, attribute)

    @property
    def nodeid(self) -> str:
        """The test's node id."""
        return str(self._id)

    @property
    def identity(self) -> Any:
        """The node id as pytest keeps it."""
        return self._id

    @property
    def location(self) -> tuple[str, int | None, str]:
        """File below the root, line from 0, and dotted name."""
        return self.place

    @property
    def originalname(self) -> str:
        """The name of the function, without parameters."""
        return self.name.partition("[")[0]

    def runtest(self) -> None:
        raise NotImplementedError("this test runs in the pod")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, self.place[1], self.place[2]


class PlaceholderCollector(_Placeholder, pytest.Collector):
    """A module, class or directory of the pod's tree."""

    def __init__(self, **kwargs: Any) -> None:
        pytest.Collector.__init__(self, **kwargs)  # not that of pytest.Class and the like

    @classmethod
    def from_parent(cls, parent: Any, **kwargs: Any) -> Any:
        return cls._create(parent=parent, **kwargs)

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        return []


_KNOWN = {
    "Class": pytest.Class,
    "Dir": pytest.Dir,
    "DoctestModule": pytest.Module,
    "DoctestTextfile": pytest.Module,
    "Module": pytest.Module,
    "Package": pytest.Package,
    "UnitTestCase": pytest.Class,
}  # of these, plugins ask whether a node is one


@functools.cache
def _placeholder_class(kind: str, base: type[Any]) -> type[Any]:
    """Return a class named as the pod's; where plugins ask for it, derived from pytest's."""
    known = _KNOWN.get(kind) if base is PlaceholderCollector else None
    return type(kind, (base, known) if known else (base,), {})


class PlanBuilder:
    """Builds the placeholders of one session from `nodes` and `items` records."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._collectors: list[PlaceholderCollector] = []
        self._below: dict[pytest.Collector, list[Any]] = {session: []}
        self._names: dict[pytest.Collector, dict[str, Literal[1]]] = {}
        self.items: list[PlaceholderItem] = []

    def add_nodes(self, rows: list[list[Any]]) -> None:
        """Add the collectors of a `nodes` record."""
        for above, kind, name, nodeid, *rest in rows:
            parent = self._parent(above)
            node = _placeholder_class(kind, PlaceholderCollector).from_parent(
                parent, name=name, nodeid=nodeid, path=self._path(nodeid)
            )
            node.document(rest)
            self._collectors.append(node)
            self._below[node] = []
            self._below[parent].append(node)

    def add_items(self, rows: list[list[Any]]) -> None:
        """Add the tests of an `items` record."""
        for above, name, lineno, *rest in rows:
            extra = rest[0] if rest else {}
            parent = self._parent(above)
            identity = _identity(parent, name, extra.get("id"))
            file, domain = extra.get("location") or usual_location(str(identity))
            place = (sys.intern(file), lineno, name if domain == name else domain)
            kind = extra.get("type", "Function")
            item = _placeholder_class(kind, PlaceholderItem).from_parent(
                parent, name=name, identity=identity, place=place
            )
            if kind == "Function" and name.endswith("]"):
                item.callspec = types.SimpleNamespace(id=name.partition("[")[2][:-1], params={})
            item.document(rest)
            self.items.append(item)
            self._below[parent].append(item)

    def reports(self) -> Iterator[pytest.CollectReport]:
        """Yield a passed report for each collector, the session first, then leaves first."""
        yield self._report(self._session)
        yield from self._reports_below(self._session)

    def _reports_below(self, node: pytest.Collector) -> Iterator[pytest.CollectReport]:
        for each in self._below[node]:
            if isinstance(each, PlaceholderCollector):
                yield from self._reports_below(each)
                yield self._report(each)

    def _report(self, node: pytest.Collector) -> pytest.CollectReport:
        return pytest.CollectReport(node.nodeid, "passed", None, list(self._below[node]))

    def keywords(self, item: PlaceholderItem) -> dict[str, Literal[1]]:
        """Return the names of a test and of all that holds it."""
        parent: Any = item.parent
        if parent not in self._names:
            self._names[parent] = {node.name: 1 for node in reversed(parent.listchain())}
        return {item.name: 1, **self._names[parent]}

    def _parent(self, index: int) -> pytest.Session | PlaceholderCollector:
        return self._session if index < 0 else self._collectors[index]

    def _path(self, nodeid: str) -> Path:
        return self._session.config.rootpath / nodeid.partition("::")[0]
