"""What the tests of the local cluster share: paths of a user of their own, and CLUSTER=no."""

import os
from pathlib import Path

import pytest

from local_cluster.settings import Paths

ON_CLUSTER = "on_cluster"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs root and a cluster when CLUSTER=no says so."""
    if os.environ.get("CLUSTER") != "no":
        return
    left_out = [item for item in items if item.path.parent.name == ON_CLUSTER]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def own_paths(tmp_path: Path) -> Paths:
    """Paths below a temporary directory: nothing of the real cluster."""
    return Paths(tmp_path / "state", tmp_path / "cache", tmp_path / "run")
