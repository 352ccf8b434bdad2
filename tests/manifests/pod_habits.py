"""What every pod here keeps to, each habit a pure function from manifests to complaints.

An empty list means that the habit is kept. `test_habits.py` holds the real manifests against
each of them, and proves with a broken copy that each can say no.
"""

import re

from tests.manifests.documents import Complaints, Documents, amount, at, workloads

SCRATCH = "/tmp"  # noqa: S108  where pods mount their emptyDir; nothing is written there by the test
LABELS = ("name", "part-of", "component", "version")


def _each(documents: Documents, path: str, wanted: object) -> Complaints:
    """One complaint for each workload whose pod spec has not `wanted` at `path`."""
    return [
        f"{w.key}: {path} is {at(w.pod, path)!r}, not {wanted!r}"
        for w in workloads(documents)
        if at(w.pod, path) != wanted
    ]


def namespace_enforces_restricted(documents: Documents) -> Complaints:
    """The namespace refuses pods below Pod Security `restricted`, warns of them, logs them."""
    labels = documents["Namespace/weather"]["metadata"]["labels"]
    modes = (f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn"))
    return [f"{mode} is {labels.get(mode)}" for mode in modes if labels.get(mode) != "restricted"]


def everything_is_in_the_namespace(documents: Documents) -> Complaints:
    """No object lands in whatever namespace the user's context happens to name."""
    return [
        f"{key} is in {document['metadata'].get('namespace')}"
        for key, document in documents.items()
        if document["kind"] != "Namespace" and document["metadata"].get("namespace") != "weather"
    ]


def recommended_labels_are_there(documents: Documents) -> Complaints:
    """Every pod and its workload carry the same four recommended labels."""
    complaints = []
    for w in workloads(documents):
        own = documents[w.key]["metadata"]["labels"]
        missing = [label for label in LABELS if f"app.kubernetes.io/{label}" not in w.labels]
        if missing or own != w.labels:
            complaints.append(f"{w.key}: {own} and {w.labels}, missing {missing}")
    return complaints


def images_are_pinned(documents: Documents) -> Complaints:
    """Each image has a version tag, and the node's own copy is used."""
    return [
        f"{w.key}: {w.container['image']}, {w.container.get('imagePullPolicy')}"
        for w in workloads(documents)
        if not re.search(r":\d+\.\d+", w.container["image"])
        or w.container.get("imagePullPolicy") != "IfNotPresent"
    ]


def users_are_numeric(documents: Documents) -> Complaints:
    """No pod runs as root, and the kubelet can tell so from the number alone."""
    context = "securityContext"
    return _each(documents, f"{context}.runAsNonRoot", True) + [
        f"{w.key}: {field} is {at(w.pod, f'{context}.{field}')!r}"
        for w in workloads(documents)
        for field in ("runAsUser", "runAsGroup", "fsGroup")
        if not isinstance(at(w.pod, f"{context}.{field}"), int) or w.pod[context][field] == 0
    ]


def privileges_are_dropped(documents: Documents) -> Complaints:
    """No escalation, no capability, the runtime's seccomp profile, no token, no link variables."""
    container = "containers.0.securityContext"
    return [
        *_each(documents, f"{container}.allowPrivilegeEscalation", False),
        *_each(documents, f"{container}.capabilities", {"drop": ["ALL"]}),
        *_each(documents, "securityContext.seccompProfile.type", "RuntimeDefault"),
        *_each(documents, "enableServiceLinks", False),
        *_tokens(documents),
    ]


def _tokens(documents: Documents) -> Complaints:
    """Complaints of pods with a token of the API server, which the validator alone needs."""
    return [
        f"{w.key}: a token"
        for w in workloads(documents)
        if at(w.pod, "automountServiceAccountToken") is not (w.name == "validator")
    ]


def root_is_read_only(documents: Documents) -> Complaints:
    """Files are written to sized scratch volumes on /tmp or to a claim, and nowhere else."""
    complaints = _each(documents, "containers.0.securityContext.readOnlyRootFilesystem", True)
    for w in workloads(documents):
        for volume in w.pod.get("volumes", []):
            mounts = {m["name"]: m["mountPath"] for m in w.container["volumeMounts"]}
            sized = at(volume, "emptyDir.sizeLimit") and mounts[volume["name"]] == SCRATCH
            if not sized and "persistentVolumeClaim" not in volume:
                complaints.append(f"{w.key}: volume {volume}")
    return complaints


def resources_are_bounded(documents: Documents) -> Complaints:
    """Each container asks for what it needs and is stopped at a limit above that."""
    complaints = []
    for w in workloads(documents):
        for resource in ("cpu", "memory"):
            request = at(w.container, f"resources.requests.{resource}")
            limit = at(w.container, f"resources.limits.{resource}")
            if not request or not limit or amount(request) > amount(limit):
                complaints.append(f"{w.key}: {resource} request {request}, limit {limit}")
    return complaints


def _patience(probe: dict[str, int]) -> int:
    """Seconds of failure until a probe acts."""
    return probe["periodSeconds"] * probe["failureThreshold"]


def probes_are_split(documents: Documents) -> Complaints:
    """Three probes each; a pod leaves the Service long before it is killed; HTTP paths differ."""
    complaints = []
    for w in workloads(documents):
        if w.key.startswith("CronJob/") or w.name == "validator":
            continue  # nobody sends them requests, and they end when something is wrong
        missing = {"startupProbe", "readinessProbe", "livenessProbe"} - w.container.keys()
        if missing:
            complaints.append(f"{w.key}: no {sorted(missing)}")
            continue
        ready, live = w.container["readinessProbe"], w.container["livenessProbe"]
        if _patience(live) < 2 * _patience(ready):
            complaints.append(f"{w.key}: liveness after {_patience(live)} s is too soon")
        if "httpGet" in ready and ready["httpGet"]["path"] == at(live, "httpGet.path"):
            complaints.append(f"{w.key}: one path for liveness and readiness")
    return complaints


HABITS = (
    namespace_enforces_restricted,
    everything_is_in_the_namespace,
    recommended_labels_are_there,
    images_are_pinned,
    users_are_numeric,
    privileges_are_dropped,
    root_is_read_only,
    resources_are_bounded,
    probes_are_split,
)
