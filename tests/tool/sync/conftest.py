"""A user without root's rights, for files that may not be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def nobody(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Run a block as a user who may come to `tmp_path` but is not root."""
    for folder in [tmp_path, *tmp_path.parents]:
        if "pytest-of-" in str(folder):
            folder.chmod(0o755)

    @contextmanager
    def as_nobody() -> Iterator[None]:
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(before)

    return as_nobody
