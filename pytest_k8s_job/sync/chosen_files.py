"""Chooses the files that `--sync` brings.

Tests, their conftests, what they import. Folders that were named go whole, but for what is
ignored. A link is followed to what lies in the same tree; one that leads out of it is left out.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.ignored import Ignored, looks_secret
from pytest_k8s_job.sync.imports import imported_paths, module_paths, package_root

__all__ = ["ChosenFiles"]

ALWAYS = ("conftest.py", "__init__.py")  # of each folder above a test
INCLUDE = "k8s_sync_include"


class ChosenFiles:
    """The files that go along, by path from the root; filled by its methods.

    `whole` names the folders of which everything goes, `left_out` says of others why not.
    """

    def __init__(self, root: Path) -> None:
        self.files: dict[str, Path] = {}
        self.whole: set[str] = set()
        self.left_out: dict[str, str] = {}
        self._root = root
        self._real_root = root.resolve()
        self._ignored = Ignored(root)

    def add_arguments(self, paths: Iterable[Path]) -> None:
        """Add what the user named on the command line."""
        for path in paths:
            place = Path(os.path.normpath(path))
            if not place.is_relative_to(self._root):
                raise UsageError(
                    f"--sync: {path} lies outside of pytest's root directory {self._root}: "
                    "start pytest above both, or name the root by --rootdir"
                )
            if not place.exists():
                raise UsageError(f"--sync: there is no {path} here")
            self._add_named(place)

    def add_included(self, patterns: Sequence[str]) -> None:
        """Add what the ini value names; a name without wildcards may be a secret."""
        for pattern in patterns:
            if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
                raise UsageError(f"{INCLUDE} takes paths below the root directory, not {pattern!r}")
            found = sorted(self._root.glob(pattern))
            if not found:
                raise UsageError(f"{INCLUDE}: {pattern!r} matches nothing in {self._root}")
            for path in found:
                if self._name(path) == Path(pattern).as_posix() or path.is_dir():
                    self._add_named(path)
                else:
                    self._add_file(path)

    def add_ini(self, ini: Path | None) -> None:
        """Add the file with pytest's settings."""
        if ini is None:
            return
        if not ini.is_relative_to(self._root):
            raise UsageError(f"--sync: the ini file {ini} lies outside of {self._root}")
        self._add(ini)

    def add_plugins(self, names: Iterable[str], roots: Sequence[Path]) -> None:
        """Add the modules of `-p NAME` that lie beside the tests."""
        for name in names:
            for path in module_paths(name, [self._root, *roots]):
                self._add_imported(path)

    def add_needed(self, roots: Sequence[Path]) -> None:
        """Add the conftests of all files, and what they import from here or `roots`."""
        done: set[str] = set()
        while new := self.files.keys() - done:
            done |= new
            for name in sorted(new):
                file = self._root / name
                for folder in [file.parent, *file.parent.parents]:
                    if folder.is_relative_to(self._root):
                        self._add_existing(folder)
                if file.suffix != ".py":
                    continue
                places = [package_root(file), self._root, *roots]
                for path in imported_paths(file, places):
                    self._add_imported(path)

    def _add_existing(self, folder: Path) -> None:
        for name in ALWAYS:
            if (folder / name).is_file():
                self._add(folder / name)

    def _add_imported(self, path: Path) -> None:
        if not path.is_relative_to(self._root):
            return
        if self._ignored.within(path, self._root):
            if self._name(path) not in self.files:
                why = f"tests import it, .gitignore names it; add it to {INCLUDE}"
                self.left_out[self._name(path)] = why
        elif path.is_dir():
            self._add_folder(path, ())
        else:
            self._add_file(path)

    def _add_named(self, path: Path) -> None:
        if not self._stays_inside(path):
            raise UsageError(f"--sync: {path} is {self.left_out[self._name(path)]}")
        if path.is_dir():
            self._add_folder(path, ())
        elif path.is_file():
            self._add(path)
        else:
            raise UsageError(f"--sync: {path} is neither file nor folder")

    def _add_folder(self, folder: Path, above: tuple[Path, ...]) -> None:
        real = folder.resolve()
        if real in above:
            return  # a link to a folder that holds it
        if not above:
            self.whole.add(self._name(folder))
        for path in _entries(folder):
            if self._ignored(path):
                continue
            if path.is_symlink() and not self._stays_inside(path):
                continue
            if path.is_dir():
                self._add_folder(path, (*above, real))
            else:
                self._add_file(path)

    def _stays_inside(self, path: Path) -> bool:
        target = path.resolve()
        if not target.exists():
            self.left_out[self._name(path)] = "a link to nothing"
        elif not target.is_relative_to(self._real_root):
            self.left_out[self._name(path)] = f"a link out of the tree, to {target}"
        else:
            return True
        return False

    def _add_file(self, path: Path) -> None:
        """Add a file that nobody named."""
        if looks_secret(path):
            self.left_out[self._name(path)] = f"looks secret; {INCLUDE} can name it"
        elif not path.is_file():
            self.left_out[self._name(path)] = "neither file nor folder"
        else:
            self._add(path)

    def _add(self, path: Path) -> None:
        if not self._stays_inside(path):
            return
        self.left_out.pop(self._name(path), None)
        self.files[self._name(path)] = path

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _entries(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir())
        if found and not os.access(folder, os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        yield from found
    except OSError as error:
        raise UsageError(
            f"--sync: cannot read the folder {folder}: {error.strerror}; make it readable, or "
            "name it in .gitignore"
        ) from error
