"""Snapshots written by hand, of what cannot be had on the local cluster without harming others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.diagnosis.snapshot_reader import KINDS
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["MADE", "event", "healthy", "pod", "snapshot"]

Object = dict[str, Any]
MADE_AT = "2026-01-01T12:00:00Z"
NOW = 1767268860.0  # a minute later
READY = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
UNREADY = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]


def snapshot(checks: Sequence[TargetCheckResult] = (), **objects: list[Object]) -> Snapshot:
    """Return a snapshot in which everything could be read; what is not named is empty."""
    content: dict[str, list[Mapping[str, Any]]] = {resource: [] for resource in KINDS}
    content |= {"namespace": [named("Namespace", "demo")], "nodes": [node()]}
    content |= {key.replace("_", "-"): list(value) for key, value in objects.items()}
    return Snapshot(
        "demo",
        "context made",
        "https://server",
        NOW,
        NOW,
        content,
        target_checks=tuple(checks),
    )


def named(kind: str, name: str, **more: Any) -> Object:
    """Return an object of a kind."""
    metadata = {"name": name, "uid": f"{kind}-{name}", "creationTimestamp": MADE_AT}
    return {"kind": kind, "metadata": metadata, **more}


def node(**conditions: str) -> Object:
    """Return a node that is ready unless `conditions` say otherwise."""
    types = {"Ready": "True", **conditions}
    listed = [
        {
            "type": kind,
            "status": status,
            "lastTransitionTime": MADE_AT,
            "message": f"{kind} {status}",
        }
        for kind, status in types.items()
    ]
    return named("Node", "node-1", spec={}, status={"conditions": listed})


def pod(name: str = "api-1", owner: Object | None = None, **status: Any) -> Object:
    """Return a pod of Deployment-like labels; ready unless `status` says otherwise."""
    made = named("Pod", name)
    made["metadata"]["labels"] = {"app": name.partition("-")[0]}
    if owner is not None:
        link = {"kind": owner["kind"], "name": owner["metadata"]["name"], "controller": True}
        made["metadata"]["ownerReferences"] = [{**link, "uid": owner["metadata"]["uid"]}]
    ready = {
        "name": "main",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": MADE_AT}},
    }
    return {
        **made,
        "spec": {
            "nodeName": "node-1",
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "main",
                    "image": "api:1",
                    "ports": [{"name": "http", "containerPort": 8080}],
                }
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": READY,
            "containerStatuses": [ready],
            **status,
        },
    }


def waiting(reason: str, message: str) -> Object:
    """Return the status of a pod whose container waits."""
    status = {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}
    return {"phase": "Pending", "conditions": UNREADY, "containerStatuses": [status]}


def event(kind: str, name: str, reason: str, message: str) -> Object:
    """Return an event of the last seconds."""
    return {
        "metadata": {"name": f"{name}.{reason}"},
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "lastTimestamp": "2026-01-01T12:00:55Z",
    }


def deployment(name: str = "api", **status: int) -> Object:
    """Return a Deployment of one pod."""
    labels = {"app": name}
    wanted = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, **status}
    template = {"metadata": {"labels": labels}, "spec": {}}
    return named("Deployment", name, spec={"replicas": 1, "template": template}, status=wanted)


def service(name: str = "api") -> Object:
    """Return a Service for the pods of its name."""
    ports = [{"port": 80, "targetPort": "http"}]
    return named("Service", name, spec={"selector": {"app": name}, "ports": ports})


def policy(name: str, **spec: Any) -> Object:
    """Return a NetworkPolicy for every pod, unless `spec` selects."""
    return named("NetworkPolicy", name, spec={"podSelector": {}, **spec})


def claim(name: str = "data") -> Object:
    """Return a claim of the class `fast` that is not bound."""
    spec = {"storageClassName": "fast"}
    return named("PersistentVolumeClaim", name, spec=spec, status={"phase": "Pending"})


def healthy() -> Snapshot:
    """Return a namespace in which nothing is wrong."""
    return snapshot(pods=[pod()], deployments=[deployment()], services=[service()])


JOB = named("Job", "suite", spec={}, status={"active": 1})
SET = named("ReplicaSet", "api-1", spec={"replicas": 1}, status={"replicas": 0})
CLASS = named("StorageClass", "fast", provisioner="example.com/disks")
CALLER = pod("suite-1", JOB)
URL = "http://api.demo.svc/readyz"
PREEMPTED = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
TIMED_OUT = TargetCheckResult(URL, "connect", "timeout", pod="suite-1", seconds=5.0)
UNNAMED = TargetCheckResult(
    URL, "resolve", "[Errno -3] Temporary failure in name resolution", pod="suite-1"
)

MADE: dict[Cause, Snapshot] = {
    Cause.NODE_PRESSURE: snapshot(nodes=[node(DiskPressure="True")], pods=[pod()]),
    Cause.POD_REFUSED: snapshot(
        jobs=[JOB],
        events=[event("Job", "suite", "FailedCreate", "pods is forbidden: no seats left")],
    ),
    Cause.INVALID_MANIFEST: snapshot(
        replicasets=[SET],
        pods=[pod()],
        events=[
            event(
                "ReplicaSet",
                "api-1",
                "FailedCreate",
                'Pod "api-1" is invalid: spec.containers[0].name: Required value',
            )
        ],
    ),
    Cause.PROVISIONING: snapshot(
        persistentvolumeclaims=[claim()],
        pods=[pod()],
        storageclasses=[CLASS],
        events=[
            event(
                "PersistentVolumeClaim",
                "data",
                "ProvisioningFailed",
                "rpc error: quota of disks reached",
            )
        ],
    ),
    Cause.IMAGE_PULL: snapshot(
        pods=[pod(**waiting("ErrImagePull", 'failed to pull "api:1": layer is corrupt'))]
    ),
    Cause.CONTAINER_CONFIG: snapshot(
        pods=[pod(**waiting("CreateContainerConfigError", "failed to sync secret cache"))]
    ),
    Cause.CONTAINER_START: snapshot(
        pods=[
            pod(
                **waiting(
                    "RunContainerError",
                    "failed to create containerd task: OCI runtime create failed: no such device",
                )
            )
        ]
    ),
    Cause.PREEMPTED: snapshot(
        jobs=[JOB], pods=[pod("suite-1", JOB, phase="Failed", conditions=[PREEMPTED])]
    ),
    Cause.NETWORK_POLICY: snapshot(
        [TIMED_OUT],
        jobs=[JOB],
        pods=[CALLER, pod()],
        deployments=[deployment()],
        services=[service()],
        networkpolicies=[policy("deny-all", policyTypes=["Ingress"])],
    ),
    Cause.NAME_UNRESOLVED: snapshot(
        [UNNAMED], jobs=[JOB], pods=[CALLER, pod()], services=[service()]
    ),
    Cause.NO_ENDPOINTS: snapshot(pods=[pod(conditions=UNREADY)], services=[service()]),
    Cause.ROLLOUT_UNFINISHED: snapshot(deployments=[deployment(updatedReplicas=0)], pods=[pod()]),
    Cause.UNKNOWN: snapshot(pods=[pod(phase="Pending", conditions=UNREADY, containerStatuses=[])]),
}
