"""What a failed test connected to: addresses, Services and pods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.target.hosts import service_named
from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Workload

__all__ = ["Peer", "connections_text"]

Peer = tuple[str, int, str]  # name or address, port, address; "" where no address was reached


def connections_text(peers: Iterable[Peer], target: Target, namespace: str, exchanges: str) -> str:
    """Return a line for each peer; `exchanges` are the test's HTTP requests and answers."""
    return "\n".join(_line(peer, target, namespace, exchanges) for peer in peers)


def _line(peer: Peer, target: Target, namespace: str, exchanges: str) -> str:
    name, port, address = peer
    place = f"{name}:{port}"
    if not address:
        return f"{place}: no address"
    at = f" ({address})" if address != name else ""
    service = _service(name, target, namespace)
    return f"{place}{at}" + (f": {_behind(service, target, exchanges)}" if service else "")


def _service(name: str, target: Target, namespace: str) -> Service | None:
    meant = service_named(name, namespace, name.rstrip(".").split(".")[1:2])
    return next(
        (
            each
            for each in target.services
            if meant is not None and (each.namespace, each.name) == (meant.namespace, meant.name)
        ),
        None,
    )


def _behind(service: Service, target: Target, exchanges: str) -> str:
    workloads = [each for each in target.workloads if each.key in service.workloads]
    pods = [pod for each in workloads for pod in each.pods]
    answered = [pod.name for pod in pods if _names(exchanges, pod.name, pod.address)]
    if len(pods) == 1 or not answered:
        which = ", ".join(_counted(workloads))
    else:
        which = f"answered by {listed(answered)}"
    return f"Service {service.name}, {which}" if which else f"Service {service.name}"


def _counted(workloads: Iterable[Workload]) -> Iterator[str]:
    for each in workloads:
        yield f"{each}, 1 pod" if len(each.pods) == 1 else f"{each}, {len(each.pods)} pods"


def _names(text: str, *names: str) -> bool:
    """Whether one of the names stands in `text`, not as the beginning of another."""
    found = (rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)" for name in names if name)
    return any(re.search(pattern, text) for pattern in found)
