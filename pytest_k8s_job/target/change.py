"""Whether the target stayed the same while it was tested: two revisions share no result.

Two readings are compared, one before the Job and one after its end. Of a workload that was only
seen during the run there is none before: the API server's own times tell what came later.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.target.asked import asked_elsewhere
from pytest_k8s_job.target.model import LEADS, Service, Target
from pytest_k8s_job.target.rollouts import is_earlier, is_later, rolled_back
from pytest_k8s_job.target.workload import Workload

__all__ = ["Change", "change_between", "changed_configs", "intruders"]

SHOWN = 19  # characters of an image digest that a sentence shows: sha256: and twelve


@dataclass(frozen=True)
class Change:
    """What changed, in one sentence.

    Attributes:
        sentence: what and when.
        version: whether results are of more than one revision; else something only restarted.
    """

    sentence: str
    version: bool


def change_between(
    before: Target | None, after: Target, since: float, until: float = math.inf
) -> Change | None:
    """Return the change that says most about the tests, None if there is none.

    `since` is when the tests began, `until` when they ended, in seconds since the epoch, 0 if they
    did not. The server's times are whole seconds: what has the same one counts as during the tests.
    So does what may have come after them without a time that shows it.
    """
    first, last = math.floor(since) or math.inf, until or math.inf
    changes = [*_changes(before or Target(), after, first, last)]
    return next((each for each in changes if each.version), next(iter(changes), None))


def changed_configs(before: Target, after: Target) -> list[str]:
    """Return the ConfigMaps and Secrets of the target that changed, a sentence each."""
    then = {(each.namespace, *config) for each in before.workloads for config in each.configs}
    known = {each[:3] for each in then}
    now = {(each.namespace, *config) for each in after.workloads for config in each.configs}
    return [
        f"{kind} {name} of the target changed while it was tested"
        for namespace, kind, name, version in sorted(now - then)
        if (namespace, kind, name) in known
    ]


def _changes(before: Target, after: Target, since: float, until: float) -> Iterator[Change]:
    for each in before.workloads:
        if after.workload(each.key) is None and each.namespace not in after.unread:
            yield Change(f"{each} went away while it was tested", version=True)
    late: set[tuple[str, str, str]] = set()
    for now in after.workloads:
        then = before.workload(now.key)
        if is_later(then, now, since, until):
            late.add(now.key)
        elif not is_earlier(then, now, since):
            yield from _compared(then, now) if then is not None else _dated(now, since)
        yield from _restarts(then, now, since, until)
    for service in after.services:
        if service.namespace not in after.unread:
            yield from _led(before.service(service.key), service, since)
    for sentence in dict.fromkeys([*intruders(before), *intruders(after, late, until)]):
        yield Change(sentence, version=True)


def _compared(then: Workload, now: Workload) -> Iterator[Change]:
    """Yield how a workload differs between two readings."""
    tail = "while it was tested"
    if then.uid != now.uid and then.uid and now.uid:
        yield Change(f"{now} was deleted and made anew {tail}", version=True)
    elif then.template != now.template and then.template and now.template:
        what = f"its pod template became {now.current}, it was {then.current}"
        yield Change(f"{now} was rolled out {tail}: {what}", version=True)
    elif new := _new_images(then, now):
        yield Change(f"{now} got another image {tail}: {new}", version=True)
    elif rolled_back(then, now):
        yield Change(f"{now} was rolled out and back {tail}", version=True)
    elif then.current != now.current:
        yield Change(f"{now} was restarted {tail}", version=False)


def _new_images(then: Workload, now: Workload) -> str:
    known: dict[str, set[str]] = {}
    for container, image in then.images:
        known.setdefault(container, set()).add(image)
    new = sorted(
        f"container {container} became {image[:SHOWN]}"
        for container, image in now.images
        if container in known and image not in known[container]
    )
    return listed(new)


def _dated(now: Workload, since: float) -> Iterator[Change]:
    """Yield what the times of a workload without a reading before tell."""
    told = now.kind == "pod" or (now.kind == "deployment" and now.template)  # by `changed` alone
    sets = now.templated if now.kind in ("statefulset", "daemonset") else 0.0
    if max(now.changed, sets) >= since:
        yield Change(f"{now} was rolled out while it was tested: {now.current}", version=True)
    elif now.pods and not told and all(pod.created >= since for pod in now.pods):
        yield Change(f"all pods of {now} were created while it was tested", version=True)


def _led(then: Service | None, now: Service, since: float) -> Iterator[Change]:
    """Yield how a Service came to lead elsewhere."""
    tail = "while it was tested"
    if then is not None and then.workloads != now.workloads:
        there, was = _names(now), _names(then)
        yield Change(f"Service {now.name} came to lead to {there} {tail}, not {was}", version=True)
    elif now.found != LEADS and (
        now.selected >= since
        if then is None
        else (then.uid, then.selected) != (now.uid, now.selected)
    ):
        yield Change(f"Service {now.name} was changed {tail}", version=True)


def _names(service: Service) -> str:
    return listed(f"{kind}/{name}" for _, kind, name in service.workloads) or "nothing"


def _restarts(then: Workload | None, now: Workload, since: float, until: float) -> Iterator[Change]:
    known = then.pods if then is not None else ()
    before = {
        (pod.name, pod.created, each.container): each for pod in known for each in pod.restarts
    }
    same = {(pod.name, pod.created) for pod in known}
    for pod in now.pods:
        for each in pod.restarts:
            old = before.get((pod.name, pod.created, each.container))
            if old is not None:
                new = each.count > old.count or each.finished > old.finished
            else:  # known with no end before, or to be judged by the time of this one
                new = (pod.name, pod.created) in same or each.finished >= since
            one = each.count - (old.count if old is not None else 0) == 1
            if new and not (one and each.finished > until):
                where = f"container {each.container} of pod {pod.name}"
                text = f"{where} restarted while it was tested ({each.reason})"
                yield Change(text, version=False)


def intruders(
    target: Target, late: Collection[tuple[str, str, str]] = (), until: float = math.inf
) -> list[str]:
    """Return, in a sentence each, what answers behind the Services beside the current revision.

    Without bare pods that came after `until`, and without workloads that were rolled out `late`.
    """
    found = []
    for service in target.services:
        for stray in (each for each in service.strays if each.created <= until):
            text = f"Service {service.name} also leads to pod {stray.name}"
            found.append(f"{text}, which belongs to no workload")
        for address in service.foreign:
            text = f"Service {service.name} also leads to {address}"
            found.append(f"{text}, which is none of its pods")
    found += [] if late else asked_elsewhere(target)
    for workload in target.workloads:
        if (old := workload.outdated) and workload.key not in late:
            names = listed(pod.name for pod in old)
            pods, verb = ("pod", "answers") if len(old) == 1 else ("pods", "answer")
            found.append(f"{pods} {names} of an older revision of {workload} {verb} too")
    return found
