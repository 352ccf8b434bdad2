"""The verdict on several pods: together they ran one plan, each test once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.merging import PodResult, judge_run
from pytest_k8s_job.verdict.verdict import Judgement, Outcome, Verdict
from pytest_k8s_job.wire.records import plan_digest

PLAN = ["a.py::one", "a.py::two", "a.py::three"]
Pods = dict[str, PodResult]


def pod(name: str, mine: list[int], code: int = 0, plan: list[str] = PLAN) -> PodResult:
    """Return a shard that ran its part."""
    ledger = Ledger(hello=True, session={"rootdir": "/suite"}, collected=plan)
    ledger.plan = {"count": len(plan), "sha256": plan_digest(plan), "mine": mine}
    ledger.planned.update(plan[index] for index in mine)
    for index in mine:
        ledger.start(plan[index])
        ledger.finish(plan[index])
    ledger.ran, ledger.failed = len(mine), int(code == 1)
    ledger.done = {"exit": code, "shouldfail": False, "shouldstop": False, "counts": {}}
    ledger.end = {"exit": code, "signal": None, "records": 0, "sha256": ledger.sha256}
    outcome = Outcome(exit_code=code, termination_message=json.dumps(ledger.end))
    return PodResult(name, ledger, outcome)


def good() -> list[PodResult]:
    """Return two shards of a run that passed."""
    return [pod("shard 0", [0, 2]), pod("shard 1", [1])]


def test_shards_that_ran_the_plan_pass() -> None:
    """Every planned test reported by one of the shards: passed."""
    assert judge_run(good(), collect_only=False).verdict is Verdict.PASSED


def test_one_failure_fails_the_run() -> None:
    """The exit code is that of the shard that failed."""
    judgement = judge_run([pod("shard 0", [0, 2]), pod("shard 1", [1], 1)], collect_only=False)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.FAILED, 1)


def test_a_shard_without_tests_is_no_failure() -> None:
    """More shards than tests: the empty one ends with pytest's 5, the run passes."""
    pods = [pod("shard 0", [0, 1, 2]), pod("shard 1", [], 5)]
    assert judge_run(pods, collect_only=False).verdict is Verdict.PASSED


def test_a_run_without_any_test_is_no_success() -> None:
    """Nothing was selected: exit code 5, as for one pod."""
    pods = [pod("shard 0", [], 5, []), pod("shard 1", [], 5, [])]
    judgement = judge_run(pods, collect_only=False)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.NO_TESTS, 5)


def _lose_end(pods: list[PodResult]) -> None:
    pods[1].ledger.end = None


def _lose_report(pods: list[PodResult]) -> None:
    del pods[1].ledger.finished[PLAN[1]]


def _never_start(pods: list[PodResult]) -> None:
    pods[1] = PodResult("shard 1", Ledger(), Outcome(broken="no node is free"))


def _run_twice(pods: list[PodResult]) -> None:
    pods[1] = pod("shard 1", [1, 2])


def _leave_out(pods: list[PodResult]) -> None:
    pods[0] = pod("shard 0", [0])


def _collect_other(pods: list[PodResult]) -> None:
    pods[1] = pod("shard 1", [1], plan=[*PLAN[:2], "a.py::other"])


def _replaced_without_replacement(pods: list[PodResult]) -> None:
    lost = pods[1]
    del lost.ledger.finished[PLAN[1]]
    pods[1] = PodResult(lost.name, lost.ledger, Outcome(broken="pod gone"), replaced=True)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_lose_end, "shard 1: the end of the results is missing"),
        (_lose_report, "shard 1: 1 planned tests were not reported: a.py::two"),
        (_never_start, "shard 1: no node is free"),
        (_run_twice, "the shards' parts are not the plan: a.py::three"),
        (_leave_out, "the shards' parts are not the plan: a.py::three"),
        (_collect_other, "shard 1 collected other tests than shard 0: a.py::other, a.py::three"),
        (_replaced_without_replacement, "1 planned tests were not reported: a.py::two"),
    ],
)
def test_anything_that_does_not_fit_is_incomplete(
    spoil: Callable[[list[PodResult]], None], reason: str
) -> None:
    """Whatever is missing, doubled or contradictory, the run does not pass."""
    pods = good()
    spoil(pods)
    judgement = judge_run(pods, collect_only=False)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INCOMPLETE, 11)
    assert judgement.reason.startswith(reason)


def test_a_replaced_pod_and_its_replacement_make_one_shard() -> None:
    """What the first had reported and what the second ran is the whole part."""
    lost = pod("shard 0", [0, 2])
    del lost.ledger.finished[PLAN[2]]
    gone = PodResult("shard 0", lost.ledger, Outcome(broken="pod gone"), replaced=True)
    left = pod("again", [0], plan=[PLAN[2]])
    again = PodResult("again", left.ledger, left.outcome, partial=True)
    assert judge_run([gone, pod("shard 1", [1]), again], collect_only=False).exit_code == 0
    lost.ledger.failed = 1
    assert judge_run([gone, pod("shard 1", [1]), again], collect_only=False).exit_code == 1


