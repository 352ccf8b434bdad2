"""Finds the modules beside the tests that their sources import, without importing any."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["imported_paths", "module_paths", "package_root"]


def imported_paths(file: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield files, and folders of packages, that the source `file` imports from `roots`.

    A source with a syntax error yields nothing: pytest says more about it.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from module_paths(alias.name, roots)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node, file, roots)
        elif isinstance(node, ast.Assign):
            for name in _plugins(node):
                yield from module_paths(name, roots)


def _from_import(node: ast.ImportFrom, file: Path, roots: Sequence[Path]) -> Iterator[Path]:
    places = roots
    if node.level:
        places = [[file.parent, *file.parent.parents][node.level - 1]]
    for alias in node.names:
        inner = f"{node.module}.{alias.name}" if node.module else alias.name
        paths = list(module_paths(inner, places)) or list(module_paths(node.module or "", places))
        yield from paths


def _plugins(node: ast.Assign) -> Iterator[str]:
    """Yield the names in `pytest_plugins = [...]`."""
    names = [each.id for each in node.targets if isinstance(each, ast.Name)]
    if "pytest_plugins" in names:
        for each in ast.walk(node.value):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def module_paths(name: str, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the module `name`: its file or folder, and the `__init__.py` of those above it."""
    *above, last = name.split(".")
    for root in roots:
        folder = root.joinpath(*above)
        found = next(filter(_is_module, (folder / last, folder / f"{last}.py")), None)
        if not last or found is None:
            continue
        yield found
        for count in range(1, len(above) + 1):
            init = root.joinpath(*above[:count], "__init__.py")
            if init.exists():
                yield init
        return


def _is_module(path: Path) -> bool:
    """Return whether `path` is a source, or a folder with some: others have modules' names."""
    return path.is_file() or (path.is_dir() and any(path.glob("*.py")))


def package_root(file: Path) -> Path:
    """Return the folder that pytest puts on the import path for a test `file`."""
    folder = file.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        folder = folder.parent
    return folder
