"""Which changes a source has room for, and that one is made."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.changes import apply, changes_of


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a < b", {"x = a <= b", "x = a > b"}),
        ("x = a == b", {"x = a != b"}),
        ("x = a in b", {"x = a not in b"}),
        ("x = 3", {"x = 4", "x = 2"}),
        ("x = True", {"x = False"}),
        ("x = a and b", {"x = a or b", "x = a", "x = b"}),
        ("x = not a", {"x = a"}),
        ("x += y", {"x -= y"}),
        ("x = y if a else z", {"x = y if True else z", "x = y if False else z"}),
        ("x = [y for y in z if a]", {"x = [y for y in z if True]"}),
        ("call()", {"pass"}),
        ("def f():\n    return x", {"def f():\n    return None"}),
        ("def f():\n    return f'{x}'", {"def f():\n    return ''"}),
        ("def f() -> 1:\n    '''Text.'''", set()),
        ("@cached(9)\ndef f(x: 1): ...", set()),
        ("__all__ = [1]", set()),
    ],
)
def test_each_place_is_changed_in_each_way(source: str, changed: set[str]) -> None:
    """Code is changed in every known way; annotations, decorators and docstrings are not."""
    found = {ast.unparse(apply(source, change.index)) for change in changes_of(source)}
    assert found == changed


def test_a_change_is_named_by_function_and_line() -> None:
    """The name says where it is without a line number, and equal ones are told apart."""
    source = "class A:\n    def f(self):\n        g(1, 1)\n"
    names = [each.name for each in changes_of(source)]
    assert ("module.A.f", "g(1, 1)", "1 -> 2") in names
    assert ("module.A.f", "g(1, 1)", "1 -> 2 (number 2)") in names
    assert names == [each.name for each in changes_of(f"\n\n{source}")]
