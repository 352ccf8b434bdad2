"""Rules for Services that lead to no container."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from pytest_k8s_job.cluster.objects import Object, condition, labels_of, name_of
from pytest_k8s_job.cluster.text import labels_text, listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import finished, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Snapshot, matches

__all__ = [
    "check_services",
    "closest",
    "endpoints",
    "target_port",
    "undeclared_ports",
    "workloads",
]

SETTLED = 10.0  # seconds that the endpoint controller gets to follow the pods
RESOURCES = (
    ("deployments", "Deployment"),
    ("statefulsets", "StatefulSet"),
    ("daemonsets", "DaemonSet"),
)


def check_services(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the Services without a working endpoint."""
    if not (snapshot.knows("services") and snapshot.knows("pods")):
        return
    for service in snapshot["services"]:
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            continue
        pods = [each for each in snapshot.pods_of(selector) if not finished(each)]
        ready = [each for each in pods if _is_ready(each) and not terminating(each)]
        if not pods:
            yield from _no_selected_pod(snapshot, service, selector)
        elif not ready:
            yield _no_endpoints(snapshot, service, pods)
        else:
            yield from _ports(snapshot, service, ready)
            yield from _versions(snapshot, service, ready)


def endpoints(snapshot: Snapshot, service: str) -> list[Object]:
    """Return the ready endpoints of a Service."""
    found = []
    for each in snapshot["endpointslices"]:
        if labels_of(each).get("kubernetes.io/service-name") != service:
            continue
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                found.append(endpoint)
    return found


def undeclared_ports(snapshot: Snapshot) -> list[tuple[str, int]]:
    """Return the Service ports whose target port no container declares.

    A container need not declare its ports, so these are a reason to look, no finding.
    """
    found = []
    for service in snapshot["services"]:
        selector = service["spec"].get("selector")
        pods = [each for each in snapshot.pods_of(selector) if _is_ready(each)] if selector else []
        declared = {number for pod in pods for _, number in _declared(pod)}
        for port in service["spec"].get("ports") or ():
            target = port.get("targetPort", port["port"])
            undeclared = isinstance(target, int) and declared and target not in declared
            if undeclared and port.get("protocol", "TCP") == "TCP":
                found.append((name_of(service), int(port["port"])))
    return found


def target_port(port: Object, pod: Object) -> int:
    """Return the pod's port number behind a port of a Service."""
    target = port.get("targetPort", port["port"])
    named = {name: number for name, number in _declared(pod) if name}
    return target if isinstance(target, int) else named.get(target, int(port["port"]))


def workloads(snapshot: Snapshot, selector: Mapping[str, str]) -> list[Object]:
    """Return the workloads whose pod template matches a selector."""
    found = []
    for resource, _ in RESOURCES:
        for owner in snapshot[resource]:
            if matches(selector, _template_labels(owner)):
                found.append(owner)
    return found


def _is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def _declared(pod: Object) -> set[tuple[str, int]]:
    spec = pod["spec"]
    return {
        (str(port.get("name") or ""), int(port["containerPort"]))
        for container in [*spec["containers"], *(spec.get("initContainers") or ())]
        for port in container.get("ports") or ()
    }


def _no_selected_pod(
    snapshot: Snapshot, service: Object, selector: Mapping[str, str]
) -> Iterator[Finding]:
    if meant := workloads(snapshot, selector):
        yield _workloads_without_pods(service, selector, meant)
    elif all(snapshot.knows(resource) for resource, _ in RESOURCES):
        hint, remedy = _selector_hint(snapshot, selector)
        yield Finding(
            Cause.SELECTOR_NO_POD,
            f"Service {name_of(service)} has no endpoint:"
            f" its selector {labels_text(selector)} matches no pod{hint}",
            (Ref("Service", name_of(service)),),
            remedy,
            (f"selector {labels_text(selector)}; {len(snapshot['pods'])} pods in the namespace",),
        )


def _workloads_without_pods(
    service: Object, selector: Mapping[str, str], meant: list[Object]
) -> Finding:
    names = listed(f"{each['kind']} {name_of(each)}" for each in meant)
    return Finding(
        Cause.NO_ENDPOINTS,
        f"Service {name_of(service)} has no endpoint: {names} has no pod",
        (Ref("Service", name_of(service)),),
        evidence=(f"selector {labels_text(selector)}",),
        outlook=Outlook.MAY_HEAL,
        blames=frozenset(Ref(str(each["kind"]), name_of(each)) for each in meant),
    )


