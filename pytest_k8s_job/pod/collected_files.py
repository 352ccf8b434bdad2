"""Which files the collected tests come from, with digests, for the plan."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.wire.sync_layout import FILES, NAMED_DIGITS, content_digest

__all__ = ["CollectedFiles"]


class CollectedFiles:
    """Tells the plan the files of tests, and what of them `--sync` did not bring."""

    def __init__(self) -> None:
        """Read what was unpacked; without `--sync` nothing was."""
        index = os.environ.pop(FILES, "")
        self._sent: dict[str, Any] | None = json.loads(Path(index).read_bytes()) if index else None

    def of(self, items: Iterable[pytest.Item], root: Path) -> dict[str, Any]:
        """Return what the plan says of the files of `items`."""
        files = {item.path for item in items}
        folders = {folder for file in files for folder in file.parents}
        files |= {folder / "conftest.py" for folder in folders}
        digests = dict(filter(None, (_digest(file, root) for file in sorted(files))))
        found: dict[str, Any] = {"files": digests}
        if self._sent is not None:
            sent = self._sent["files"]
            others = [
                name for name in digests if sent.get(name, "")[:NAMED_DIGITS] != digests[name]
            ]
            found["sync"] = {"sha256": self._sent["sha256"], "others": others}
        return found


def _digest(file: Path, root: Path) -> tuple[str, str] | None:
    """Return path and digest of a file below `root`, None if it is not there."""
    try:
        name = file.relative_to(root).as_posix()
        return name, content_digest(file.read_bytes())[:NAMED_DIGITS]
    except (ValueError, OSError):
        return None
