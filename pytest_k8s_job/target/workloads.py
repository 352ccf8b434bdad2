"""Workloads as the API server describes them: their pods and their revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_k8s_job.cluster.objects import Object, condition, labels_of, name_of
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.target.configs import configs_of
from pytest_k8s_job.target.pods import Key, is_live, maker_of, owner_of, pod_of
from pytest_k8s_job.target.progress import completed_at, is_stalled, note_of, progress_of, wanted_of
from pytest_k8s_job.target.state import NamespaceState
from pytest_k8s_job.target.workload import Pod, ReplicaSet, Workload, digest
from pytest_k8s_job.target.written import written

__all__ = ["RESOURCES", "workload_of"]

NUMBER = "deployment.kubernetes.io/revision"
ROLLOUT_NUMBER = "rollout.argoproj.io/revision"  # of a ReplicaSet of an Argo Rollout
TEMPLATES = "deprecated.daemonset.template.generation"  # counts as no other field of it does
RESTARTED = "kubectl.kubernetes.io/restartedAt"  # in the template; not of its content
TOKEN = "kube-api-access-"  # noqa: S105 (each pod's volume for it has a name of its own)
RESOURCES = {
    "deployment": "deployments",
    "statefulset": "statefulsets",
    "daemonset": "daemonsets",
    "replicaset": "replicasets",
    "pod": "pods",
}


def workload_of(state: NamespaceState, key: Key, found: str) -> Workload | None:
    """Return the workload with this kind and name, or None."""
    kind, name = key
    obj = state.named(RESOURCES[kind], name) if kind in RESOURCES else None
    pods = tuple(map(pod_of, state.once("pods by owner", lambda: _by_owner(state)).get(key, ())))
    if not pods and (obj is None or kind == "pod"):
        return None
    newest = _newest_replicaset(state, key, obj)
    described = obj if kind in RESOURCES else newest
    current = _current(obj, newest, kind, pods)
    return Workload(
        kind,
        state.namespace,
        name,
        found,
        template=_template(described, kind),
        current=current,
        number=_number(obj, newest, kind),
        changed=_changed(obj, newest),
        completed=completed_at(obj),
        pods=pods,
        wanted=wanted_of(obj, kind),
        progress=progress_of(obj, kind, pods, current),
        stalled=is_stalled(obj),
        note=note_of(obj) or _canary(state, key),
        configs=frozenset(configs_of(state, described, kind)),
        selector=_selector(described, kind),
        uid=str((obj or {}).get("metadata", {}).get("uid") or ""),
        templated=written(obj, "spec", "template", "spec"),
        replicasets=tuple(_revision(each) for each in _owned(state, key)),
    )


def _newest_replicaset(state: NamespaceState, key: Key, obj: Object | None) -> Object | None:
    """Return the ReplicaSet of a Deployment's newest rollout, or an Argo Rollout's newest."""
    kind, _ = key
    if kind == "replicaset":
        return obj
    owned = _owned(state, key)
    if obj is not None:  # a Deployment: what else is read owns no ReplicaSet
        number = _annotation(obj, NUMBER)
        return next((each for each in owned if _annotation(each, NUMBER) == number), None)
    wanted = filter(_has_pods, owned)
    return max(wanted, key=lambda each: str(each["metadata"]["creationTimestamp"]), default=None)


def _by_owner(state: NamespaceState) -> Mapping[Key, list[Object]]:
    """Return the pods that shall stay, by what makes them."""
    found: dict[Key, list[Object]] = {}
    for each in filter(is_live, state["pods"]):
        owner = None if each["metadata"].get("deletionTimestamp") else owner_of(each, state)
        if owner is not None:
            found.setdefault(owner, []).append(each)
    return found


def _owned(state: NamespaceState, key: Key) -> list[Object]:
    return state.once("replicasets by maker", lambda: _by_maker(state)).get(key, [])


def _by_maker(state: NamespaceState) -> Mapping[Key, list[Object]]:
    found: dict[Key, list[Object]] = {}
    for each in state["replicasets"]:
        if maker := maker_of(each):
            found.setdefault(maker, []).append(each)
    return found


def _revision(replicaset: Object) -> ReplicaSet:
    metadata = replicaset["metadata"]
    created = epoch(metadata.get("creationTimestamp"))
    generation = int(metadata.get("generation") or 0)
    return ReplicaSet(name_of(replicaset), created, generation, _has_pods(replicaset))


def _has_pods(replicaset: Object) -> bool:
    return bool(replicaset["spec"].get("replicas"))


def _canary(state: NamespaceState, key: Key) -> str:
    """Return what to know of a workload that may keep two revisions."""
    kind, _ = key
    if kind in RESOURCES:
        return ""
    many = len([*filter(_has_pods, _owned(state, key))])
    return f"{many} revisions at once" if many > 1 else ""


def _changed(obj: Object | None, newest: Object | None) -> float:
    """Return when the newest rollout began or last made progress."""
    told = condition(obj, "Progressing").get("lastUpdateTime") if obj is not None else None
    return max(epoch(told), epoch((newest or {}).get("metadata", {}).get("creationTimestamp")))


def _template(obj: Object | None, kind: str) -> str:
    """Return the digest of the pod template: the same content, the same digest."""
    if obj is None:
        return ""
    if kind == "pod":
        return digest(_content(obj["spec"]))
    template = dict(obj["spec"]["template"])
    metadata = dict(template.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(RESTARTED, None)
    labels = {k: v for k, v in labels_of({"metadata": metadata}).items() if not _is_hash(k)}
    template["metadata"] = {"annotations": annotations, "labels": labels}
    return digest(template)


def _content(value: Any) -> Any:
    """Return a pod's spec without its node and the volume of its token."""
    if isinstance(value, Mapping):
        return {name: _content(each) for name, each in value.items() if name != "nodeName"}
    if not isinstance(value, list):
        return value
    return [_content(each) for each in value if TOKEN not in str(_name(each))]


def _name(value: Any) -> object:
    return value.get("name") if isinstance(value, Mapping) else None


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
        return _update_revision(obj)
    newest_pod = max(pods, key=lambda pod: pod.created, default=None)
    return newest_pod.version if newest_pod is not None else ""


def _number(obj: Object | None, newest: Object | None, kind: str) -> str:
    if kind == "deployment" and obj is not None:
        return _annotation(obj, NUMBER)
    if kind == "statefulset" and obj is not None:
        return _update_revision(obj)
    if kind == "daemonset" and obj is not None:
        return _annotation(obj, TEMPLATES)
    if newest is None:
        return ""
    return _annotation(newest, ROLLOUT_NUMBER) or str(newest["metadata"].get("name", ""))


def _annotation(obj: Object, name: str) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def _update_revision(obj: Object) -> str:
    return str((obj.get("status") or {}).get("updateRevision") or "")
