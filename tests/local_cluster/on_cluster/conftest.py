"""The real cluster of this machine, for the tests that need one."""

from pathlib import Path

import pytest

from tests.local_cluster.on_cluster.real_cluster import Cluster

DOWN_AND_UP = Path(__file__).with_name("test_down_and_up.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that take the cluster down behind all others, of other folders too."""
    items.sort(key=lambda item: item.path == DOWN_AND_UP)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster, up."""
    cluster = Cluster()
    cluster.up()
    return cluster
