"""Makes pods that no scheduler takes look as if they ran, without a node."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.pods import read_list
from pytest_k8s_job.errors import ClusterError

__all__ = ["LABEL", "SCHEDULER", "run_bare_pods"]

SCHEDULER = "nobody"  # as spec.schedulerName: the real one leaves such pods alone
LABEL = "tests/bare"  # of the pods
PAUSE_SECONDS = 0.5  # between two looks for new pods
PODS = "/api/v1/namespaces/{}/pods"


@contextmanager
def run_bare_pods(cluster: KubernetesCluster, namespace: str) -> Iterator[None]:
    """Set the status of such pods as a kubelet would; the real controllers do all the rest.

    A pod without a node needs no Node object, so that the cluster of others stays as it is.
    """
    stopped = threading.Event()
    thread = threading.Thread(target=_loop, args=[cluster, namespace, stopped], daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _loop(cluster: KubernetesCluster, namespace: str, stopped: threading.Event) -> None:
    numbers = itertools.count()
    while not stopped.wait(PAUSE_SECONDS):
        with suppress(ClusterError):  # the API server may restart, and pods may be gone
            _make_ready(cluster, PODS.format(namespace), numbers)


def _make_ready(cluster: KubernetesCluster, path: str, numbers: Iterator[int]) -> None:
    for pod in read_list(cluster, f"{path}?labelSelector={quote(LABEL)}"):
        if condition(pod, "Ready").get("status") != "True":
            status = {"status": _running(pod, next(numbers))}
            cluster.send("PATCH", f"{path}/{name_of(pod)}/status", status)


def _running(pod: Object, number: int) -> dict[str, Any]:
    """Return the status of a pod that is ready; `number` makes its address."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = f"198.18.{number // 250}.{number % 250 + 1}"  # a range for benchmarks, RFC 2544
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "conditions": [{"type": k, "status": "True", "lastTransitionTime": now} for k in kinds],
        "containerStatuses": [_container(each, now) for each in pod["spec"]["containers"]],
    }


def _container(container: Object, now: str) -> dict[str, Any]:
    image = container["image"]
    return {
        "name": container["name"],
        "image": image,
        "imageID": f"{image}@sha256:{hashlib.sha256(image.encode()).hexdigest()}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }
