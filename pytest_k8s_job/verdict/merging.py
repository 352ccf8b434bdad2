"""Merges the verdicts on several pods, which together must have run one plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.verdict import (
    EXIT_INCOMPLETE,
    EXIT_NO_TESTS,
    EXIT_NOT_RUN,
    Judgement,
    Outcome,
    Verdict,
    judge,
    names_of,
)

__all__ = ["PodResult", "judge_run"]

PASSED, FAILED = 0, 1  # pytest's own exit codes
LOST = (Verdict.INCOMPLETE, Verdict.NOT_RUN)


@dataclass(frozen=True)
class PodResult:
    """What one pod reported, and how it ended.

    Attributes:
        name: of the pod in a message: "shard 2".
        replaced: the pod was taken away, and another one ran what was left.
        partial: the pod ran only what another one left.
    """

    name: str
    ledger: Ledger
    outcome: Outcome
    replaced: bool = False
    partial: bool = False


def judge_run(pods: Sequence[PodResult], *, stopped: bool = False, collect_only: bool) -> Judgement:
    """Return the verdict on a run; `stopped`: the collector ended it, as --maxfail does."""
    if stopped:
        return Judgement(Verdict.FAILED, FAILED)
    if len(pods) == 1:
        return judge(pods[0].ledger, pods[0].outcome, collect_only=collect_only)
    judged = [(pod, judge(pod.ledger, pod.outcome)) for pod in pods if not pod.replaced]
    lost = [(pod, one) for pod, one in judged if one.verdict in LOST]
    if lost:
        return _lost(lost, nothing_ran=not any(pod.ledger.hello for pod in pods))
    if contradiction := next(_contradictions(pods), None):
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, contradiction)
    return _merge([one for _, one in judged], failed=any(pod.ledger.failed for pod in pods))


def _lost(lost: Sequence[tuple[PodResult, Judgement]], *, nothing_ran: bool) -> Judgement:
    pod, one = lost[0]
    others = f" (and {len(lost) - 1} more pods)" if len(lost) > 1 else ""
    reason = f"{pod.name}{others}: {one.reason}"
    if nothing_ran:
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, reason)
    return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, reason)


def _merge(judged: Sequence[Judgement], *, failed: bool) -> Judgement:
    """Return the verdict on complete pods; shards without tests do not count."""
    ran = [one for one in judged if one.verdict is not Verdict.NO_TESTS]
    code = max((one.exit_code for one in ran), default=EXIT_NO_TESTS)
    if failed and code in (PASSED, EXIT_NO_TESTS):
        return Judgement(Verdict.FAILED, FAILED)  # in a pod that was replaced afterwards
    return next(one for one in judged if one.exit_code == code)


def _contradictions(pods: Sequence[PodResult]) -> Iterator[str]:
    """Yield each reason why the pods did not run one plan, each test once."""
    shards = [pod for pod in pods if pod.ledger.plan is not None and not pod.partial]
    if not shards:
        return  # usage error: every pod ended before it collected
    yield from _other_plans(shards)
    planned = Counter(shards[0].ledger.collected)
    parts = sum((pod.ledger.planned for pod in shards), Counter[str]())
    reported = sum((pod.ledger.finished for pod in pods), Counter[str]())
    if parts != planned:
        yield f"the shards' parts are not the plan: {names_of(_difference(parts, planned))}"
    if extra := sorted((reported - planned).elements()):
        yield f"{names_of(extra)} reported more than once"
    missing = sorted((planned - reported).elements())
    if missing and not any(pod.ledger.stopped_early for pod in pods if not pod.replaced):
        yield f"{len(missing)} planned tests were not reported: {names_of(missing)}"


def _other_plans(shards: Sequence[PodResult]) -> Iterator[str]:
    first = shards[0]
    for pod in shards[1:]:
        if Counter(pod.ledger.collected) != Counter(first.ledger.collected):
            names = names_of(
                _difference(Counter(pod.ledger.collected), Counter(first.ledger.collected))
            )
            yield f"{pod.name} collected other tests than {first.name}: {names}"


def _difference(one: Counter[str], other: Counter[str]) -> list[str]:
    return sorted({*(one - other), *(other - one)})
