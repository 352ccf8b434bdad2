"""Rolls a target back to the revision that passed last."""

from __future__ import annotations

from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.objects import Object, labels_of, name_of, version_of
from pytest_k8s_job.cluster.pods import read_list
from pytest_k8s_job.errors import RefusedError
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload, short
from pytest_k8s_job.validation.record import Validation

__all__ = ["roll_back"]

APPS = "/apis/apps/v1/namespaces/{}/{}"
RESOURCES = {"deployment": "deployments", "statefulset": "statefulsets"}
OWNERS = {  # label or annotation -> who would undo a rollback, and where to do it instead
    "argocd.argoproj.io/tracking-id": "Argo CD: argocd app rollback, or revert the commit",
    "argocd.argoproj.io/instance": "Argo CD: argocd app rollback, or revert the commit",
    "kustomize.toolkit.fluxcd.io/name": "Flux: revert the commit",
    "helm.toolkit.fluxcd.io/name": "Flux: revert the commit",
    "meta.helm.sh/release-name": "Helm: helm rollback",
}


def roll_back(cluster: KubernetesCluster, target: Target, passed: Validation | None) -> list[str]:
    """Give each workload the pod template with which the target passed; return which changed.

    Nothing is written unless all of it can be. Raises RefusedError or ClusterError.
    """
    if passed is None:
        raise RefusedError("no revision of it has passed yet")
    versions = {tuple(each[:3]): each[3] for each in passed.versions}
    changed = [each for each in target.workloads if versions.get(_key(each)) != each.current]
    if not changed:
        raise RefusedError(
            f"it is at revision {short(passed.revision)} already, which passed before"
        )
    objects = [_with_template(cluster, each, versions.get(_key(each), "")) for each in changed]
    for query in ("?dryRun=All", ""):  # the API server may refuse the second of two
        for path, obj in objects:
            cluster.send("PUT", path + query, obj)
    return [str(each) for each in changed]


def _key(workload: Workload) -> tuple[str, str, str]:
    return workload.kind, workload.namespace, workload.name


def _with_template(
    cluster: KubernetesCluster, workload: Workload, version: str
) -> tuple[str, dict[str, Any]]:
    """Return path and object of a workload with the pod template of a version."""
    if workload.kind not in RESOURCES:
        raise RefusedError(f"{workload} is neither a Deployment nor a StatefulSet")
    if not version:
        raise RefusedError(f"{workload} was not a part of the target when it passed")
    path = f"{APPS.format(workload.namespace, RESOURCES[workload.kind])}/{workload.name}"
    obj = cluster.send("GET", path)
    if owner := _owner(obj):
        raise RefusedError(f"{workload} belongs to {owner}")
    if obj["spec"].get("revisionHistoryLimit") == 0:
        raise RefusedError(f"{workload} keeps no earlier revision: its revisionHistoryLimit is 0")
    find = _of_replicaset if workload.kind == "deployment" else _of_controller_revision
    template = find(cluster, workload, version)
    if template is None:
        raise RefusedError(f"{workload}: revision {version}, which passed, is not kept any more")
    obj["spec"]["template"] = template
    return path, obj


def _owner(obj: Object) -> str:
    """Return who manages the workload and would undo what we write, "" if nobody does."""
    marks = {**labels_of(obj), **(obj["metadata"].get("annotations") or {})}
    found = next((text for mark, text in OWNERS.items() if mark in marks), "")
    if not found and marks.get("app.kubernetes.io/managed-by") == "Helm":
        return OWNERS["meta.helm.sh/release-name"]
    return found


def _of_replicaset(
    cluster: KubernetesCluster, workload: Workload, version: str
) -> dict[str, Any] | None:
    owned = {each.name for each in workload.replicasets}
    for each in read_list(cluster, APPS.format(workload.namespace, "replicasets")):
        if name_of(each) in owned and version_of(each) == version:
            template: dict[str, Any] = each["spec"]["template"]
            template["metadata"]["labels"].pop("pod-template-hash", None)
            return template
    return None


def _of_controller_revision(
    cluster: KubernetesCluster, workload: Workload, version: str
) -> dict[str, Any] | None:
    for each in read_list(cluster, APPS.format(workload.namespace, "controllerrevisions")):
        if name_of(each) == version:
            template: dict[str, Any] | None = each["data"]["spec"].get("template")
            if template is not None:
                template.pop("$patch", None)
            return template
    return None
