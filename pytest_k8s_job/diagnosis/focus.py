"""Diagnoses a run and its target: what others do beside them is told apart.

Three circles: the run, the target with what it hangs on, and the rest of the namespace. Causes come
from the first two, and are true now or happened in the run's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pytest_k8s_job.cluster.objects import name_of
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.diagnosis.api_check import place_of
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.circles import CLUSTER_KINDS, Circles, circles_of, qualified
from pytest_k8s_job.diagnosis.diagnose import find
from pytest_k8s_job.diagnosis.finding import Finding, Ref
from pytest_k8s_job.diagnosis.history import Past, history_of
from pytest_k8s_job.diagnosis.pruning import Pruned, prune
from pytest_k8s_job.diagnosis.ranking import rank
from pytest_k8s_job.diagnosis.rules.access import notes
from pytest_k8s_job.diagnosis.scope import Circle, Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.diagnosis.snapshot_reader import take_snapshot
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["Diagnosis", "diagnose_scope", "diagnose_snapshots", "nearest_first"]

# Not about one object: whatever is asked for suffers from them.
GENERAL = (
    Cause.API_UNREACHABLE,
    Cause.WRONG_CLUSTER,
    Cause.CREDENTIALS,
    Cause.NO_RIGHTS,
    Cause.NAMESPACE_MISSING,
    Cause.NAMESPACE_TERMINATING,
    Cause.CLOCK_SKEW,
)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, in which circle, and what is over.

    Attributes:
        findings: root causes of the run and its target, the most basic first.
        rest: root causes that concern others of the namespace only.
        history: what ended before the time that counts, the newest first.
        notes: what could not be read.
        now: when, by the API server's clock, in seconds since the epoch.
    """

    findings: tuple[Finding, ...] = ()
    rest: tuple[Finding, ...] = ()
    history: tuple[Past, ...] = ()
    notes: tuple[str, ...] = ()
    now: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return what `k8s-job diagnose --json` prints."""
        return {
            "findings": [each.as_json(self.now) for each in self.findings],
            "rest": [each.as_json(self.now) for each in self.rest],
            "history": [each.as_json(self.now) for each in self.history],
            "notes": list(self.notes),
        }


def diagnose_scope(
    reader: Reader, scope: Scope, target_checks: Sequence[TargetCheckResult] = ()
) -> Diagnosis:
    """Read the namespaces of the run and its target once each, and diagnose them."""
    places = [scope.namespace, *scope.target.namespaces]
    places += [_place(each, scope.namespace) for each in target_checks]
    namespaces = list(dict.fromkeys(places))

    def read(namespace: str) -> Snapshot:
        def view(snapshot: Snapshot) -> Snapshot:
            return nearest_first(snapshot, scope)

        return take_snapshot(reader, namespace, view=view)

    with ThreadPoolExecutor(len(namespaces), "k8s-job-diagnosis") as threads:
        snapshots = list(threads.map(read, namespaces))
    if scope.since and (server := snapshots[0].server_time):
        # The run's beginning is of the clock here, what happened is of the server's.
        scope = replace(scope, since=scope.since + server - snapshots[0].taken)
    return diagnose_snapshots(_with_checks(snapshots, target_checks), scope)


def diagnose_snapshots(snapshots: Iterable[Snapshot], scope: Scope) -> Diagnosis:
    """Diagnose what was read of the namespaces; the first is the run's."""
    pruned = {each.namespace: prune(each, scope) for each in snapshots}
    views = {name: each.snapshot for name, each in pruned.items()}
    circles, home = circles_of(views, scope), scope.namespace
    found: dict[Finding, None] = {}
    for name, each in pruned.items():
        found |= dict.fromkeys(_qualified(finding, name, home) for finding in _found(each, scope))
    ranked = [_placed(each, circles) for each in rank(found)]
    history = [
        past for name, each in pruned.items() for past in _history(each, name, home, circles)
    ]
    return Diagnosis(
        tuple(each for each in ranked if each.circle is not Circle.REST),
        tuple(each for each in ranked if each.circle is Circle.REST),
        tuple(sorted(history, key=lambda past: -past.at)),
        tuple(dict.fromkeys(note for each in views.values() for note in notes(each))),
        max((each.now for each in views.values()), default=0.0),
    )


