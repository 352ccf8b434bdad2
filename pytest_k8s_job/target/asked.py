"""Whether the tests ask the newest revision of the target, or an older one."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_k8s_job.target.model import LEADS, Service, Target

__all__ = ["asked_elsewhere"]

PRIMARY = "-primary"  # how Flagger names its copy of the Deployment that ran before


def asked_elsewhere(target: Target) -> Iterator[str]:
    """Yield, in a sentence each, Services of the tests that lead past the newest revision.

    Blue/green deploys keep the old revision behind the usual Service until the new one has passed:
    tests that ask there test the old one. A Service that leads to both (a canary) is no such.
    """
    used = [each for each in target.services if each.found != LEADS]
    behind = {key for each in used for key in each.workloads}
    for service in used:
        yield from _older(target, service)
        yield from _copies(target, service, behind)


def _older(target: Target, service: Service) -> Iterator[str]:
    for key in service.workloads:
        workload = target.workload(key)
        if workload is None or not workload.current:
            continue
        answer = {version for owner, version in service.versions if owner == key}
        newest = any(pod.version == workload.current for pod in workload.pods)
        if newest and answer and workload.current not in answer:
            old = ", ".join(sorted(answer))
            text = f"Service {service.name} leads to revision {old} of {workload} only"
            yield f"{text}, not to {workload.current}, the newest"


def _copies(target: Target, service: Service, behind: set[tuple[str, str, str]]) -> Iterator[str]:
    for namespace, kind, name in service.workloads:
        # What is no copy is its own original, and so behind the Service.
        newest = target.workload((namespace, kind, name.removesuffix(PRIMARY)))
        if newest is not None and newest.key not in behind and newest.pods:
            text = f"Service {service.name} leads to {kind}/{name}"
            yield f"{text}, Flagger's copy of what ran before, and no test asks {newest}"
