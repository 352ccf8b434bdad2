"""Workloads as the API server describes them: pods, revision, and what a rollout waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_k8s_job.cluster.objects import (
    Object,
    condition,
    digest_of,
    labels_of,
    name_of,
    owners,
    version_of,
)
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.target.model import Pod, Restart, Workload, digest
from pytest_k8s_job.target.state import NamespaceState

__all__ = ["owner_of", "pod_of", "workload_of"]

NUMBER = "deployment.kubernetes.io/revision"
RESTARTED = "kubectl.kubernetes.io/restartedAt"  # in the template; not of its content
RESOURCES = {
    "deployment": "deployments",
    "statefulset": "statefulsets",
    "daemonset": "daemonsets",
    "replicaset": "replicasets",
    "pod": "pods",
}
Key = tuple[str, str]  # kind in lower case, name


def owner_of(pod: Object, state: NamespaceState) -> Key | None:
    """Return what makes the pod, None for the pod of a Job; a bare pod makes itself."""
    link = next((each for each in owners(pod) if each.get("controller", True)), None)
    if link is None or link["kind"] == "Node":  # a static pod
        return "pod", name_of(pod)
    if link["kind"] == "Job":
        return None
    if link["kind"] != "ReplicaSet":
        return link["kind"].lower(), link["name"]
    replicaset = state.named("replicasets", link["name"])
    above = owners(replicaset)[:1] if replicaset is not None else []
    if above:
        return above[0]["kind"].lower(), above[0]["name"]
    if replicaset is None and version_of(pod):  # ReplicaSets may not be read
        return "deployment", link["name"].removesuffix(f"-{version_of(pod)}")
    return "replicaset", link["name"]


def workload_of(state: NamespaceState, key: Key, found: str) -> Workload | None:
    """Return the workload with this kind and name; None if neither it nor a pod of it is there."""
    kind, name = key
    obj = state.named(RESOURCES[kind], name) if kind in RESOURCES else None
    pods = tuple(
        pod_of(each)
        for each in state["pods"]
        if not each["metadata"].get("deletionTimestamp")
        and (each.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        and owner_of(each, state) == key
    )
    if obj is None and not pods:
        return None
    newest = _newest_replicaset(state, key, obj)
    return Workload(
        kind,
        state.namespace,
        name,
        found,
        template=_template(obj if kind in RESOURCES else newest, kind),
        current=_current(obj, newest, kind, pods),
        number=_number(obj, newest, kind),
        changed=epoch((newest or {}).get("metadata", {}).get("creationTimestamp")),
        pods=pods,
        wanted=_wanted(obj, kind),
        progress=_progress(obj, kind, pods),
        note=_note(obj, kind),
        configs=frozenset(_configs(state, obj if kind in RESOURCES else newest, kind)),
        selector=_selector(obj if kind in RESOURCES else newest, kind),
    )


def pod_of(pod: Object) -> Pod:
    """Return what the target keeps of a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    images = {(each["name"], digest_of(each)) for each in containers if digest_of(each)}
    return Pod(
        metadata.get("namespace", ""),
        metadata["name"],
        version_of(pod),
        epoch(metadata.get("creationTimestamp")),
        condition(pod, "Ready").get("status") == "True",
        status.get("podIP") or "",
        frozenset(images),
        tuple(_restarts(containers)),
    )


def _restarts(containers: Any) -> Iterator[Restart]:
    for each in containers:
        for state in (each.get("state") or {}, each.get("lastState") or {}):
            if ended := state.get("terminated"):
                finished = epoch(ended.get("finishedAt"))
                reason = ended.get("reason") or "ended"
                yield Restart(each["name"], each.get("restartCount", 0), finished, reason)
                break


def _newest_replicaset(state: NamespaceState, key: Key, obj: Object | None) -> Object | None:
    """Return the ReplicaSet of a Deployment's newest rollout, or an Argo Rollout's newest."""
    kind, name = key
    if kind == "replicaset":
        return obj
    owned = [
        each
        for each in state["replicasets"]
        if any(link["kind"].lower() == kind and link["name"] == name for link in owners(each))
    ]
    if kind == "deployment" and obj is not None:
        number = (obj["metadata"].get("annotations") or {}).get(NUMBER)
        same = [
            each
            for each in owned
            if (each["metadata"].get("annotations") or {}).get(NUMBER) == number
        ]
        return same[0] if same else None
    wanted = [each for each in owned if each["spec"].get("replicas")]
    return max(wanted, key=lambda each: str(each["metadata"]["creationTimestamp"]), default=None)


