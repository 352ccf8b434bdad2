"""Rule for connections that time out because a NetworkPolicy blocks them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import clipped, listed
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.containers import containers, pod_words, terminating
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.diagnosis.rules.container_exits import well
from pytest_k8s_job.diagnosis.rules.dependencies import dependencies, network_errors
from pytest_k8s_job.diagnosis.rules.network_policies import suspects
from pytest_k8s_job.diagnosis.rules.services import target_port
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_blocked_connections"]

TIMED_OUT = re.compile(r"(?i)timed? ?out|ETIMEDOUT|deadline exceeded")


def check_blocked_connections(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield Services that NetworkPolicies keep from a failing pod."""
    for pod in snapshot["pods"]:
        for container in () if terminating(pod) else containers(pod):
            if well(snapshot, container):
                continue
            log = snapshot.log(name_of(pod), container.name)
            lines = [line for line in network_errors(log) if TIMED_OUT.search(line)]
            if lines:
                yield from _blocked_services(snapshot, pod, lines)


def _blocked_services(snapshot: Snapshot, pod: Object, lines: list[str]) -> Iterator[Finding]:
    for ref in dependencies(snapshot, pod, "\n".join(lines), proven=True):
        service = None if ref.namespace else snapshot.named("services", ref.name)
        if service is None or not service["spec"].get("selector"):
            continue
        ready = [
            each
            for each in snapshot.pods_of(service["spec"]["selector"])
            if condition(each, "Ready").get("status") == "True"
        ]
        for port in service["spec"]["ports"] if ready else ():
            named = suspects(snapshot, pod, ready[0], target_port(port, ready[0]))
            if named:
                yield Finding(
                    Cause.NETWORK_POLICY,
                    f"{pod_words(snapshot, pod)} gets no answer from Service {ref.name}:"
                    f" NetworkPolicies forbid it as they read: {listed(named)}",
                    (ref,),
                    f"kubectl -n {snapshot.namespace} describe networkpolicy {named[0].split()[0]}",
                    (f"log: {clipped(lines[0])}",),
                    Outlook.STUCK,
                    group=f"{snapshot.top(pod)} {ref}",
                )
