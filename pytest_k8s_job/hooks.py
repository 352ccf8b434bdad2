"""Hooks that this package adds to pytest."""

from __future__ import annotations

import pytest

from pytest_k8s_job.cluster.pods import Cluster

__all__ = ["pytest_k8s_job_cluster"]


@pytest.hookspec(firstresult=True)
def pytest_k8s_job_cluster(config: pytest.Config) -> Cluster | None:
    """Return the connection to the cluster; the first result counts."""