def test_nothing_started_is_not_run() -> None:
    """If no pod began, the run is NOT_RUN, and the first cause is named."""
    pods = [PodResult(f"shard {n}", Ledger(), Outcome(broken="no image")) for n in range(2)]
    judgement = judge_run(pods, collect_only=False)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.NOT_RUN, 10)
    assert judgement.reason == "shard 0 (and 1 more pods): no image"


def test_a_run_that_the_user_stopped_has_failed() -> None:
    """After --maxfail here, what the pods left out is not missing."""
    pods = good()
    _lose_end(pods)
    judgement = judge_run(pods, stopped=True, collect_only=False)
    assert judgement == Judgement(Verdict.FAILED, 1)


def test_one_pod_is_judged_as_itself() -> None:
    """Without shards the reason names no pod, and listing tests needs no reports."""
    alone = pod("the pod", [0, 1, 2])
    alone.ledger.finished.clear()
    assert judge_run([alone], collect_only=True) == Judgement(Verdict.PASSED, 0)
    reason = "3 planned tests were not reported: a.py::one, a.py::two, a.py::three"
    assert judge_run([alone], collect_only=False) == Judgement(Verdict.INCOMPLETE, 11, reason)


def test_the_exit_code_is_the_gravest() -> None:
    """A failure that was replaced is one, and hides no worse code of another pod."""
    lost = pod("shard 0", [0, 2])
    lost.ledger.failed = 1
    gone = PodResult("shard 0", lost.ledger, Outcome(broken="pod gone"), replaced=True)
    stopped = pod("shard 1", [1], 2)
    stopped.ledger.done = {**(stopped.ledger.done or {}), "shouldstop": "a plugin says so"}
    assert judge_run([gone, stopped], collect_only=False).exit_code == 2


def test_a_failure_in_a_replaced_pod_counts_if_nothing_is_left_to_run() -> None:
    """A replacement without tests ends with pytest's 5, the run with the failure."""
    lost = pod("shard 0", [0, 1, 2])
    lost.ledger.failed = 1
    gone = PodResult("shard 0", lost.ledger, Outcome(broken="pod gone"), replaced=True)
    left = pod("again", [], 5, plan=[])
    again = PodResult("again", left.ledger, left.outcome, partial=True)
    assert judge_run([gone, again], collect_only=False) == Judgement(Verdict.FAILED, 1)


def test_pods_that_all_refused_their_arguments_have_no_plan() -> None:
    """A usage error in every pod is pytest's exit code 4, not a missing plan."""
    pods = [pod(f"shard {n}", [], 4) for n in range(2)]
    for each in pods:
        each.ledger.plan, each.ledger.session = None, None
    judgement = judge_run(pods, collect_only=False)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.FAILED, 4)


def test_a_shard_without_a_plan_is_not_compared() -> None:
    """The plan is that of the shards that have one."""
    early = pod("shard 0", [], 2)
    early.ledger.plan, early.ledger.collected = None, []
    early.ledger.interrupt = {"kind": "exit", "message": "no service", "returncode": 2}
    pods = [early, pod("shard 1", [0, 1, 2])]
    assert judge_run(pods, collect_only=False) == Judgement(Verdict.FAILED, 2, "no service")


def test_the_first_shards_plan_counts() -> None:
    """What a later shard collected besides is called other, not the first one's."""
    pods = [*good(), pod("shard 2", [], 5, plan=[*PLAN, "a.py::other"])]
    judgement = judge_run(pods, collect_only=False)
    assert judgement.reason == "shard 2 collected other tests than shard 0: a.py::other"


def test_a_test_that_two_pods_report_is_a_contradiction() -> None:
    """A replacement that ran a test again which the first had reported."""
    first = pod("shard 0", [0, 2])
    gone = PodResult("shard 0", first.ledger, Outcome(broken="pod gone"), replaced=True)
    left = pod("again", [0], plan=[PLAN[2]])
    again = PodResult("again", left.ledger, left.outcome, partial=True)
    judgement = judge_run([gone, pod("shard 1", [1]), again], collect_only=False)
    reason = "a.py::three reported more than once"
    assert judgement == Judgement(Verdict.INCOMPLETE, 11, reason)


@pytest.mark.parametrize(("replaced", "code"), [(False, 2), (True, 11)])
def test_only_a_pod_that_counts_may_leave_tests_out(*, replaced: bool, code: int) -> None:
    """A shard that stopped early has its missing tests; one that was replaced has not."""
    stopped = pod("shard 0", [0, 2], 2)
    del stopped.ledger.finished[PLAN[2]]
    stopped.ledger.done = {**(stopped.ledger.done or {}), "shouldstop": "a plugin says so"}
    result = PodResult("shard 0", stopped.ledger, stopped.outcome, replaced=replaced)
    assert judge_run([result, pod("shard 1", [1])], collect_only=False).exit_code == code
