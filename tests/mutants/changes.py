"""The small changes that a test must notice: what they are, and where a source has room for one.

Left alone are annotations, decorators, docstrings, imports and `__all__`: no test of behaviour
sees them. A change has a name that survives an edit elsewhere in the file: function, text of the
line, and what becomes of what.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Change", "apply", "changes_of"]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
SKIPPED = {"annotation", "returns", "decorator_list", "type_params"}
WIDTH = 70  # characters of a piece of source that the name of a change shows


@dataclass(frozen=True)
class Change:
    """One change to a source: `index` is its place among all, the other fields are its name."""

    function: str
    line: str
    what: str
    index: int = -1
    number: int = 0

    @property
    def name(self) -> tuple[str, str, str]:
        """What stays the same when other lines are edited."""
        return self.function, self.line, self.what


@dataclass(frozen=True)
class _Place:
    """A node, and the attribute (and item) of its parent that holds it."""

    parent: ast.AST
    field: str
    item: int | None
    function: str

    @property
    def node(self) -> ast.AST:
        """What stands there."""
        value = getattr(self.parent, self.field)
        found: ast.AST = value if self.item is None else value[self.item]
        return found

    @property
    def is_end_of_function(self) -> bool:
        """True for the last statement of a function."""
        value = getattr(self.parent, self.field)
        return isinstance(self.parent, ast.FunctionDef) and self.node is value[-1]

    def put(self, node: ast.AST) -> None:
        """Replace it."""
        if self.item is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.item] = node


def changes_of(source: str) -> list[Change]:
    """Return every change that `source` has room for; equal names get a number."""
    lines, found, seen = source.splitlines(), [], Counter[tuple[str, str, str]]()
    for index, (place, node) in enumerate(_variants(ast.parse(source))):
        number = getattr(place.node, "lineno", getattr(place.parent, "lineno", 0))
        what = f"{_text(place.node)} -> {_text(node)}"
        change = Change(place.function, lines[number - 1].strip(), what, index, number)
        seen[change.name] += 1
        if (same := seen[change.name]) > 1:
            change = replace(change, what=f"{what} (number {same})")
        found.append(change)
    return found


def apply(source: str, index: int) -> ast.Module:
    """Return the tree of `source` with the change number `index`."""
    tree = ast.parse(source)
    place, node = next(each for n, each in enumerate(_variants(tree)) if n == index)
    place.put(ast.copy_location(node, place.node))
    return ast.fix_missing_locations(tree)


def _variants(tree: ast.AST) -> Iterator[tuple[_Place, ast.AST]]:
    for place in _places(tree, "module"):
        for node in _changed(place):
            yield place, node


def _places(parent: ast.AST, function: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(parent):
        if field in SKIPPED:
            continue
        for item, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not _is_left_alone(node):
                yield _Place(parent, field, item, function)
                inner = getattr(node, "name", "") if isinstance(node, _SCOPES) else ""
                yield from _places(node, f"{function}.{inner}" if inner else function)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, (ast.Import, ast.ImportFrom))


def _changed(place: _Place) -> Iterator[ast.AST]:
    """Yield what may stand in place of the node."""
    yield from _statements(place)
    yield from _expressions(place.node)
    yield from _without_condition(place)


def _expressions(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left, operators, comparators):
            for n, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    turned = [*operators[:n], other(), *operators[n + 1 :]]
                    yield ast.Compare(left, turned, comparators)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            for n in range(len(values)):
                rest = [*values[:n], *values[n + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.Constant(value) if isinstance(value, bool):
            yield ast.Constant(not value)
        case ast.Constant(value) if isinstance(value, (int, float)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)


def _statements(place: _Place) -> Iterator[ast.AST]:
    match place.node:
        case ast.AugAssign(target, operator, value) if type(operator) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant("" if isinstance(value, ast.JoinedStr) else None))
        case ast.Return(ast.Constant(value)) if isinstance(value, (str, int)):
            pass  # a number or a bool is changed below, a text has no other one
        case ast.Return() if place.is_end_of_function:
            pass  # the same without it
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break() | ast.Expr():
            yield ast.Pass()


def _without_condition(place: _Place) -> Iterator[ast.AST]:
    """Yield the two constants in place of a condition, and True for a filter."""
    if place.field == "test" and isinstance(place.parent, (ast.If, ast.IfExp)):
        yield from (ast.Constant(True), ast.Constant(False))
    elif place.field == "test" and isinstance(place.parent, ast.While):
        yield ast.Constant(False)
    elif place.field == "ifs":
        yield ast.Constant(True)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= WIDTH else text[: WIDTH - 4] + " ..."
