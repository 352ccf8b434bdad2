"""Tells which objects are the run's, which the target's, and what these hang on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.cluster.text import nearest
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.rules.dependencies import DNS, dependencies, read_host
from pytest_k8s_job.diagnosis.rules.services import closest, workloads
from pytest_k8s_job.diagnosis.rules.storage import claims_of
from pytest_k8s_job.diagnosis.scope import Circle, Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot, ref

__all__ = ["CLUSTER_KINDS", "Circles", "circles_of", "qualified"]

CLUSTER_KINDS = ("Namespace", "Node", "Server", "StorageClass", "Target", "User")
WORKLOADS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "Job": "jobs",
}


@dataclass(frozen=True)
class Circles:
    """The objects of a run and of its target; with `everything`, all else too."""

    run: frozenset[Ref]
    target: frozenset[Ref]
    everything: bool = False

    def of(self, about: Iterable[Ref]) -> Circle:
        """Return the nearest circle of these objects."""
        refs = set(about)
        if refs & self.run:
            return Circle.RUN
        return Circle.TARGET if self.everything or refs & self.target else Circle.REST


def qualified(each: Ref, namespace: str, home: str) -> Ref:
    """Return a reference that was made in `namespace` as it reads in `home`."""
    if each.kind in CLUSTER_KINDS:
        return each
    place = each.namespace or namespace
    return Ref(each.kind, each.name, "" if place == home else place)


def circles_of(snapshots: Mapping[str, Snapshot], scope: Scope) -> Circles:
    """Return the circles of what `scope` names, in the snapshots of its namespaces."""
    home = scope.namespace
    jobs = {Ref("Job", name) for name in scope.jobs}
    run = _Walk(snapshots, home)
    run.add(home, jobs)
    target = _Walk(snapshots, home)
    for each in scope.target.workloads:
        target.add(each.namespace, [_workload_ref(snapshots, each.namespace, each.kind, each.name)])
    for service in scope.target.services:
        target.add(service.namespace, [Ref("Service", service.name)])
    for snapshot in snapshots.values():
        target.add(snapshot.namespace, _checked(snapshot))
        for pod in snapshot["pods"]:
            if snapshot.namespace == home and snapshot.top(pod) in jobs:
                target.add(home, dependencies(snapshot, pod, "", proven=False))
    for snapshot in snapshots.values():
        target.add(snapshot.namespace, _meant(snapshot, target))
    own = {Ref("Namespace", home), DNS} | {each for each in run.found if each.kind != "Service"}
    return Circles(frozenset(own), frozenset(target.found), scope.everything)


def _workload_ref(snapshots: Mapping[str, Snapshot], namespace: str, kind: str, name: str) -> Ref:
    """Return the reference of a workload whose kind is in lower case."""
    known = next((each for each in (*WORKLOADS, "Pod") if each.lower() == kind), "")
    if not known and namespace in snapshots:
        pods = snapshots[namespace]["pods"]
        tops = (snapshots[namespace].top(pod) for pod in pods)
        known = next((top.kind for top in tops if top.kind.lower() == kind), "")
    return Ref(known or kind.capitalize(), name)


def _checked(snapshot: Snapshot) -> Iterator[Ref]:
    for check in snapshot.target_checks:
        yield Ref("Target", check.url)
        if (host := read_host(urlsplit(check.url).hostname or "", snapshot)) is not None:
            yield Ref("Service", host.service, host.namespace)


def _meant(snapshot: Snapshot, target: _Walk) -> Iterator[Ref]:
    """Yield Services that select no pod, and probably mean a workload of the target."""
    for service in snapshot["services"]:
        selector = service["spec"].get("selector")
        if not selector or snapshot.pods_of(selector) or workloads(snapshot, selector):
            continue
        near = closest(snapshot, selector)
        if near is None or not target.has(snapshot.namespace, ref(near)):
            continue
        labels = (near["spec"]["template"].get("metadata") or {}).get("labels") or {}
        if all(nearest(value, [labels.get(key, "")]) for key, value in selector.items()):
            yield Ref("Service", name_of(service))


@dataclass
class _Walk:
    """Follows objects to what they are made of and what they hang on; each once."""

    snapshots: Mapping[str, Snapshot]
    home: str
    found: set[Ref] = field(default_factory=set)

    def has(self, namespace: str, each: Ref) -> bool:
        return qualified(each, namespace, self.home) in self.found

    def add(self, namespace: str, refs: Iterable[Ref]) -> None:
        """Add what is meant by `refs`, seen from `namespace`, and all that it leads to."""
        todo = [(each.namespace or namespace, Ref(each.kind, each.name)) for each in refs]
        while todo:
            place, each = todo.pop()
            name = qualified(each, place, self.home)
            if name in self.found:
                continue
            self.found.add(name)
            if place in self.snapshots:
                steps = _steps(self.snapshots[place], each)
                todo += [(step.namespace or place, Ref(step.kind, step.name)) for step in steps]


def _steps(snapshot: Snapshot, start: Ref) -> Iterator[Ref]:
    """Yield what an object leads to directly."""
    if start.kind == "Pod":
        pod = snapshot.named("pods", start.name)
        yield from _of_pod(snapshot, pod) if pod is not None else ()
    elif start.kind == "Service":
        service = snapshot.named("services", start.name)
        selector = service["spec"].get("selector") if service is not None else None
        for obj in (
            (*snapshot.pods_of(selector), *workloads(snapshot, selector)) if selector else ()
        ):
            yield snapshot.top(obj)
            yield ref(obj)
    elif start.kind in WORKLOADS:
        owner = snapshot.named(WORKLOADS[start.kind], start.name)
        if owner is not None:
            yield from (ref(each) for each in snapshot.owned("replicasets", owner))
            yield from _of_template(snapshot, owner)
        yield from (ref(pod) for pod in _pods_under(snapshot, start))


def _pods_under(snapshot: Snapshot, top: Ref) -> list[Object]:
    return [pod for pod in snapshot["pods"] if snapshot.top(pod) == top]


def _of_pod(snapshot: Snapshot, pod: Object) -> Iterator[Ref]:
    if node := pod["spec"].get("nodeName"):
        yield Ref("Node", str(node))
    yield from _of_spec(pod["spec"])
    yield from dependencies(snapshot, pod, "", proven=False)


def _of_template(snapshot: Snapshot, owner: Object) -> Iterator[Ref]:
    template = owner["spec"].get("template") or {}
    if "containers" in (template.get("spec") or {}):
        made = {"metadata": {"name": "", **(template.get("metadata") or {})}}
        yield from _of_spec(template["spec"])
        yield from dependencies(snapshot, {**made, "spec": template["spec"]}, "", proven=False)


def _of_spec(spec: Object) -> Iterator[Ref]:
    """Yield the claims, configs and accounts that a pod's spec names."""
    yield Ref("ServiceAccount", str(spec.get("serviceAccountName") or "default"))
    yield from (Ref("PersistentVolumeClaim", name) for name in claims_of({"spec": spec}))
    for volume in spec.get("volumes") or ():
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            if name := (source.get("configMap") or {}).get("name"):
                yield Ref("ConfigMap", name)
            secret = source.get("secret") or {}
            if name := secret.get("secretName") or secret.get("name"):
                yield Ref("Secret", name)
    for container in (*spec.get("containers", ()), *(spec.get("initContainers") or ())):
        sources = [*(container.get("envFrom") or ())]
        sources += [each.get("valueFrom") or {} for each in container.get("env") or ()]
        for source in sources:
            for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                for end in ("Ref", "KeyRef"):
                    if name := (source.get(f"{key}{end}") or {}).get("name"):
                        yield Ref(kind, name)
