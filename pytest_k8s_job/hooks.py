"""Hooks that this package adds to pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_k8s_job.cluster.pods import Cluster

__all__ = ["pytest_k8s_job_cluster"]


@pytest.hookspec(firstresult=True)
def pytest_k8s_job_cluster(config: pytest.Config) -> Cluster | None:
    """Return the connection to the cluster; the first result counts."""
