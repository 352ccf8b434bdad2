"""Notes which temporary folder belongs to which test, if artifacts are wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_k8s_job.wire.records import Kind

__all__ = ["TmpFolders"]


class TmpFolders:
    """The plugin that hands the `tmp_path` of a test to `emit`, unless it is empty."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Note the folder while the test still has it."""
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None and _has_files(folder):
            self._emit(Kind.FOLDER, item.nodeid, str(folder))


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False