def _template(obj: Object | None, kind: str) -> str:
    """Return the digest of the pod template: the same content, the same digest."""
    if obj is None:
        return ""
    if kind == "pod":
        return digest(obj["spec"])
    template = dict(obj["spec"].get("template") or {})
    metadata = dict(template.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(RESTARTED, None)
    labels = {k: v for k, v in labels_of({"metadata": metadata}).items() if not _is_hash(k)}
    template["metadata"] = {"annotations": annotations, "labels": labels}
    return digest(template)


def _selector(obj: Object | None, kind: str) -> frozenset[tuple[str, str]]:
    if obj is None or kind == "pod":
        return frozenset()
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return frozenset((k, v) for k, v in labels.items() if not _is_hash(k) or kind == "replicaset")


def _is_hash(label: str) -> bool:
    return label.endswith(("pod-template-hash", "controller-revision-hash"))


def _current(obj: Object | None, newest: Object | None, kind: str, pods: tuple[Pod, ...]) -> str:
    """Return the hash that pods of the newest template carry."""
    if newest is not None:
        return next((v for k, v in labels_of(newest).items() if _is_hash(k)), "")
    if kind == "statefulset" and obj is not None:
        return str((obj.get("status") or {}).get("updateRevision") or "")
    newest_pod = max(pods, key=lambda pod: pod.created, default=None)
    return newest_pod.version if newest_pod is not None else ""


def _number(obj: Object | None, newest: Object | None, kind: str) -> str:
    if kind == "deployment" and obj is not None:
        return str((obj["metadata"].get("annotations") or {}).get(NUMBER) or "")
    if kind == "statefulset" and obj is not None:
        return str((obj.get("status") or {}).get("updateRevision") or "")
    if kind == "daemonset" and obj is not None:
        return str(obj["metadata"].get("generation") or "")
    return str(newest["metadata"].get("name", "")) if newest is not None else ""


def _wanted(obj: Object | None, kind: str) -> int | None:
    if obj is None:
        return None
    if kind == "daemonset":
        return int((obj.get("status") or {}).get("desiredNumberScheduled") or 0)
    return 1 if kind == "pod" else int(obj["spec"].get("replicas", 1))


def _note(obj: Object | None, kind: str) -> str:
    if obj is None or kind == "pod":
        return ""
    if obj["spec"].get("paused"):
        return "paused"
    update = obj["spec"].get("updateStrategy") or {}
    if update.get("type") == "OnDelete":
        return "updates on delete"
    partition = (update.get("rollingUpdate") or {}).get("partition") or 0
    return f"partition {partition}" if partition else ""


def _progress(obj: Object | None, kind: str, pods: tuple[Pod, ...]) -> str:
    """Return what the rollout still waits for; "" if it is over or cannot be seen."""
    if obj is None or (kind != "pod" and obj["spec"].get("paused")):
        return "" if all(pod.ready for pod in pods) else "its pods are not ready"
    if kind == "pod":
        return "" if condition(obj, "Ready").get("status") == "True" else "it is not ready"
    status = obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "its controller has not seen the newest change"
    wanted, updated, present, ready = _counts(obj, status, kind)
    if updated == ready == wanted and present == wanted:
        return ""
    if ready >= wanted and updated >= wanted:
        return f"{present - wanted} old pods still go"
    new_ready = min(updated, max(0, ready - max(0, present - updated)))
    return f"{new_ready} of {wanted} new pods ready"


def _counts(obj: Object, status: Object, kind: str) -> tuple[int, int, int, int]:
    """Return how many pods are wanted, updated, present and available."""
    wanted = _wanted(obj, kind) or 0
    update = obj["spec"].get("updateStrategy") or {}
    if kind == "daemonset":
        updated, present = status.get("updatedNumberScheduled", 0), wanted
        ready = status.get("numberAvailable", 0)
    else:
        updated, present = status.get("updatedReplicas", 0), status.get("replicas", 0)
        ready = min(status.get("readyReplicas", 0), status.get("availableReplicas", 0))
    if kind == "replicaset" or update.get("type") == "OnDelete":
        updated = wanted
    elif kind == "statefulset":
        partition = (update.get("rollingUpdate") or {}).get("partition") or 0
        updated = min(wanted, updated + partition)
    return wanted, updated, present, ready


def _configs(
    state: NamespaceState, obj: Object | None, kind: str
) -> Iterator[tuple[str, str, str]]:
    """Yield ConfigMaps and Secrets that the pod template names, with their resourceVersions."""
    if obj is None:
        return
    spec = obj["spec"] if kind == "pod" else obj["spec"].get("template", {}).get("spec", {})
    versions = {
        (kind, name_of(each)): str(each["metadata"].get("resourceVersion") or "")
        for kind in ("configmaps", "secrets")
        for each in state[kind]
    }
    for named in _named_configs(spec):
        if named in versions:
            yield named[0].removesuffix("s"), named[1], versions[named]


def _named_configs(spec: Object) -> Iterator[tuple[str, str]]:
    for volume in spec.get("volumes") or ():
        sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for source in sources:
            if name := (source.get("configMap") or {}).get("name"):
                yield "configmaps", name
            secret = source.get("secret") or {}
            if name := secret.get("secretName") or secret.get("name"):
                yield "secrets", name
    for container in (*spec.get("containers", ()), *(spec.get("initContainers") or ())):
        sources = list(container.get("envFrom") or ())
        sources += [each["valueFrom"] for each in container.get("env") or () if "valueFrom" in each]
        for source in sources:
            for key, kind in (("configMap", "configmaps"), ("secret", "secrets")):
                for field in (f"{key}Ref", f"{key}KeyRef"):
                    if name := (source.get(field) or {}).get("name"):
                        yield kind, name
