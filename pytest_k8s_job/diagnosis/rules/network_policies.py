"""Evaluates NetworkPolicies: whether one pod may connect to another.

Whether the network enforces them is unknown, so a policy that forbids is only a suspect.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_k8s_job.cluster.objects import Object, labels_of, name_of
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["suspects"]

DNS_LABELS = {"k8s-app": "kube-dns"}


def suspects(snapshot: Snapshot, source: Object, target: Object | None, port: int) -> list[str]:
    """Return the policies that block `source` from a port of `target`.

    A `target` of None is the DNS.
    """
    found = []
    leaving = _selecting(snapshot, source, "Egress")
    if leaving and not _permitted(snapshot, leaving, "egress", target, (target, port)):
        found += [f"{name_of(each)} (egress of {name_of(source)})" for each in leaving]
    arriving = [] if target is None else _selecting(snapshot, target, "Ingress")
    if arriving and not _permitted(snapshot, arriving, "ingress", source, (target, port)):
        listener = name_of(target) if target is not None else "the DNS"
        found += [f"{name_of(each)} (ingress of {listener})" for each in arriving]
    return found


def _selecting(snapshot: Snapshot, pod: Object, direction: str) -> list[Object]:
    found = []
    for each in snapshot["networkpolicies"]:
        spec = each["spec"]
        default = ["Ingress", *(["Egress"] if "egress" in spec else [])]
        counts = direction in spec.get("policyTypes", default)
        if counts and _selected(spec.get("podSelector") or {}, labels_of(pod)):
            found.append(each)
    return found


def _permitted(
    snapshot: Snapshot,
    policies: list[Object],
    direction: str,
    peer: Object | None,
    listener: tuple[Object | None, int],
) -> bool:
    """Whether a rule of the policies allows this peer and port."""
    pod, port = listener
    side = "to" if direction == "egress" else "from"
    for rule in (rule for each in policies for rule in each["spec"].get(direction) or ()):
        ports, peers = rule.get("ports"), rule.get(side)
        if ports and not any(_is_port(each, port, pod) for each in ports):
            continue
        if not peers or any(_is_peer(snapshot, each, peer) for each in peers):
            return True
    return False


def _is_port(rule: Mapping[str, object], port: int, pod: Object | None) -> bool:
    wanted = rule.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, int):
        last = rule.get("endPort", wanted)
        return wanted <= port <= (last if isinstance(last, int) else wanted)
    numbers = {
        each.get("name"): each["containerPort"]
        for container in (pod["spec"]["containers"] if pod else ())
        for each in container.get("ports") or ()
    }
    return bool(numbers.get(wanted) == port)


def _is_peer(snapshot: Snapshot, rule: Object, peer: Object | None) -> bool:
    if "ipBlock" in rule:
        return True  # whether pods count to a block differs between networks: no suspect
    labels = DNS_LABELS if peer is None else labels_of(peer)
    home = "kube-system" if peer is None else snapshot.namespace
    spaces = rule.get("namespaceSelector")
    if spaces is None:
        in_space = home == snapshot.namespace
    else:
        in_space = _selected(spaces, _namespace_labels(snapshot, home))
    pods = rule.get("podSelector")
    return in_space and (pods is None or _selected(pods, labels))


def _namespace_labels(snapshot: Snapshot, name: str) -> Mapping[str, str]:
    found = snapshot.named("namespaces", name) or snapshot.named("namespace", name)
    named = {"kubernetes.io/metadata.name": name}
    return {**named, **(labels_of(found) if found is not None else {})}


def _selected(selector: Object, labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
