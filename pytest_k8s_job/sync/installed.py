"""Reads installed packages: which files they have, whether these are pure Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

__all__ = ["files_of", "find", "is_compiled", "is_pure", "requirements_of"]

COMPILED = (".so", ".pyd", ".dylib", ".dll")
UNWANTED = (".pyc", ".pyo")
METADATA_KEPT = ("METADATA", "entry_points.txt", "top_level.txt")  # of a .dist-info folder


def find(name: str) -> Distribution | None:
    """Return what is installed here under `name`."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def is_pure(package: Distribution) -> bool:
    """True if all of the package lies here as Python sources."""
    files = package.files or []
    editable = json.loads(package.read_text("direct_url.json") or "{}").get("dir_info", {})
    own = [each for each in files if not _is_metadata(each) and each.suffix != ".pth"]
    return bool(own) and not is_compiled(package) and not editable.get("editable")


def is_compiled(package: Distribution) -> bool:
    """True if a file of the package is machine code."""
    return any(each.name.endswith(COMPILED) for each in package.files or ())


def files_of(package: Distribution) -> Iterator[tuple[str, Path]]:
    """Yield the files that imports and metadata need, with their places here."""
    for each in package.files or []:
        if ".." in each.parts or each.is_absolute() or each.name.endswith(UNWANTED):
            continue
        if _is_metadata(each) and each.name not in METADATA_KEPT:
            continue
        place = Path(str(each.locate()))
        if place.is_file():
            yield each.as_posix(), place


def requirements_of(package: Distribution) -> list[Requirement]:
    """Return what the package needs, markers and all."""
    return [Requirement(each) for each in package.requires or ()]


def _is_metadata(path: PurePosixPath) -> bool:
    return path.parts[0].endswith(".dist-info")
