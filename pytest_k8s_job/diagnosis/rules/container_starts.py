"""Rules for containers that cannot start: settings, volumes, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.text import bytes_text, clipped, listed, nearest
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import (
    Container,
    containers,
    finished,
    pod_words,
    terminating,
)
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_container_starts", "start_error"]

CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError")
START_REASONS = ("RunContainerError", "StartError", "ContainerCannotRun", "CreateContainerError")
RESOURCES = {"configmap": ("ConfigMap", "configmaps"), "secret": ("Secret", "secrets")}
EARLY_SIGNS = re.compile(
    r"(?:configmap|secret) \"[^\"]+\" not found$|find key|runAsNonRoot|as root"
)
START_SIGNS = (
    (r"exec format error", Cause.EXEC_FORMAT),
    (r"executable file not found|no such file or directory", Cause.COMMAND_NOT_FOUND),
    (r"permission denied", Cause.NOT_EXECUTABLE),
)


def check_container_starts(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the containers that cannot be created or started."""
    for pod in snapshot["pods"]:
        if terminating(pod):
            continue
        all_containers = list(containers(pod))
        for container in all_containers:
            yield from _config(snapshot, container)
            if (error := start_error(container)) is not None:
                yield _start_finding(snapshot, container, error)
        begun = any(each.running or each.ended for each in all_containers)
        if not begun and not finished(pod) and pod["spec"].get("nodeName"):
            yield from _failed_mount(snapshot, pod)
            yield from _sandbox(snapshot, pod)


# -- settings


def _config(snapshot: Snapshot, container: Container) -> Iterator[Finding]:
    reason = container.waiting.get("reason")
    text = str(container.waiting.get("message") or "")
    if reason in CONFIG_REASONS and not _is_start(text):
        yield _config_finding(snapshot, container, f"{reason}: {text}")
        return
    if reason not in (None, "ContainerCreating", "PodInitializing") or container.ended:
        return
    field = "initContainers" if container.init else "containers"
    for event in snapshot.events("Pod", name_of(container.pod), "Failed")[:1]:
        message = str(event.get("message"))
        ours = event["involvedObject"].get("fieldPath") == f"spec.{field}{{{container.name}}}"
        # The kubelet's event is up to a second ahead of the pod's status.
        if ours and EARLY_SIGNS.search(message):
            yield _config_finding(snapshot, container, message)


def _config_finding(snapshot: Snapshot, container: Container, text: str) -> Finding:
    cause, words, remedy = _config_words(snapshot, container, text)
    events = snapshot.events("Pod", name_of(container.pod), "Failed")
    return Finding(
        cause,
        f"{container.words} of {pod_words(snapshot, container.pod)} cannot be made: {words}",
        (container.pod_ref,),
        remedy,
        (clipped(text), *map(snapshot.event_line, events[:1])),
        group=f"{snapshot.top(container.pod)} {container.name}",
    )


def _config_words(snapshot: Snapshot, container: Container, text: str) -> tuple[Cause, str, str]:
    if match := re.search(r"couldn't find key (\S+) in (ConfigMap|Secret) [^/]+/(\S+)", text):
        return _missing_key(snapshot, *match.groups())
    if match := re.search(r'(configmap|secret) "([^"]+)" not found', text):
        return _missing_object(snapshot, match[1], match[2])
    if "runAsNonRoot" in text or "run as root" in text:
        return (
            Cause.RUNS_AS_ROOT,
            f"it must not run as root, and the image {container.spec.get('image')} does",
            "securityContext: {runAsUser: 1000}    # or USER 1000 in the image",
        )
    return Cause.CONTAINER_CONFIG, clipped(text), ""


def _missing_object(snapshot: Snapshot, word: str, name: str) -> tuple[Cause, str, str]:
    kind, resource = RESOURCES[word]
    near = nearest(name, map(name_of, snapshot[resource]))
    cause = Cause.SECRET_MISSING if word == "secret" else Cause.CONFIG_MAP_MISSING
    sort = "secret generic" if word == "secret" else "configmap"
    hint = f"; there is {near}" if near else ""
    create = f"kubectl -n {snapshot.namespace} create {sort} {name} --from-literal=KEY=VALUE"
    return cause, f"there is no {kind} {name}{hint}", create


