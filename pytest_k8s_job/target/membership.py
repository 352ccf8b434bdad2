"""Which of the objects that were read are the target's own."""

from __future__ import annotations

import re

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.cluster.objects import JOB_LABEL, Object, labels_of, name_of
from pytest_k8s_job.target.behind import SLICE_LABEL
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload

__all__ = ["is_event_of", "is_pod_of", "is_slice_of"]

SAFE = "[bcdfghjklmnpqrstvwxz2456789]"  # what Kubernetes makes its suffixes of
POD_SUFFIX = {  # of a pod that is gone, and whose labels nobody knows any more
    "statefulset": r"-\d+",
    "daemonset": f"-{SAFE}{{5}}",
    "replicaset": f"-{SAFE}{{5}}",
    "pod": "",
}
VERSION_SUFFIX = f"-{SAFE}{{1,10}}"  # of the ReplicaSet of a Deployment or an Argo Rollout
SCALER = "horizontalpodautoscaler"  # it mostly has the name of what it scales


def is_pod_of(target: Target, pod: Object) -> bool:
    """Whether a pod is one of the target's; one that runs tests never is."""
    labels = labels_of(pod)
    return (
        RUN_LABEL not in labels
        and JOB_LABEL not in labels
        and any(
            each.namespace == pod["metadata"].get("namespace") and each.makes(name_of(pod), labels)
            for each in target.workloads
        )
    )


def is_event_of(target: Target, event: Object) -> bool:
    """Whether an event is about an object of the target, even a deleted one."""
    about, namespace = event["involvedObject"], event["metadata"].get("namespace")
    name, kind = str(about.get("name")), str(about.get("kind")).lower()
    if kind == "service":
        return (namespace, name) in {(each.namespace, each.name) for each in target.services}
    if kind == "pod" and (namespace, name) in _pods(target):
        return True
    return any(
        _concerns(each, kind, name) for each in target.workloads if each.namespace == namespace
    )


def is_slice_of(target: Target, endpoints: Object) -> bool:
    """Whether an EndpointSlice is one of a Service of the target."""
    place = endpoints["metadata"].get("namespace"), labels_of(endpoints).get(SLICE_LABEL)
    return place in {(each.namespace, each.name) for each in target.services}


def _pods(target: Target) -> set[tuple[str, str]]:
    strays = (pod for each in target.services for pod in each.strays)
    return {(each.namespace, each.name) for each in (*target.pods, *strays)}


def _concerns(workload: Workload, kind: str, name: str) -> bool:
    suffix = ""
    if kind == "pod":
        suffix = POD_SUFFIX.get(workload.kind, f"{VERSION_SUFFIX}-{SAFE}{{5}}")
    elif kind == "replicaset" and workload.kind not in POD_SUFFIX:
        suffix = VERSION_SUFFIX
    elif kind not in (workload.kind, SCALER):
        return False
    return re.fullmatch(re.escape(workload.name) + suffix, name) is not None