def _selector_hint(snapshot: Snapshot, selector: Mapping[str, str]) -> tuple[str, str]:
    """Return a hint at the workload that was probably meant, and the selector for it."""
    close = closest(snapshot, selector)
    if close is None:
        return "", ""
    labels = _template_labels(close)
    wrong = [key for key, value in selector.items() if labels.get(key) != value]
    right = {key: labels[key] for key in wrong if key in labels}
    has = labels_text(right) or f"no label {', '.join(wrong)}"
    pairs = ", ".join(f"{key}: {value}" for key, value in {**selector, **right}.items())
    hint = f"; the pods of {close['kind']} {name_of(close)} have {has}"
    return hint, f"selector: {{{pairs}}}"


def _template_labels(owner: Object) -> Mapping[str, str]:
    metadata: Object = owner["spec"]["template"].get("metadata") or {}
    return metadata.get("labels") or {}


def closest(snapshot: Snapshot, selector: Mapping[str, str]) -> Object | None:
    """Return the workload whose labels match the selector best."""
    best, most = None, 0.0
    for resource, _ in RESOURCES:
        for owner in snapshot[resource]:
            labels = _template_labels(owner)
            score = sum(_likeness(labels.get(k), v) for k, v in selector.items())
            if score > most:
                best, most = owner, score
    return best


def _likeness(there: str | None, asked: str) -> float:
    """Return how like two values of a label are, from 0 to 2."""
    if there is None or there == asked:
        return 2.0 * (there == asked)
    return 0.1 + difflib.SequenceMatcher(None, there, asked).ratio()


def _no_endpoints(snapshot: Snapshot, service: Object, pods: list[Object]) -> Finding:
    name = name_of(service)
    blamed = {Ref("Pod", name_of(pod)) for pod in pods}
    blamed |= {snapshot.top(pod) for pod in pods}
    blamed |= {Ref("Node", str(pod["spec"].get("nodeName"))) for pod in pods}
    return Finding(
        Cause.NO_ENDPOINTS,
        f"Service {name} has no ready endpoint: none of its {len(pods)} pods is ready"
        f" ({listed(map(name_of, pods), 2)})",
        (Ref("Service", name),),
        f"kubectl -n {snapshot.namespace} describe pod {name_of(pods[0])}",
        (f"selector {labels_text(service['spec']['selector'])}",),
        Outlook.MAY_HEAL,
        frozenset(blamed),
    )


def _ports(snapshot: Snapshot, service: Object, pods: list[Object]) -> Iterator[Finding]:
    name = name_of(service)
    declared = {each for pod in pods for each in _declared(pod)}
    named = sorted(each for each, _ in declared if each)
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        if isinstance(target, str) and target not in named:
            yield Finding(
                Cause.PORT_NAME,
                f"Service {name} sends port {port['port']} to the port named {target}, and no"
                f" container has one of that name; they have {listed(named) or 'no named port'}",
                (Ref("Service", name),),
                f"targetPort: {named[0] if named else 'NUMBER'}",
                (f"{len(pods)} ready pods, none of whose ports fits",),
            )
        elif result := snapshot.ports.get(f"{name}:{port['port']}"):
            numbers = sorted({number for _, number in declared})
            yield Finding(
                Cause.PORT_NUMBER,
                f"Service {name} sends port {port['port']} to port {target} of its pods, where"
                f" nothing listens; their containers have {listed(map(str, numbers))}",
                (Ref("Service", name),),
                f"targetPort: {numbers[0]}",
                (f"through the API server: {result}",),
            )


def _versions(snapshot: Snapshot, service: Object, pods: list[Object]) -> Iterator[Finding]:
    """Yield a Service behind which two versions of a workload run."""
    hashes = {labels_of(pod).get("pod-template-hash", "") for pod in pods}
    images = {tuple(each.get("image") for each in pod["spec"]["containers"]) for pod in pods}
    if len(hashes - {""}) < 2 or len(images) < 2:
        return
    tops = sorted({snapshot.top(pod) for pod in pods})
    words = listed(f"{', '.join(map(str, each))}" for each in sorted(images))
    yield Finding(
        Cause.TWO_VERSIONS,
        f"two versions answer behind Service {name_of(service)}: {words}",
        (Ref("Service", name_of(service)),),
        f"kubectl -n {snapshot.namespace} rollout status {tops[0].kind.lower()}/{tops[0].name}",
        tuple(f"{name_of(pod)}: {pod['spec']['containers'][0].get('image')}" for pod in pods[:4]),
        Outlook.MAY_HEAL if len(tops) == 1 else Outlook.STUCK,
        frozenset(tops) if len(tops) == 1 else frozenset(),
    )