def _missing_key(snapshot: Snapshot, key: str, kind: str, name: str) -> tuple[Cause, str, str]:
    keys: list[str] = []
    if kind == "ConfigMap" and (found := snapshot.named("configmaps", name)) is not None:
        keys = list(found.get("keys") or ())
    has = f", which has {listed(keys)}" if keys else ""
    edit = f"kubectl -n {snapshot.namespace} edit {kind.lower()} {name}    # add the key {key}"
    return Cause.KEY_MISSING, f"{kind} {name} has no key {key}{has}", edit


# -- volumes and sandbox


def _failed_mount(snapshot: Snapshot, pod: Object) -> Iterator[Finding]:
    events = snapshot.events("Pod", name_of(pod), "FailedMount", "FailedAttachVolume")
    if not events:
        return
    text = str(events[0].get("message"))
    match = re.search(r'volume "([^"]+)"', text)
    volume = f"volume {match[1]}" if match else "a volume"
    cause, words, remedy = _mount_words(snapshot, text)
    yield Finding(
        cause,
        f"{volume} of {pod_words(snapshot, pod)} cannot be mounted: {words}",
        (Ref("Pod", name_of(pod)),),
        remedy,
        (snapshot.event_line(events[0]),),
        # A token or a certificate that comes a moment later is common.
        Outlook.STUCK if cause is not Cause.VOLUME_MOUNT else Outlook.MAY_HEAL,
        group=str(snapshot.top(pod)),
    )


def _mount_words(snapshot: Snapshot, text: str) -> tuple[Cause, str, str]:
    if match := re.search(r'(configmap|secret) "([^"]+)" not found', text):
        return _missing_object(snapshot, match[1], match[2])
    if match := re.search(r"references non-existent (config|secret) key: (\S+)", text):
        kind = "Secret" if match[1] == "secret" else "ConfigMap"
        return Cause.KEY_MISSING, f"its {kind} has no key {match[2]}", ""
    return Cause.VOLUME_MOUNT, clipped(text.partition(" : ")[2] or text), ""


def _sandbox(snapshot: Snapshot, pod: Object) -> Iterator[Finding]:
    events = snapshot.events("Pod", name_of(pod), "FailedCreatePodSandBox")
    if not events:
        return
    text = str(events[0].get("message"))
    limits = [
        ((each.get("resources") or {}).get("limits") or {}).get("memory")
        for each in pod["spec"]["containers"]
    ]
    small = [bytes_text(each) for each in limits if each]
    starved = (
        re.search(r"cannot start a stopped process|(?i:\boom)|memory limit too low", text) and small
    )
    words = f"its memory limit of {small[0]} is too small to start it" if starved else clipped(text)
    yield Finding(
        Cause.SANDBOX,
        f"the sandbox of {pod_words(snapshot, pod)} cannot be made: {words}",
        (Ref("Pod", name_of(pod)),),
        "resources: {limits: {memory: 64Mi}}" if starved else "",
        (snapshot.event_line(events[0]),),
        Outlook.MAY_HEAL,
        group=str(snapshot.top(pod)),
    )


# -- commands


def start_error(container: Container) -> str | None:
    """Return the runtime's message if it could not start the container's command."""
    for state in (container.waiting, container.ended):
        text = str(state.get("message") or "")
        if state.get("reason") in START_REASONS and (state is container.ended or _is_start(text)):
            return text
    return None


def _is_start(text: str) -> bool:
    return any(
        sign in text
        for sign in ("failed to create containerd task", "failed to start", "exec:", "OCI runtime")
    )


def _start_finding(snapshot: Snapshot, container: Container, text: str) -> Finding:
    cause = next(
        (cause for sign, cause in START_SIGNS if re.search(sign, text)), Cause.CONTAINER_START
    )
    match = re.search(r'exec: "([^"]+)"', text)
    command = match[1] if match else str((container.spec.get("command") or ["its command"])[0])
    words = {
        Cause.EXEC_FORMAT: f"{command} was built for another processor, or is no program",
        Cause.COMMAND_NOT_FOUND: f"image {container.spec.get('image')} has no program {command}",
        Cause.NOT_EXECUTABLE: f"{command} may not be executed",
    }.get(cause, clipped(text))
    remedy = {
        Cause.COMMAND_NOT_FOUND: "command: [...]    # a program that the image has",
        Cause.NOT_EXECUTABLE: f"RUN chmod +x {command}    # in the Dockerfile",
    }.get(cause, "")
    return Finding(
        cause,
        f"{container.words} of {pod_words(snapshot, container.pod)} cannot start: {words}",
        (container.pod_ref,),
        remedy,
        (clipped(text, 400),),
        Outlook.FINAL,
        group=f"{snapshot.top(container.pod)} {container.name}",
    )
