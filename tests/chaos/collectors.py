"""Pytest plugins for collectors whose connections to the cluster are bad."""

from __future__ import annotations

from tests.tool.run.test_on_cluster import CUTTING

__all__ = ["COLLECTOR_PLUGINS"]

_CONNECT = """

def pytest_k8s_job_cluster(config):
    cluster = connect()
    cluster.__class__ = {}
    return cluster
"""

_BREAKING = """\
import itertools
import time

from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.errors import ClusterError


class BreakingCluster(KubernetesCluster):
    calls = itertools.count()

    def refuse(self):
        if next(self.calls) % 3:
            raise ClusterError("the connection broke")

    def pods(self, jobs):
        self.refuse()
        return super().pods(jobs)

    def log(self, job, pod, since):
        self.refuse()
        end = time.monotonic() + 0.5
        for chunk in super().log(job, pod, since):
            yield chunk
            if time.monotonic() > end:
                raise ClusterError("the connection broke")
"""

_BLIND = """\
from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.errors import ClusterError


class BlindCluster(KubernetesCluster):
    state = "new"

    def log(self, job, pod, since):
        if self.state == "rotated":
            yield from super().log(job, pod, since)
            return
        first = next(super().log(job, pod, None), b"")
        if self.state == "blind" and b" 0 1/1 " not in first:
            self.state = "rotated"
        if self.state == "blind":
            raise ClusterError("nothing is seen until the kubelet has rotated the log")
        if self.state == "new":
            self.state = "blind"
        yield first
"""

COLLECTOR_PLUGINS = {
    "cutting": CUTTING,
    "breaking": _BREAKING + _CONNECT.format("BreakingCluster"),
    "blind": _BLIND + _CONNECT.format("BlindCluster"),
}
