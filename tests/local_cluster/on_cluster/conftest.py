"""The real cluster of this machine, for the tests that need one."""

import pytest

from tests.local_cluster.on_cluster.real_cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster, up."""
    cluster = Cluster()
    cluster.up()
    return cluster
