"""Rules for a target that does not answer: name, connection, status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.text import clipped, listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.rules.dependencies import DNS, Host, read_host
from pytest_k8s_job.diagnosis.rules.dns import missing_service
from pytest_k8s_job.diagnosis.rules.network_policies import suspects
from pytest_k8s_job.diagnosis.rules.services import endpoints, target_port
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["check_target"]

PORTS = {"http": 80, "https": 443}
DNS_PORT = 53


def check_target(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the cause of each failed request to the target."""
    for check in snapshot.target_checks:
        if check.stage == "ok":
            continue
        host = read_host(urlsplit(check.url).hostname or "", snapshot)
        if host is not None and (missing := missing_service(snapshot, host)) is not None:
            yield missing
        yield _finding(snapshot, check, host)


def _finding(snapshot: Snapshot, check: TargetCheckResult, host: Host | None) -> Finding:
    cause, words = _meaning(check)
    service = _service(snapshot, host)
    blames = {service} if service else set()
    if cause is Cause.NAME_UNRESOLVED:
        blames.add(DNS)
    named = _suspects(snapshot, check, host, cause)
    if named:
        words += f"; NetworkPolicies forbid it as they read: {listed(named)}"
        cause = Cause.NETWORK_POLICY
    return Finding(
        cause,
        f"{check.url}: {words}",
        (Ref("Target", check.url),),
        _remedy(snapshot, cause, host, named),
        (
            f"{check.source}: {check.stage}: {check.error or check.status}"
            f" after {check.seconds:.1f} s",
            *_endpoint_lines(snapshot, host),
        ),
        Outlook.MAY_HEAL,
        frozenset(blames),
    )


def _meaning(check: TargetCheckResult) -> tuple[Cause, str]:
    error = check.error
    match check.stage:
        case "resolve":
            return Cause.NAME_UNRESOLVED, f"its name is not resolved ({clipped(error, 120)})"
        case "tls":
            return Cause.TLS, f"the TLS handshake fails: {clipped(error, 160)}"
        case _ if check.status:
            broken = check.status >= 500
            detail = f": {clipped(error, 160)}" if broken else ", not with 2xx"
            cause = Cause.SERVER_ERROR if broken else Cause.WRONG_STATUS
            return cause, f"it answers with {check.status}{detail}"
    for sign, cause, words in (
        (r"refused", Cause.CONNECTION_REFUSED, "the connection is refused"),
        (r"reset|closed", Cause.CONNECTION_RESET, "the connection is closed before an answer"),
        (r"timeout|timed out", Cause.CONNECTION_TIMEOUT, f"no answer within {check.seconds:.0f} s"),
    ):
        if re.search(sign, error):
            return cause, words
    return Cause.UNKNOWN, f"no usable answer: {clipped(error, 160)}"


def _service(snapshot: Snapshot, host: Host | None) -> Ref | None:
    if host is None:
        return None
    return Ref("Service", host.service, host.namespace * (host.namespace != snapshot.namespace))


def _target_pods(snapshot: Snapshot, host: Host | None) -> tuple[Object | None, list[Object]]:
    if host is None or host.namespace != snapshot.namespace:
        return None, []
    service = snapshot.named("services", host.service)
    selector = service["spec"].get("selector") if service is not None else None
    return service, snapshot.pods_of(selector) if selector else []


def _suspects(
    snapshot: Snapshot, check: TargetCheckResult, host: Host | None, cause: Cause
) -> list[str]:
    """Return the NetworkPolicies that may explain the failed request.

    Only what times out can be their work.
    """
    source = snapshot.named("pods", check.pod) if check.pod else None
    if source is None:
        return []
    if cause is Cause.NAME_UNRESOLVED:
        return suspects(snapshot, source, None, DNS_PORT)
    if cause is not Cause.CONNECTION_TIMEOUT or check.stage != "connect":
        return []
    service, pods = _target_pods(snapshot, host)
    if service is None or not pods:
        return []
    return suspects(snapshot, source, pods[0], _asked_port(service, pods[0], check))


def _asked_port(service: Object, pod: Object, check: TargetCheckResult) -> int:
    parts = urlsplit(check.url)
    asked = parts.port or PORTS.get(parts.scheme, 80)
    ports = service["spec"]["ports"]
    return target_port(
        next((each for each in ports if each["port"] == asked), {"port": asked}), pod
    )


def _endpoint_lines(snapshot: Snapshot, host: Host | None) -> Iterator[str]:
    """Yield the endpoints of the Service, with the pod of each."""
    service, _ = _target_pods(snapshot, host)
    if service is None:
        return
    addresses = {(pod.get("status") or {}).get("podIP"): name_of(pod) for pod in snapshot["pods"]}
    for endpoint in endpoints(snapshot, name_of(service)):
        for address in endpoint.get("addresses") or ():
            pod = addresses.get(address)
            yield f"endpoint {address}: " + (f"pod {pod}" if pod else "no pod has this address")


def _remedy(snapshot: Snapshot, cause: Cause, host: Host | None, named: list[str]) -> str:
    namespace = snapshot.namespace
    match cause:
        case Cause.NETWORK_POLICY:
            return f"kubectl -n {namespace} describe networkpolicy {named[0].split()[0]}"
        case Cause.TLS:
            return "http:// in place of https://, or the target's certificate authority"
        case Cause.SERVER_ERROR if host is not None:
            return f"kubectl -n {namespace} logs service/{host.service} --tail=20"
        case _ if host is not None:
            return f"kubectl -n {namespace} describe service {host.service}"
    return ""
