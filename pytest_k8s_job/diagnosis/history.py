"""What ended before the time that counts: restarts, evictions and failures that are over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.containers import Container, containers
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.diagnosis.pruning import Pruned, ended_at, failed_at
from pytest_k8s_job.diagnosis.rules.container_exits import recovered
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["Past", "history_of"]

Counts = Callable[[Iterable[Ref]], bool]


@dataclass(frozen=True)
class Past:
    """Something that ended before the time that counts, and causes nothing now.

    Attributes:
        sentence: what it was; of several, the newest.
        at: when it was, in seconds since the epoch.
        objects: what it is about.
    """

    sentence: str
    at: float
    objects: tuple[Ref, ...]

    def as_json(self, now: float) -> dict[str, Any]:
        """Return it as `k8s-job diagnose --json` prints it."""
        return {
            "sentence": self.sentence,
            "at": self.at,
            "age": round(max(now - self.at, 0.0)),
            "objects": [each.as_json() for each in self.objects],
        }


def history_of(pruned: Pruned, counts: Counts) -> list[Past]:
    """Return what is over, the newest first; `counts` says of which objects it is wanted."""
    snapshot = pruned.snapshot
    past = [*_restarts(snapshot, counts), *_left_over(pruned, counts), *_failed(pruned, counts)]
    return sorted(past, key=lambda each: -each.at)


def _restarts(snapshot: Snapshot, counts: Counts) -> Iterator[Past]:
    """Yield the restarts of containers that are well again, by workload and container."""
    found: dict[tuple[Ref, str], list[Container]] = {}
    for pod in snapshot["pods"]:
        for each in containers(pod):
            over = each.running and each.ended_before and recovered(snapshot, each)
            if over and counts([each.pod_ref]):
                found.setdefault((snapshot.top(pod), each.words), []).append(each)
    for (top, words), group in found.items():
        newest = max(group, key=lambda each: epoch(each.ended.get("finishedAt")))
        total = sum(each.restarts for each in group)
        times = "once" if total <= 1 else f"{total} times"
        reason = newest.ended.get("reason") or "ended"
        yield Past(
            f"{words} of {top} restarted {times}, the last time for {reason}"
            f" (exit code {newest.ended.get('exitCode')})",
            epoch(newest.ended.get("finishedAt")),
            (top, *(each.pod_ref for each in group)),
        )


def _left_over(pruned: Pruned, counts: Counts) -> Iterator[Past]:
    """Yield the failed pods that are left over, by workload and reason."""
    found: dict[tuple[Ref, str], list[Object]] = {}
    for pod in pruned.pods:
        top = pruned.snapshot.top(pod)
        if counts([Ref("Pod", name_of(pod)), top]):
            found.setdefault((top, _reason(pod)), []).append(pod)
    for (top, reason), group in found.items():
        newest = max(group, key=ended_at)
        own = f"pod {name_of(newest)}"
        one = own if top.kind == "Pod" else f"{own} of {top}"
        who = one if len(group) == 1 else f"{len(group)} pods of {top}"
        refs = (Ref("Pod", name_of(pod)) for pod in group)
        yield Past(f"{who} failed: {reason}", ended_at(newest), (top, *refs))


def _reason(pod: Object) -> str:
    status = pod.get("status") or {}
    ended = [each.terminated for each in containers(pod) if each.terminated.get("exitCode")]
    words = [f"{each.get('reason')}, exit code {each['exitCode']}" for each in ended[:1]]
    return str(status.get("reason") or "".join(words) or "its containers ended")


def _failed(pruned: Pruned, counts: Counts) -> Iterator[Past]:
    for job in pruned.jobs:
        about = Ref("Job", name_of(job))
        if counts([about]):
            reason = condition(job, "Failed").get("reason") or "Failed"
            yield Past(f"{about} failed: {reason}", failed_at(job), (about,))
