"""What the tests of the local cluster share: paths of a user of their own."""

from pathlib import Path

import pytest

from local_cluster.settings import Paths


@pytest.fixture
def own_paths(tmp_path: Path) -> Paths:
    """Paths below a temporary directory: nothing of the real cluster."""
    return Paths(tmp_path / "state", tmp_path / "cache", tmp_path / "run")
