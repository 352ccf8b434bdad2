"""The pytest plugin that lets a session follow a kept run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_k8s_job.validation.follow import KEPT
from pytest_k8s_job.validation.kept_cluster import KeptCluster

__all__ = ["pytest_k8s_job_cluster"]


@pytest.hookimpl(tryfirst=True)
def pytest_k8s_job_cluster() -> KeptCluster:
    """Return the kept run in the folder that the environment names."""
    return KeptCluster(Path(os.environ[KEPT]))
