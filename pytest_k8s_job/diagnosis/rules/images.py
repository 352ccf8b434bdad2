"""Rules for images that cannot be pulled."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import (
    Container,
    containers,
    finished,
    pod_words,
    terminating,
)
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_images"]

WAITING = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
# What the kubelet's or the runtime's words mean; the first that fits counts.
SIGNS = (
    (r"ErrImageNeverPull|pull policy of Never", Cause.IMAGE_NEVER_PULLED),
    (
        r"InvalidImageName|couldn't parse image name|invalid reference format",
        Cause.IMAGE_NAME_INVALID,
    ),
    (r"no match for platform|no matching manifest", Cause.IMAGE_PLATFORM),
    (
        r"no such host|connection refused|i/o timeout|Temporary failure|no route to host"
        r"|network is unreachable|TLS handshake|tls: |x509|deadline exceeded|server misbehaving",
        Cause.REGISTRY_UNREACHABLE,
    ),
    (
        r"(?i)unauthori[sz]ed|access denied|authorization failed|no basic auth|forbidden"
        r"|insufficient_scope|denied:",
        Cause.IMAGE_ACCESS,
    ),
    (r"not found|manifest unknown|does not exist|name unknown", Cause.IMAGE_NOT_FOUND),
)


def check_images(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the containers, init containers too, whose image cannot be pulled."""
    for pod in snapshot["pods"]:
        if finished(pod) or terminating(pod):
            continue
        for container in containers(pod):
            reason = container.waiting.get("reason")
            if reason in WAITING:
                text = f"{reason}: {container.waiting.get('message') or ''}"
                yield _finding(snapshot, container, text)
            elif (
                not container.running
                and not container.ended
                and (event := _event(snapshot, container))
            ):
                yield _finding(snapshot, container, str(event.get("message")))


def _event(snapshot: Snapshot, container: Container) -> Object | None:
    """Return a pull error that is not yet in the pod's status."""
    field = "initContainers" if container.init else "containers"
    place = f"spec.{field}{{{container.name}}}"
    for event in snapshot.events("Pod", name_of(container.pod), "Failed", "InspectFailed"):
        text = str(event.get("message"))
        about = event["involvedObject"].get("fieldPath") == place
        if about and re.search(
            r"pull image|InvalidImageName|ErrImageNeverPull|image name|policy of Never", text
        ):
            return event
    return None


def _finding(snapshot: Snapshot, container: Container, text: str) -> Finding:
    cause = next((cause for sign, cause in SIGNS if re.search(sign, text)), Cause.IMAGE_PULL)
    pod, image = container.pod, str(container.spec.get("image"))
    events = snapshot.events("Pod", name_of(pod), "Failed", "FailedToRetrieveImagePullSecret")
    return Finding(
        cause,
        f"{container.words} of {pod_words(snapshot, pod)}: {_words(cause, image, text)}",
        (container.pod_ref,),
        _remedy(snapshot, container, cause, image),
        (clipped(text, 400), *map(snapshot.event_line, events[:2])),
        _outlook(cause, text),
        group=f"{snapshot.top(pod)} {image}",
    )


def _outlook(cause: Cause, text: str) -> Outlook:
    # A registry may be back in a moment; a name that does not exist will not.
    away = cause is Cause.REGISTRY_UNREACHABLE and "no such host" not in text
    return Outlook.MAY_HEAL if away else Outlook.STUCK


def _words(cause: Cause, image: str, text: str) -> str:
    words = {
        Cause.IMAGE_NEVER_PULLED: f"the image {image} is not on the node, and imagePullPolicy"
        " Never forbids to pull it",
        Cause.IMAGE_NAME_INVALID: f"{image!r} cannot be the name of an image{_reason(text)}",
        Cause.IMAGE_PLATFORM: f"the image {image} was not built for the node's processor",
        Cause.REGISTRY_UNREACHABLE: f"the registry of {image} cannot be reached: {_network(text)}",
        Cause.IMAGE_ACCESS: f"the registry refuses to give {image}: it needs credentials, or"
        " does not exist",
        Cause.IMAGE_NOT_FOUND: f"the registry has no image {image}",
    }
    rest = clipped(text.rpartition(image)[2] or text)
    return words.get(cause, f"the image {image} cannot be pulled: {rest}")


def _reason(text: str) -> str:
    match = re.search(r"repository name must be lowercase|invalid reference format", text)
    return f": {match[0]}" if match else ""


def _network(text: str) -> str:
    """Return the last error of the chain, which says what went wrong."""
    match = re.search(
        r"lookup \S+(?: on \S+)?: [\w ]+|dial tcp \S+: [\w /:]+|tls: [\w :]+|x509: [^\"]+", text
    )
    return clipped(match[0] if match else text.rpartition(": ")[2], 160)


def _remedy(snapshot: Snapshot, container: Container, cause: Cause, image: str) -> str:
    namespace = snapshot.namespace
    top = snapshot.top(container.pod)
    match cause:
        case Cause.IMAGE_NEVER_PULLED:
            return f"load {image} into the node, or imagePullPolicy: IfNotPresent"
        case Cause.IMAGE_ACCESS:
            return (
                f"kubectl -n {namespace} create secret docker-registry NAME ..."
                "    # and imagePullSecrets: [{name: NAME}]"
            )
        case Cause.REGISTRY_UNREACHABLE:
            return "on the node: crictl pull " + image
    if top.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        kind = top.kind.lower()
        return f"kubectl -n {namespace} set image {kind}/{top.name} {container.name}=IMAGE:TAG"
    return "image: REGISTRY/NAME:TAG    # in the pod's template"
