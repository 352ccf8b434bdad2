"""Draws docs/images/rooms.svg: the rooms of the tool, floor by floor, and what each imports.

`python -m tests.docs.rooms` writes the picture. Floors come from the layers in pyproject.toml,
sentences from the docstrings, imports from the code.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import grimp

from tests.checkout import CHECKOUT

__all__ = ["PICTURE", "Room", "draw", "read_floors"]

PICTURE = CHECKOUT / "docs" / "images" / "rooms.svg"
TOOL = "pytest_k8s_job"

WIDTH = 1000  # user units of the SVG; GitHub shows a page about as wide
MARGIN = 20
GAP = 12
PADDING = 12
NAME_HEIGHT = 20
LINE_HEIGHT = 16
CHARACTER = 6.5  # mean width of a character of 12.5 units in common sans-serif fonts
LEGEND_HEIGHT = 46

STYLE = """\
  text { font: 12.5px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .page { fill: #ffffff; }
  .room { fill: #eef4fc; stroke: #54749e; }
  .inner { fill: #ffffff; stroke: #54749e; }
  .pod { fill: #fdf1dc; stroke: #a8741a; }
  .name { font-size: 15px; font-weight: 600; }
  .imports { fill: #57606a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; }
    .room { fill: #16243a; stroke: #6f9bd1; }
    .inner { fill: #0d1117; stroke: #6f9bd1; }
    .pod { fill: #33260f; stroke: #d29922; }
    .imports { fill: #9da7b3; }
  }
"""


@dataclass(frozen=True)
class Room:
    """One package or module of the tool.

    Attributes:
        name: its name below `pytest_k8s_job`, with slashes.
        about: the first sentence of its docstring.
        imports: the other rooms that it imports, those of the highest floor first.
        light: it may import pytest and the standard library only, as it runs in the pod.
        inner: rooms within this one.
    """

    name: str
    about: str
    imports: tuple[str, ...]
    light: bool
    inner: tuple[Room, ...] = ()


@dataclass(frozen=True)
class Box:
    """A room at its place in the picture; its text is `text_width` wide, at the left."""

    room: Room
    kind: str
    left: float
    top: float
    width: float
    text_width: float
    height: float = 0

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The lines below the room's name, each with its class."""
        characters = int((self.text_width - 2 * PADDING) / CHARACTER)
        imports = "imports " + (", ".join(self.room.imports) or "nothing of the tool")
        about = [("about", line) for line in textwrap.wrap(self.room.about, characters)]
        return about + [("imports", line) for line in textwrap.wrap(imports, characters)]

    @property
    def needed(self) -> float:
        """The height that its text takes."""
        return NAME_HEIGHT + LINE_HEIGHT * len(self.texts) + 2 * PADDING


def read_floors() -> list[list[Room]]:
    """Return the rooms of each floor, the highest floor first."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    layers = next(
        each["layers"]
        for each in contracts
        if each["type"] == "layers" and each["containers"] == [TOOL]
    )
    light = {
        source.removeprefix(f"{TOOL}.")
        for each in contracts
        if each["type"] == "forbidden"
        for source in each["source_modules"]
    }
    floors = [[name.strip() for name in layer.split("|")] for layer in layers]
    return _rooms(floors, light)


def _rooms(floors: list[list[str]], light: set[str]) -> list[list[Room]]:
    graph = grimp.build_graph(TOOL, cache_dir=None)
    inner = {
        name: [f"{name}.{each}" for each in _packages_in(graph, name)]
        for floor in floors
        for name in floor
    }
    order = [each for floor in floors for name in floor for each in (name, *inner[name])]
    imports = _imports(graph, order)

    def room(name: str) -> Room:
        named = tuple(each.replace(".", "/") for each in order if each in imports[name])
        within = tuple(room(each) for each in inner.get(name, ()))
        return Room(name.replace(".", "/"), _sentence(name), named, name in light, within)

    return [[room(name) for name in floor] for floor in floors]


def _packages_in(graph: Any, room: str) -> list[str]:
    children = sorted(graph.find_children(f"{TOOL}.{room}"))
    return [each.rpartition(".")[2] for each in children if graph.find_children(each)]


def _imports(graph: Any, rooms: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        importer = _room_of(module, rooms)
        if importer is not None:
            imported = graph.find_modules_directly_imported_by(module)
            found[importer] |= {room for each in imported if (room := _room_of(each, rooms))}
    return {room: imported - {room} for room, imported in found.items()}


def _room_of(module: str, rooms: list[str]) -> str | None:
    """Return the innermost room that a module is in; None for the package itself."""
    name = module.removeprefix(f"{TOOL}.")
    holding = [room for room in rooms if name == room or name.startswith(f"{room}.")]
    return max(holding, key=len, default=None)


def _sentence(room: str) -> str:
    path = CHECKOUT / TOOL / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace("`", "")


def draw() -> str:
    """Return the picture as SVG."""
    boxes: list[Box] = []
    top = float(MARGIN)
    for floor in read_floors():
        placed = _place(floor, top)
        boxes += placed
        top = max(each.top + each.height for each in placed) + GAP
    height = top + LEGEND_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">',
        f"<title>The rooms of {TOOL}</title>",
        f"<style>\n{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height:g}"/>',
        *(line for box in boxes for line in _box_lines(box)),
        *_legend(top),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _place(floor: list[Room], top: float) -> list[Box]:
    """Return the boxes of one floor, side by side, all of the same height."""
    width = (WIDTH - 2 * MARGIN - GAP * (len(floor) - 1)) / len(floor)
    outer, inner = [], []
    for number, room in enumerate(floor):
        left = MARGIN + number * (width + GAP)
        part = width / (1 + len(room.inner))
        kind = "pod" if room.light else "room"
        outer.append(Box(room, kind, left, top, width, part))
        for place, each in enumerate(room.inner, 1):
            x, wide = left + place * part, part - GAP
            inner.append(Box(each, "inner", x, top + GAP, wide, wide))
    height = max(*(each.needed for each in outer), *(each.needed + 2 * GAP for each in inner), 0)
    return [replace(each, height=height) for each in outer] + [
        replace(each, height=height - 2 * GAP) for each in inner
    ]


def _box_lines(box: Box) -> Iterator[str]:
    yield (
        f'<rect class="{box.kind}" x="{box.left:.0f}" y="{box.top:.0f}" rx="6"'
        f' width="{box.width:.0f}" height="{box.height:.0f}"/>'
    )
    x, y = box.left + PADDING, box.top + PADDING + NAME_HEIGHT - 6
    yield f'<text class="name" x="{x:.0f}" y="{y:.0f}">{escape(box.room.name)}</text>'
    y += 3
    for kind, line in box.texts:
        y += LINE_HEIGHT
        yield f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(line, quote=False)}</text>'


def _legend(top: float) -> Iterator[str]:
    texts = {
        "room": "a room: it imports only from floors below its own",
        "pod": "so does this one, and as it runs in the pod it needs no other package than pytest",
    }
    for number, (kind, text) in enumerate(texts.items()):
        x, y = MARGIN, top + 4 + number * 20
        yield f'<rect class="{kind}" x="{x}" y="{y:.0f}" width="22" height="13" rx="3"/>'
        yield f'<text x="{x + 32}" y="{y + 11:.0f}">{text}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
