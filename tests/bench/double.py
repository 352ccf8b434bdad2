"""A pytest plugin that puts a process on this machine in the place of the cluster."""

import os
from pathlib import Path

import pytest_k8s_job.cluster.client  # noqa: F401 (loaded in a real run; counts for the memory)
from pytest_k8s_job.testing.local_pod import LocalCluster


def pytest_k8s_job_cluster() -> LocalCluster:
    """Let the pod be a process in the directory that BENCH_SUITE names."""
    return LocalCluster(Path(os.environ["BENCH_SUITE"]))
