"""Rules for DNS: the cluster's own, and names without a Service."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import clipped, listed, nearest
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import containers, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.rules.container_exits import well
from pytest_k8s_job.diagnosis.rules.dependencies import (
    DNS,
    Host,
    network_errors,
    read_host,
    unresolved_host,
)
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_dns", "missing_service"]


def check_dns(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a DNS that does not answer, and names that cannot be resolved."""
    yield from _dns_down(snapshot)
    for pod in snapshot["pods"]:
        if terminating(pod):
            continue
        for container in containers(pod):
            if well(snapshot, container):
                continue
            log = snapshot.log(name_of(pod), container.name)
            host = read_host(unresolved_host(log), snapshot) if unresolved_host(log) else None
            if host is not None and (found := missing_service(snapshot, host)) is not None:
                yield _with_line(found, name_of(pod), network_errors(log)[0])


def missing_service(snapshot: Snapshot, host: Host) -> Finding | None:
    """Return the finding if there is no Service behind a host name."""
    if not snapshot.knows("services"):
        return None
    names = [name_of(each) for each in snapshot["services"]]
    if host.namespace != snapshot.namespace:
        return _other_namespace(snapshot, host, names)
    if host.service in names:
        return None
    near = nearest(host.service, names)
    return Finding(
        Cause.SERVICE_MISSING,
        f"there is no Service {host.service} in namespace {host.namespace}"
        + (f"; there is {near}" if near else f"; there are: {listed(names) or 'none'}"),
        (Ref("Service", host.service),),
        f"http://{near or 'SERVICE'}.{host.namespace}.svc",
        (f"Services in namespace {host.namespace}: {listed(names, 9) or 'none'}",),
    )


def _other_namespace(snapshot: Snapshot, host: Host, names: list[str]) -> Finding | None:
    """Return the finding if a name means a wrong namespace; `names` are the Services here."""
    here, about = snapshot.namespace, Ref("Service", host.service, host.namespace)
    namespaces = [name_of(each) for each in snapshot["namespaces"]]
    if not namespaces or host.namespace in namespaces:
        if host.service not in names:
            return None
        return Finding(
            Cause.WRONG_NAMESPACE,
            f"the name {host.text} means namespace {host.namespace}; the Service {host.service}"
            f" is in namespace {here}",
            (about,),
            f"http://{host.service}.{here}.svc",
            (f"Service {host.service} is in namespace {here}",),
        )
    near = here if host.service in names else nearest(host.namespace, namespaces)
    return Finding(
        Cause.WRONG_NAMESPACE,
        f"the name {host.text} means namespace {host.namespace}, which is not there"
        + (f"; there is {near}" if near else ""),
        (about,),
        f"http://{host.service}.{near or 'NAMESPACE'}.svc",
        (f"namespaces: {listed(namespaces, 9)}",),
    )


def _with_line(finding: Finding, pod: str, line: str) -> Finding:
    return Finding(
        finding.cause,
        finding.sentence,
        finding.objects,
        finding.remedy,
        (*finding.evidence, f"log of {pod}: {clipped(line)}"),
        group=str(finding.objects[0]),
    )


def _dns_down(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the DNS Service if it has no ready endpoint.

    Other clusters may name it otherwise.
    """
    if not snapshot["dns-services"] or not snapshot.knows("dns-slices") or _dns_ready(snapshot):
        return
    name, pods = name_of(snapshot["dns-services"][0]), snapshot["dns-pods"]
    deployment = next(iter(snapshot["dns-deployments"]), None)
    ready = {name_of(pod): condition(pod, "Ready").get("status") or "unknown" for pod in pods}
    yield Finding(
        Cause.DNS_DOWN,
        f"the cluster's DNS is down: Service {name} in kube-system has no ready endpoint"
        + _why(snapshot, deployment),
        (DNS,),
        _remedy(deployment),
        (
            "EndpointSlices of kube-dns: no ready endpoint",
            *(f"pod {pod}: Ready is {status}" for pod, status in ready.items()),
        ),
        Outlook.MAY_HEAL,
        frozenset(Ref("Node", str(pod["spec"].get("nodeName"))) for pod in pods),
    )


def _dns_ready(snapshot: Snapshot) -> bool:
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for each in snapshot["dns-slices"]
        for endpoint in each.get("endpoints") or ()
    )


def _why(snapshot: Snapshot, deployment: Object | None) -> str:
    if deployment is not None and deployment["spec"].get("replicas") == 0:
        return f"; Deployment {name_of(deployment)} is scaled to 0"
    for pod in snapshot["dns-pods"]:
        for container in containers(pod):
            for state in (container.waiting, container.ended):
                if state.get("reason"):
                    return f"; pod {name_of(pod)}: {state['reason']}"
    return "; it has no pod" if not snapshot["dns-pods"] else "; its pods are not ready"


def _remedy(deployment: Object | None) -> str:
    if deployment is None:
        return "kubectl -n kube-system get pods -l k8s-app=kube-dns"
    name = name_of(deployment)
    if deployment["spec"].get("replicas") == 0:
        return f"kubectl -n kube-system scale deployment {name} --replicas=2"
    return f"kubectl -n kube-system describe deployment {name}"
