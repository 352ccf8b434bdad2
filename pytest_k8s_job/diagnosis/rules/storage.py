"""Rules for PersistentVolumeClaims that are missing or not bound."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.text import clipped, listed, nearest
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import finished, pod_words, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["DEFAULT_CLASS", "check_storage", "claims_of"]

KIND = "PersistentVolumeClaim"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PATIENCE = 10.0  # seconds that a claim may be pending that no pod waits for


def check_storage(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield each claim that keeps a pod waiting, or will."""
    for claim in snapshot["persistentvolumeclaims"]:
        if (claim.get("status") or {}).get("phase") != "Bound" and not terminating(claim):
            yield from _unbound(snapshot, claim)
    if snapshot.knows("persistentvolumeclaims"):
        yield from _missing(snapshot)


def claims_of(pod: Object) -> list[str]:
    """Return the names of the claims that a pod mounts."""
    volumes = pod["spec"].get("volumes") or ()
    return [
        each["persistentVolumeClaim"]["claimName"]
        for each in volumes
        if "persistentVolumeClaim" in each
    ]


def _missing(snapshot: Snapshot) -> Iterator[Finding]:
    there = [name_of(each) for each in snapshot["persistentvolumeclaims"]]
    for pod in snapshot["pods"]:
        for claim in claims_of(pod):
            if claim in there or finished(pod) or terminating(pod):
                continue
            near = nearest(claim, there)
            yield Finding(
                Cause.CLAIM_MISSING,
                f"there is no {KIND} {claim}, which {pod_words(snapshot, pod)} mounts"
                + (f"; there is {near}" if near else ""),
                (Ref(KIND, claim),),
                remedy=f"claimName: {near or '...'}    # one of: {listed(there) or 'none'}",
                evidence=tuple(map(snapshot.event_line, _scheduling(snapshot, pod))),
                group=claim,
            )


def _scheduling(snapshot: Snapshot, pod: Object) -> list[Object]:
    return snapshot.events("Pod", name_of(pod), "FailedScheduling")[:1]


def _unbound(snapshot: Snapshot, claim: Object) -> Iterator[Finding]:
    name, wanted = name_of(claim), claim["spec"].get("storageClassName")
    classes = {name_of(each): each for each in snapshot["storageclasses"]}
    events = snapshot.events(KIND, name)
    age = snapshot.age(claim["metadata"].get("creationTimestamp"))
    if found := _class_problem(snapshot, claim, events):
        yield found
    elif failed := snapshot.events(KIND, name, "ProvisioningFailed"):
        yield Finding(
            Cause.PROVISIONING,
            f"{KIND} {name} stays unbound: {clipped(failed[0].get('message'))}",
            (Ref(KIND, name),),
            remedy=f"kubectl -n {snapshot.namespace} describe pvc {name}",
            evidence=_lines(snapshot, events),
            outlook=Outlook.MAY_HEAL,
        )
    elif not _waits_for_pod(classes.get(wanted or ""), events) and (
        age > PATIENCE or any(name in claims_of(pod) for pod in snapshot["pods"])
    ):
        yield _pending(snapshot, claim, age, _lines(snapshot, events))


def _class_problem(snapshot: Snapshot, claim: Object, events: list[Object]) -> Finding | None:
    """Return the finding if the StorageClass of the claim is missing or not set."""
    name, wanted = name_of(claim), claim["spec"].get("storageClassName")
    classes = [name_of(each) for each in snapshot["storageclasses"]]
    defaults = [name_of(each) for each in snapshot["storageclasses"] if _is_default(each)]
    # Without the right to list classes, the controller's message must do.
    reported = any("not found" in str(each.get("message")) for each in events)
    if wanted and reported and wanted not in classes:
        default = next(iter(defaults), "...")
        cause, problem = Cause.STORAGE_CLASS_MISSING, f"there is no StorageClass {wanted}"
        remedy = f"storageClassName: {default}    # of: {listed(classes) or 'none'}"
    elif not wanted and (_unset(events) or (snapshot.knows("storageclasses") and not defaults)):
        why = "it asks for none" if wanted == "" else "none is the default"
        cause, problem = Cause.NO_STORAGE_CLASS, f"it names no StorageClass, and {why}"
        remedy = f"storageClassName: {next(iter(classes), '...')}    # in the claim"
    else:
        return None
    sentence = f"{KIND} {name} stays unbound: {problem}"
    return Finding(cause, sentence, (Ref(KIND, name),), remedy, _lines(snapshot, events))


def _lines(snapshot: Snapshot, events: list[Object]) -> tuple[str, ...]:
    return tuple(map(snapshot.event_line, events[:2]))


def _pending(snapshot: Snapshot, claim: Object, age: float, lines: tuple[str, ...]) -> Finding:
    name, wanted = name_of(claim), claim["spec"].get("storageClassName")
    driver = next(
        (each.get("provisioner") for each in snapshot["storageclasses"] if name_of(each) == wanted),
        None,
    )
    who = f" by {driver}" if driver else ""
    return Finding(
        Cause.CLAIM_PENDING,
        f"{KIND} {name} is not bound after {age:.0f} s: no volume of class {wanted} was made{who}",
        (Ref(KIND, name),),
        remedy=f"kubectl get pods -A | grep {str(driver).rpartition('/')[2]}    # does it run?"
        if driver
        else "",
        evidence=lines,
        outlook=Outlook.MAY_HEAL,
    )


def _is_default(storage_class: Object) -> bool:
    annotations = storage_class["metadata"].get("annotations") or {}
    return bool(annotations.get(DEFAULT_CLASS) == "true")


def _unset(events: list[Object]) -> bool:
    return any("no storage class is set" in str(each.get("message")) for each in events)


def _waits_for_pod(storage_class: Object | None, events: list[Object]) -> bool:
    mode = (storage_class or {}).get("volumeBindingMode")
    latest = str(events[0].get("reason")) if events else ""
    return mode == "WaitForFirstConsumer" and latest in ("", "WaitForFirstConsumer")