def _place(check: TargetCheckResult, namespace: str) -> str:
    with suppress(UsageError):  # a target outside of the cluster
        return place_of(check.url, namespace)[1]
    return namespace


def _with_checks(
    snapshots: Sequence[Snapshot], checks: Iterable[TargetCheckResult]
) -> Iterable[Snapshot]:
    """Return the snapshots, each with the checks that it can explain."""
    given: dict[str, list[TargetCheckResult]] = {each.namespace: [] for each in snapshots}
    home = snapshots[0]
    for check in checks:
        with suppress(UsageError):
            service, place = place_of(check.url, home.namespace)
            there = next(each for each in snapshots if each.namespace == place)
            # A Service that is only in the run's own namespace was meant.
            if there.named("services", service) or not home.named("services", service):
                given[place].append(check)
                continue
        given[home.namespace].append(check)
    return [replace(each, target_checks=tuple(given[each.namespace])) for each in snapshots]


def _found(pruned: Pruned, scope: Scope) -> list[Finding]:
    """Return what the rules find in one namespace that is true of the run."""
    snapshot, found = pruned.snapshot, find(pruned.snapshot)
    if snapshot.namespace != scope.namespace:
        # Without rights there the target is unknown, which is no reason to fail.
        found = [each for each in found if each.cause is not Cause.NO_RIGHTS]
    if pruned.pods or pruned.jobs or scope.target.workloads:  # it may live elsewhere
        found = [each for each in found if each.cause is not Cause.NOTHING_DEPLOYED]
    return found


def _qualified(finding: Finding, namespace: str, home: str) -> Finding:
    """Return a finding of one namespace as it reads in the run's."""
    wide = all(each.kind in CLUSTER_KINDS or each.namespace for each in finding.objects)
    told = wide or namespace == home or namespace in finding.sentence
    group = finding.group and f"{namespace} {finding.group}"
    return replace(
        finding,
        sentence=finding.sentence if told else f"in namespace {namespace}: {finding.sentence}",
        objects=tuple(qualified(each, namespace, home) for each in finding.objects),
        blames=frozenset(qualified(each, namespace, home) for each in finding.blames),
        group=str(finding.objects) if wide else group,  # what is wide is seen from each namespace
    )


def _placed(finding: Finding, circles: Circles) -> Finding:
    """Return the finding with its circle: the nearest of all that it explains."""
    general = finding.cause in GENERAL
    return replace(
        finding,
        circle=Circle.RUN if general else circles.of(finding.about),
        effects=tuple(replace(each, circle=circles.of(each.about)) for each in finding.effects),
    )


def _history(pruned: Pruned, namespace: str, home: str, circles: Circles) -> list[Past]:
    def counts(refs: Iterable[Ref]) -> bool:
        return circles.of(qualified(each, namespace, home) for each in refs) is not Circle.REST

    place = "" if namespace == home else f"in namespace {namespace}: "
    return [
        replace(
            past,
            sentence=place + past.sentence,
            objects=tuple(qualified(each, namespace, home) for each in past.objects),
        )
        for past in history_of(pruned, counts)
    ]


def nearest_first(snapshot: Snapshot, scope: Scope) -> Snapshot:
    """Return the snapshot with run and target first, and their Services only."""
    view, home = prune(snapshot, scope).snapshot, scope.namespace
    circles = circles_of({snapshot.namespace: view}, scope)

    def near(kind: str, name: str) -> bool:
        each = qualified(Ref(kind, name), snapshot.namespace, home)
        return circles.of([each]) is not Circle.REST

    pods = sorted(view["pods"], key=lambda pod: not near("Pod", name_of(pod)))
    services = [each for each in view["services"] if near("Service", name_of(each))]
    objects: Mapping[str, list[Any]] = {**view.objects, "pods": pods, "services": services}
    return replace(view, objects={k: v for k, v in objects.items() if k in snapshot.objects})
