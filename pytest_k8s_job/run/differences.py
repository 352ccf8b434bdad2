"""Says when the tests that ran in an image are not those that are here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_k8s_job.wire.sync_layout import NAMED_DIGITS, content_digest

__all__ = ["difference_line"]

NAMED = 3  # files


def difference_line(root: Path, ran: Mapping[str, str]) -> str:
    """Return one line on the files that `ran` and differ in `root`, or nothing.

    Without any of the files here, there is nothing to compare.
    """
    here = {name: _digest(root / name) for name in ran}
    if not any(here.values()):
        return ""
    other = [name for name, digest in here.items() if digest and digest != ran[name]]
    other += sorted(set(_conftests(root, ran)) - ran.keys())
    if not other:
        return ""
    more = f" and {len(other) - NAMED} more" if len(other) > NAMED else ""
    names = ", ".join(other[:NAMED]) + more
    return f"The image ran other tests than those here: {names}. --sync runs the ones here"


def _conftests(root: Path, ran: Mapping[str, str]) -> Iterator[str]:
    """Yield the conftests here that tests could have, from the tests' common folder on.

    What lies above that folder is often left out of an image on purpose.
    """
    common = Path(os.path.commonpath([Path(name).parent for name in ran]))
    for folder in {folder for name in ran for folder in Path(name).parents}:
        file = folder / "conftest.py"
        if folder.is_relative_to(common) and (root / file).is_file():
            yield file.as_posix()


def _digest(file: Path) -> str:
    try:
        return content_digest(file.read_bytes())[:NAMED_DIGITS]
    except OSError:
        return ""
