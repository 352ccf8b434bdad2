"""Kubernetes objects as the API server returns them, and an API server that holds them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.discovery import Search, target_in
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import CONFIGS, KINDS, NamespaceState

Object = dict[str, Any]

NAMESPACE = "shop"
BEGIN = 1_800_000_000  # when the tests began, in seconds since the epoch
IMAGE = "docker.io/library/web@sha256:" + "a" * 64
NEWER_IMAGE = "docker.io/library/web@sha256:" + "b" * 64
PART_OF = {"app.kubernetes.io/part-of": "shop"}


def at(seconds: float) -> str:
    """Return the time stamp of that many seconds after the tests began."""
    return datetime.fromtimestamp(BEGIN + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def made(kind: str, name: str, *, age: float = 3600, owner: str = "", **more: Any) -> Object:
    """Return an object of a kind, `age` seconds old when the tests begin; `owner` is KIND/NAME."""
    metadata: Object = {"name": name, "namespace": NAMESPACE, "creationTimestamp": at(-age)}
    metadata |= {"generation": 1, "resourceVersion": "5918", **more.pop("metadata", {})}
    if owner:
        above, _, its_name = owner.partition("/")
        link = {"kind": above, "name": its_name, "controller": True, "uid": "1cdb9d41"}
        metadata["ownerReferences"] = [link]
    return {"kind": kind, "metadata": metadata, **more}


def template(app: str, version: str = "1", **annotations: str) -> Object:
    """Return a pod template with the label of its app."""
    metadata: Object = {"labels": {"app": app}}
    if annotations:
        metadata["annotations"] = {f"kubectl.kubernetes.io/{k}": v for k, v in annotations.items()}
    container = {"name": "web", "image": "web:1", "env": [{"name": "VERSION", "value": version}]}
    return {"metadata": metadata, "spec": {"containers": [container]}}


def deployment(
    name: str = "web", *, replicas: int = 1, number: int = 1, rolled: float = -3000, **more: Any
) -> Object:
    """Return a Deployment whose newest rollout was over `rolled` seconds after the tests began."""
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    progressing = {
        "type": "Progressing",
        "status": "True",
        "reason": "NewReplicaSetAvailable",
        "lastUpdateTime": at(rolled),
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}}
    spec["template"] = template(name)
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    return made(
        "Deployment",
        name,
        metadata={"annotations": annotations, "labels": more.pop("labels", PART_OF)},
        spec=spec | more.pop("spec", {}),
        status={
            **dict.fromkeys(counts, replicas),
            "observedGeneration": 1,
            "conditions": [progressing],
            **more.pop("status", {}),
        },
    )


def replicaset(
    name: str,
    *,
    owner: str = "Deployment/web",
    number: int = 1,
    replicas: int = 1,
    age: float = 3600,
) -> Object:
    """Return a ReplicaSet; what stands behind the last hyphen of its name is its hash."""
    app, _, version = name.rpartition("-")
    labels = {"app": app, "pod-template-hash": version}
    made_of = template(app)
    made_of["metadata"]["labels"] = labels
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    return made(
        "ReplicaSet",
        name,
        age=age,
        owner=owner,
        metadata={"labels": labels, "annotations": annotations},
        spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": made_of},
        status={"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}
        | {"observedGeneration": 1},
    )


def pod(
    name: str,
    owner: str = "",
    *,
    version: str = "",
    app: str = "web",
    ready: bool = True,
    phase: str = "Running",
    address: str = "10.0.0.1",
    image: str = IMAGE,
    age: float = 3600,
    ended: float | None = None,
    restarts: int = 0,
    **metadata: Any,
) -> Object:
    """Return a pod of a hash; `ended` is when its container ended, after the tests began."""
    labels = {"app": app} | ({"pod-template-hash": version} if version else {})
    container: Object = {"name": "web", "imageID": image, "restartCount": restarts, "lastState": {}}
    if ended is not None:
        container["lastState"] = {"terminated": {"reason": "Error", "finishedAt": at(ended)}}
    status = {
        "phase": phase,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [container],
    }
    spec = template(app)["spec"] | {"nodeName": "node-1"}
    return made(
        "Pod",
        name,
        age=age,
        owner=owner,
        metadata={"labels": labels} | metadata,
        spec=spec,
        status=status,
    )


def web(
    version: str = "a1", *, pods: int = 1, name: str = "web", number: int = 1, **more: Any
) -> list[Object]:
    """Return a Deployment that has settled, with its ReplicaSet and its pods."""
    owner = f"ReplicaSet/{name}-{version}"
    return [
        deployment(name, replicas=pods, number=number, **more),
        replicaset(f"{name}-{version}", owner=f"Deployment/{name}", number=number, replicas=pods),
        *(
            pod(
                f"{name}-{version}-{n}", owner, version=version, app=name, address=f"10.0.0.{n + 1}"
            )
            for n in range(pods)
        ),
    ]


def service(name: str = "web", app: str = "web", **spec: Any) -> Object:
    """Return the Service before the pods of an app; no app: one without a selector."""
    usual: Object = {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"]}
    usual |= {"ports": [{"name": "http", "port": 80}]} | ({"selector": {"app": app}} if app else {})
    return made("Service", name, spec=usual | spec)


def external(name: str, host: str) -> Object:
    """Return a Service that is another name of a host."""
    return made("Service", name, spec={"type": "ExternalName", "externalName": host})


def endpoints(service: str, *pods: str, ready: bool = True, at: float | None = None) -> Object:
    """Return the EndpointSlice of a Service; `at`: when it was written, in seconds."""
    listed = [
        {"addresses": [], "conditions": {"ready": ready}}
        | {"targetRef": {"kind": "Pod", "name": each, "namespace": NAMESPACE}}
        for each in pods
    ]
    metadata: Object = {"labels": {"kubernetes.io/service-name": service}}
    if at is not None:
        when = f"{datetime.fromtimestamp(at, UTC):%FT%TZ}"
        metadata["managedFields"] = [{"time": when, "fieldsV1": {"f:endpoints": {}}}]
    return made("EndpointSlice", f"{service}-x7r5r", metadata=metadata, endpoints=listed)


def stateful(name: str = "db", *, replicas: int = 3, **more: Any) -> Object:
    """Return a StatefulSet that has settled."""
    status = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), replicas)
    status |= {"updatedReplicas": replicas, "observedGeneration": 1}
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": more.pop("partition", 0)}}
    return made(
        "StatefulSet",
        name,
        metadata={"labels": PART_OF},
        spec={"replicas": replicas, "template": template(name), "updateStrategy": update}
        | {"selector": {"matchLabels": {"app": name}}}
        | more.pop("spec", {}),
        status=status | {"updateRevision": "db-1", "currentRevision": "db-1", **more},
    )


def daemon(name: str = "agent", *, nodes: int = 2, number: int = 1, **status: Any) -> Object:
    """Return a DaemonSet that has settled."""
    names = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    annotations = {"deprecated.daemonset.template.generation": str(number)}
    return made(
        "DaemonSet",
        name,
        metadata={"labels": PART_OF, "annotations": annotations},
        spec={"template": template(name), "updateStrategy": {"type": "RollingUpdate"}}
        | {"selector": {"matchLabels": {"app": name}}},
        status={**dict.fromkeys(names, nodes), "observedGeneration": 1, **status},
    )


def within(namespace: str, *objects: Object) -> list[Object]:
    """Return the objects as those of another namespace."""
    moved = copy.deepcopy(list(objects))
    for each in moved:
        each["metadata"]["namespace"] = namespace
        for endpoint in each.get("endpoints") or ():
            endpoint["targetRef"]["namespace"] = namespace
    return moved


class Server:
    """A `Reader` of objects; `refused` says which resource may not be read, with what status."""

    server = "https://10.96.0.1"

    def __init__(self, objects: Iterable[Object], refused: Mapping[str, int] | None = None) -> None:
        self.objects = list(objects)
        self.refused = refused or {}
        self.paths: list[str] = []

    def describe(self) -> str:
        """Say where this is."""
        return "nowhere"

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return the list that a path names."""
        assert ("PartialObjectMetadataList" in accept) is path.endswith(tuple(CONFIGS))
        self.paths.append(path)
        namespace, resource = path.split("/")[-2:]
        if status := self.refused.get(f"{namespace}/{resource}", self.refused.get(resource)):
            raise ClusterError("refused", status)
        assert path == (KINDS | CONFIGS)[resource].format(namespace)
        return json.dumps({"items": self._listed(namespace, resource)}).encode(), 0.0

    def _listed(self, namespace: str, resource: str) -> list[Object]:
        return [
            each
            for each in self.objects
            if each["metadata"]["namespace"] == namespace and f"{each['kind'].lower()}s" == resource
        ]


def state(*objects: Object) -> NamespaceState:
    """Return what was read of the shop's namespace."""
    found: dict[str, list[Any]] = {}
    for each in objects:
        found.setdefault(f"{each['kind'].lower()}s", []).append(each)
    return NamespaceState(NAMESPACE, found)


def target(*objects: Object, said: str = "deployment/web", seen: str = "") -> Target:
    """Return the target in what was read: what is said, or what was only seen."""
    if seen:
        return target_in({NAMESPACE: state(*objects)}, Search(NAMESPACE, seen=(seen,)))
    return target_in({NAMESPACE: state(*objects)}, Search(NAMESPACE, (parse_said(said),)))
