"""Reads the state of a namespace into a snapshot.

Values of Secrets are never asked for, those of ConfigMaps are dropped at once. What the user may
not read is noted and left out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import NAMES_ONLY, Reader
from pytest_k8s_job.diagnosis.log_reader import LogReader
from pytest_k8s_job.diagnosis.rules.services import undeclared_ports
from pytest_k8s_job.diagnosis.rules.storage import DEFAULT_CLASS
from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["take_snapshot"]

SIDE_BY_SIDE = 8  # requests at the same time
PAGE = 1000  # objects of one answer
MOST = 20  # answers for one kind of object
KINDS = {
    "pods": ("Pod", "/api/v1/namespaces/{}/pods"),
    "events": ("Event", "/api/v1/namespaces/{}/events"),
    "services": ("Service", "/api/v1/namespaces/{}/services"),
    "configmaps": ("ConfigMap", "/api/v1/namespaces/{}/configmaps"),
    "secrets": ("Secret", "/api/v1/namespaces/{}/secrets"),
    "serviceaccounts": ("ServiceAccount", "/api/v1/namespaces/{}/serviceaccounts"),
    "persistentvolumeclaims": (
        "PersistentVolumeClaim",
        "/api/v1/namespaces/{}/persistentvolumeclaims",
    ),
    "resourcequotas": ("ResourceQuota", "/api/v1/namespaces/{}/resourcequotas"),
    "limitranges": ("LimitRange", "/api/v1/namespaces/{}/limitranges"),
    "endpointslices": (
        "EndpointSlice",
        "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    ),
    "deployments": ("Deployment", "/apis/apps/v1/namespaces/{}/deployments"),
    "replicasets": ("ReplicaSet", "/apis/apps/v1/namespaces/{}/replicasets"),
    "statefulsets": ("StatefulSet", "/apis/apps/v1/namespaces/{}/statefulsets"),
    "daemonsets": ("DaemonSet", "/apis/apps/v1/namespaces/{}/daemonsets"),
    "jobs": ("Job", "/apis/batch/v1/namespaces/{}/jobs"),
    "networkpolicies": (
        "NetworkPolicy",
        "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    ),
    "nodes": ("Node", "/api/v1/nodes"),
    "namespaces": ("Namespace", "/api/v1/namespaces"),
    "storageclasses": ("StorageClass", "/apis/storage.k8s.io/v1/storageclasses"),
    "dns-services": ("Service", "/api/v1/namespaces/kube-system/services"),
    "dns-slices": (
        "EndpointSlice",
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
    ),
    "dns-pods": ("Pod", "/api/v1/namespaces/kube-system/pods"),
    "dns-deployments": ("Deployment", "/apis/apps/v1/namespaces/kube-system/deployments"),
}
DNS_LABEL = "k8s-app=kube-dns"  # on the objects of every common cluster's DNS
NAMES_KEPT = ("secrets", "namespaces")  # of these, names and labels are all that is asked for


def take_snapshot(
    reader: Reader,
    namespace: str,
    target_checks: tuple[TargetCheckResult, ...] = (),
    clock: Callable[[], float] = time.time,
    view: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot,
) -> Snapshot:
    """Read all that a diagnosis of `namespace` needs; add `target_checks`.

    Logs are read of the pods that `view` leaves in the snapshot, in its order, and the ports of its
    Services are tried.
    """
    state = _SnapshotReader(reader, namespace, clock)
    state.read_all(view)
    return Snapshot(
        namespace=namespace,
        context=reader.describe(),
        server=reader.server,
        taken=state.taken,
        server_time=state.server_time,
        objects=state.objects,
        logs=state.logs.logs,
        refused=state.refused | state.logs.refused,
        target_checks=target_checks,
        ports=state.ports,
    )


class _SnapshotReader:
    def __init__(self, reader: Reader, namespace: str, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._namespace = namespace
        self._clock = clock
        self.taken = clock()
        self.server_time = 0.0
        self.objects: dict[str, list[Object]] = {}
        self.refused: dict[str, Refused] = {}
        self.logs = LogReader(reader, namespace)
        self.ports: dict[str, str] = {}

    def read_all(self, view: Callable[[Snapshot], Snapshot]) -> None:
        path = f"/api/v1/namespaces/{self._namespace}"
        body = self._get("namespace", path)
        self.taken = self._clock()
        if body is not None:
            self.objects["namespace"] = [_pruned("namespace", body, "Namespace")]
        kinds = list(KINDS)
        if "namespace" in self.refused:
            status = self.refused["namespace"].status
            if status in (0, 401):
                return
            if status == 404:
                kinds = ["namespaces"]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self._list, kinds))
            seen = view(self._so_far())
            self.logs.read(seen, pool)
            list(pool.map(self._try_port, undeclared_ports(seen)))

    def _so_far(self) -> Snapshot:
        return Snapshot(
            self._namespace,
            taken=self.taken,
            server_time=self.server_time,
            objects=self.objects,
        )

    def _get(self, what: str, path: str, accept: str = "application/json") -> Any:
        try:
            body, server_time = self._reader.read(path, accept)
        except ClusterError as error:
            self.refused[what] = Refused(error.status, str(error))
            return None
        self.server_time = server_time or self.server_time
        return json.loads(body)

    def _list(self, resource: str) -> None:
        kind, path = KINDS[resource]
        query = {"limit": str(PAGE)}
        if resource.startswith("dns-"):
            query["labelSelector"] = DNS_LABEL
        accept = NAMES_ONLY if resource in NAMES_KEPT else "application/json"
        found: list[Object] = []
        for _ in range(MOST):
            body = self._get(resource, f"{path.format(self._namespace)}?{urlencode(query)}", accept)
            if body is None and not found:
                return
            if body is None:  # the list has changed too much to be read on: then all at once
                found = []
                self.refused.pop(resource)
                query.pop("continue")
                query["limit"] = "0"
                continue
            found += [_pruned(resource, each, kind) for each in body.get("items") or ()]
            query["continue"] = (body.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                break
        self.objects[resource] = found

    def _try_port(self, port: tuple[str, int]) -> None:
        """Let the API server connect to a port that no container declares."""
        service, number = port
        path = f"/api/v1/namespaces/{self._namespace}/services/{service}:{number}/proxy/"
        try:
            self._reader.read(path, "*/*")
        except ClusterError as error:
            if error.status == 403:
                self.refused["services/proxy"] = Refused(error.status, str(error))
            refused = re.search(r"dial tcp (\S+): connect: connection refused", str(error))
            if refused is not None:
                self.ports[f"{service}:{number}"] = f"connection to {refused[1]} refused"


def _pruned(resource: str, obj: dict[str, Any], kind: str) -> Object:
    """Return the object without values and without large parts."""
    obj.setdefault("kind", kind)
    metadata = obj["metadata"]
    metadata.pop("managedFields", None)
    annotations = metadata.pop("annotations", None) or {}
    if resource == "storageclasses":
        metadata["annotations"] = {k: v for k, v in annotations.items() if k == DEFAULT_CLASS}
    if resource == "configmaps":
        keys = sorted([*(obj.pop("data", None) or ()), *(obj.pop("binaryData", None) or ())])
        obj["keys"] = keys
    if resource in NAMES_KEPT:
        obj["kind"] = kind
        obj.pop("apiVersion", None)
    if resource == "nodes":
        obj["status"].pop("images", None)
    return obj
