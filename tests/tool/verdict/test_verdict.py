"""The verdict: only full agreement passes, and the reason names what is missing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.verdict import (
    Judgement,
    Outcome,
    Verdict,
    judge,
    judge_answer,
    names_of,
    void,
)
from pytest_k8s_job.wire.records import plan_digest
from pytest_k8s_job.wire.target_check import TargetCheckResult

TESTS = ["a.py::one", "a.py::two"]


def good() -> tuple[Ledger, Outcome]:
    """Return what a run of two passing tests leaves behind."""
    ledger = Ledger(hello=True, session={"rootdir": "/suite"})
    ledger.plan = {"count": 2, "deselected": 0, "sha256": plan_digest(TESTS)}
    ledger.collected = TESTS
    ledger.planned.update(TESTS)
    for test in TESTS:
        ledger.start(test)
        ledger.finish(test)
    ledger.ran = 2
    ledger.count(b'["plan"]\n')
    ledger.done = {"exit": 0, "shouldfail": False, "shouldstop": False, "counts": {"passed": 2}}
    ledger.end = {"exit": 0, "signal": None, "records": ledger.records, "sha256": ledger.sha256}
    return ledger, ended(ledger, 0)


def ended(ledger: Ledger, code: int) -> Outcome:
    """Return a container that ended with `code` and says in its message what the log says."""
    return Outcome(exit_code=code, termination_message=json.dumps(ledger.end))


def with_exit(ledger: Ledger, code: int) -> Outcome:
    """Let pytest, log and container end with `code`."""
    ledger.done = {**(ledger.done or {}), "exit": code}
    ledger.end = {**(ledger.end or {}), "exit": code}
    return ended(ledger, code)


def test_full_agreement_passes() -> None:
    """Two planned tests, two reports, three channels that agree: passed."""
    assert judge(*good()) == Judgement(Verdict.PASSED, 0)


def test_failures_of_a_try_that_was_repeated_are_not_missing() -> None:
    """Pytest in the pod counts them, and the test has passed since."""
    ledger, outcome = good()
    ledger.superseded = 1
    ledger.done = {**(ledger.done or {}), "counts": {"passed": 2, "failed": 1}}
    assert judge(ledger, outcome) == Judgement(Verdict.PASSED, 0)


def test_a_quit_debugger_never_passes() -> None:
    """Everything agrees, but the user has ended the debugged code by force."""
    ledger, outcome = good()
    ledger.debugger_quit = True
    reason = "the debugger was quit, and pytest went on"
    assert judge(ledger, outcome) == Judgement(Verdict.FAILED, 1, reason)
    assert judge(ledger, with_exit(ledger, 2)) == Judgement(Verdict.FAILED, 2)


def _lose_end(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.end = None
    return outcome


def _lose_done(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.done = None
    return outcome


def _lose_plan(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.plan = None
    return outcome


def _lose_report(ledger: Ledger, outcome: Outcome) -> Outcome:
    del ledger.finished[TESTS[1]]
    return outcome


def _repeat_report(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.finish(TESTS[1])
    return outcome


def _other_plan(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.collected = [*TESTS, "b.py::other"]
    ledger.planned["b.py::other"] = 1
    ledger.finish("b.py::other")
    return outcome


def _lose_record(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.records -= 1
    return outcome


def _change_record(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.count(b"x")
    return outcome


def _hide_failure(ledger: Ledger, outcome: Outcome) -> Outcome:
    ledger.failed = 1
    return outcome


def _lose_failure(ledger: Ledger, _outcome: Outcome) -> Outcome:
    ledger.done = {**(ledger.done or {}), "counts": {"passed": 1, "failed": 1}}
    return with_exit(ledger, 1)


def _signal(ledger: Ledger, _outcome: Outcome) -> Outcome:
    ledger.end = {**(ledger.end or {}), "exit": None, "signal": 11}
    return ended(ledger, 139)


def _terminate(ledger: Ledger, _outcome: Outcome) -> Outcome:
    ledger.interrupt = {"kind": "terminated", "message": "told to stop", "returncode": 143}
    return with_exit(ledger, 143)


def _outcome(**changes: object) -> Callable[[Ledger, Outcome], Outcome]:
    return lambda _, outcome: dataclasses.replace(outcome, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_lose_end, "the end of the results is missing"),
        (_lose_done, "in the middle of its session"),
        (_lose_plan, "the plan of the tests is missing"),
        (_lose_report, "1 planned tests were not reported: a.py::two"),
        (_repeat_report, "a.py::two reported more than once"),
        (_other_plan, "not those that the pod collected"),
        (_lose_record, "records were lost"),
        (_change_record, "records were lost"),
        (_hide_failure, "exit code 0 although 1 tests failed"),
        (_lose_failure, "0 failures came, pytest counted 1"),
        (_signal, "killed by signal 11"),
        (_terminate, "told to stop"),
        (_outcome(exit_code=None), "the exit code of the pod is missing"),
        (_outcome(exit_code=1), "exit code 1, the log says 0"),
        (_outcome(termination_message=""), "termination message is missing"),
        (_outcome(termination_message="[]"), "termination message is missing"),
        (_outcome(termination_message='{"exit": 0}'), "contradicts its log"),
        (_outcome(gap=True), "records were lost"),
        (_outcome(broken="pod x is gone"), "pod x is gone"),
    ],
)
def test_anything_missing_is_incomplete(
    damage: Callable[[Ledger, Outcome], Outcome], reason: str
) -> None:
    """Each single piece of evidence that is missing or contradicts makes a run INCOMPLETE."""
    ledger, outcome = good()
    judgement = judge(ledger, damage(ledger, outcome))
    assert judgement.verdict is Verdict.INCOMPLETE
    assert judgement.exit_code == 11
    assert reason in judgement.reason


@pytest.mark.parametrize("code", [1, 2, 3, 7])
def test_a_complete_run_that_fails_keeps_pytests_exit_code(code: int) -> None:
    """When everything was received, the exit code is what pytest said."""
    ledger, _ = good()
    ledger.failed = 1
    assert judge(ledger, with_exit(ledger, code)) == Judgement(Verdict.FAILED, code)


def test_a_run_cut_short_by_maxfail_is_complete() -> None:
    """Tests that pytest left out on purpose are not missing."""
    ledger, _ = good()
    del ledger.finished[TESTS[1]]
    ledger.failed = 1
    ledger.done = {"exit": 1, "shouldfail": "stopping after 1", "shouldstop": False, "counts": {}}
    assert judge(ledger, with_exit(ledger, 1)).verdict is Verdict.FAILED
    ledger.done = {"exit": 1, "shouldfail": False, "shouldstop": False, "counts": {}}
    assert judge(ledger, with_exit(ledger, 1)).verdict is Verdict.INCOMPLETE


def test_nothing_collected_is_no_success() -> None:
    """An empty plan ends with pytest's exit code for it."""
    ledger, _ = good()
    ledger.collected = []
    ledger.planned.clear()
    ledger.finished.clear()
    ledger.plan = {"count": 0, "deselected": 0, "sha256": plan_digest([])}
    assert judge(ledger, with_exit(ledger, 5)) == Judgement(Verdict.NO_TESTS, 5)


def test_only_skips_are_no_success() -> None:
    """A suite that skipped itself has shown nothing."""
    ledger, outcome = good()
    ledger.ran = 0
    judgement = judge(ledger, outcome)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.NO_TESTS, 5)
    assert "skipped" in judgement.reason


def test_listing_tests_needs_no_reports() -> None:
    """With --collect-only, no report is missing."""
    ledger, outcome = good()
    ledger.finished.clear()
    ledger.ran = 0
    assert judge(ledger, outcome, collect_only=True).verdict is Verdict.PASSED
    assert judge(ledger, outcome).verdict is Verdict.INCOMPLETE


def test_a_container_that_never_spoke_was_not_run() -> None:
    """Without the agent's first word the tests never started; the last line tells why."""
    outcome = Outcome(exit_code=1, reason="Error", last_lines=("No module named pytest_k8s_job",))
    judgement = judge(Ledger(), outcome)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.NOT_RUN, 10)
    assert "exit code 1" in judgement.reason
    assert "No module named pytest_k8s_job" in judgement.reason


def test_a_stop_before_the_first_test_gives_its_message() -> None:
    """The message of pytest.exit is the reason, also before the session has begun."""
    ledger, _ = good()
    ledger.plan, ledger.done = None, None
    ledger.interrupt = {"kind": "exit", "message": "no service", "returncode": None}
    ledger.end = {**(ledger.end or {}), "exit": 2}
    assert judge(ledger, ended(ledger, 2)) == Judgement(Verdict.FAILED, 2, "no service")


def test_a_stop_with_exit_code_0_does_not_pass() -> None:
    """A test that ends the session with success leaves the rest unreported."""
    ledger, outcome = good()
    del ledger.finished[TESTS[1]]
    ledger.interrupt = {"kind": "exit", "message": "fine", "returncode": 0}
    assert judge(ledger, outcome).verdict is Verdict.INCOMPLETE
    ledger.done = None
    assert judge(ledger, outcome).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(("seconds", "shown"), [(3.5, " for 3.5 s"), (None, "")])
def test_a_run_that_was_ended_tells_in_which_test(seconds: float | None, shown: str) -> None:
    """Why the agent ended pytest, in which test, and how long that had run, is the reason."""
    ledger, _ = good()
    del ledger.finished[TESTS[1]]
    ledger.start(TESTS[1])
    stopped = {"why": "it took too long", "seconds": seconds, "stacks": ""}
    ledger.interrupt = {"kind": "terminated", "message": "SIGTERM", "returncode": 143}
    ledger.end = {**(ledger.end or {}), "exit": 143, "stopped": stopped}
    judgement = judge(ledger, ended(ledger, 143))
    assert judgement.verdict is Verdict.INCOMPLETE
    assert judgement.reason == f"it took too long, after 1 of 2 tests, in a.py::two{shown}"


@pytest.mark.parametrize(
    "seen", [{"running": True}, {"exit_code": 0, "termination_message": '{"records": 9}'}]
)
def test_a_log_that_may_not_be_read_is_incomplete_once_tests_may_have_run(
    seen: dict[str, object],
) -> None:
    """A container that runs, or an agent that left its message, has run something."""
    judgement = judge(Ledger(), dataclasses.replace(Outcome(broken="forbidden"), **seen))  # type: ignore[arg-type]
    assert judgement.verdict is Verdict.INCOMPLETE
    assert judgement.reason == "forbidden; the tests may have run"


def test_a_log_that_may_not_be_read_is_not_run_before_the_container_runs() -> None:
    """A cluster that cannot be reached before anything started has run nothing."""
    assert judge(Ledger(), Outcome(broken="no answer")).verdict is Verdict.NOT_RUN


def test_a_whole_log_without_a_word_of_the_agent_was_not_run() -> None:
    """What the container left as its message matters only if its log could not be read."""
    outcome = Outcome(exit_code=0, termination_message='{"records": 9}')
    reason = "the container ended with exit code 0, before the tests began"
    assert judge(Ledger(), outcome) == Judgement(Verdict.NOT_RUN, 10, reason)


def test_a_log_that_broke_after_the_agent_spoke_is_judged_by_its_records() -> None:
    """Once the agent has spoken, the reason says how far the run came."""
    ledger, outcome = good()
    broken = dataclasses.replace(outcome, broken="pod x is gone", running=True)
    assert judge(ledger, broken) == Judgement(Verdict.INCOMPLETE, 11, "pod x is gone")


@pytest.mark.parametrize("judged", [judge, judge_answer])
def test_why_nothing_started_is_the_reason(judged: Callable[..., Judgement]) -> None:
    """Of the container's last lines the last one is shown."""
    outcome = Outcome(exit_code=1, reason="Error", message="oops", last_lines=("a", "b", "c"))
    reason = "the container ended with exit code 1: Error: oops, before the tests began"
    assert judged(Ledger(), outcome) == Judgement(
        Verdict.NOT_RUN, 10, f"{reason}; its last line: c"
    )
    refused = Outcome(broken="no image")
    assert judged(Ledger(), refused) == Judgement(Verdict.NOT_RUN, 10, "no image")


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome(broken="pod gone", exit_code=1), "the end of the results is missing (pod gone)"),
        (Outcome(), "the end of the results is missing (the pod's exit code is not known either)"),
        (
            Outcome(exit_code=137, reason="OOMKilled"),
            "the end of the results is missing (the container ended with exit code 137, OOMKilled)",
        ),
        (
            Outcome(exit_code=1, gap=True),
            "records were lost (the container ended with exit code 1)",
        ),
    ],
)
@pytest.mark.parametrize("judged", [judge, judge_answer])
def test_a_log_without_an_end_tells_how_the_container_ended(
    judged: Callable[..., Judgement], outcome: Outcome, why: str
) -> None:
    """Why the rest is missing, as far as the cluster knows, and after how many tests."""
    ledger, _ = good()
    ledger.end = None
    reason = f"{why}, after 2 of 2 tests"
    assert judged(ledger, outcome) == Judgement(Verdict.INCOMPLETE, 11, reason)


@pytest.mark.parametrize(("code", "verdict"), [(0, Verdict.PASSED), (1, Verdict.FAILED)])
def test_a_question_about_pytest_has_pytests_exit_code(code: int, verdict: Verdict) -> None:
    """For --help and the like no session is needed, but all records are."""
    ledger = Ledger(hello=True)
    ledger.end = {"exit": code, "signal": None, "records": 0, "sha256": ledger.sha256}
    assert judge_answer(ledger, ended(ledger, code)) == Judgement(verdict, code)
    lost = dataclasses.replace(ended(ledger, code), broken="pod x is gone")
    assert judge_answer(ledger, lost) == Judgement(Verdict.INCOMPLETE, 11, "pod x is gone")


def without_session(code: int, tail: str | None) -> Judgement:
    """Return the verdict on a pytest that ended with `code` before its session."""
    ledger = Ledger(hello=True)
    ledger.end = {"exit": code, "signal": None, "records": 0, "sha256": ledger.sha256}
    ledger.end["tail"] = tail
    return judge(ledger, ended(ledger, code))


def test_a_pytest_that_never_began_its_session_was_not_run() -> None:
    """The last line that it printed is the reason, if it printed one."""
    reason = "pytest ended with exit code 1 before its session began"
    assert without_session(1, None) == Judgement(Verdict.NOT_RUN, 10, reason)
    shown = f"{reason}; its last line: three"
    assert without_session(1, "one\ntwo\nthree\n") == Judgement(Verdict.NOT_RUN, 10, shown)


def test_a_usage_error_keeps_its_exit_code() -> None:
    """Wrong arguments are pytest's 4, although no session began."""
    assert without_session(4, "error: unrecognized arguments") == Judgement(Verdict.FAILED, 4)


def test_a_target_that_does_not_answer_was_not_tested() -> None:
    """The check before the first test leaves pytest with the address."""
    ledger, _ = good()
    ledger.plan, ledger.done = None, None
    message = TargetCheckResult("http://api:5000", "connect", "refused").encode()
    ledger.interrupt = {"kind": "exit", "message": message, "returncode": 10}
    ledger.end = {**(ledger.end or {}), "exit": 10}
    reason = "the target http://api:5000 does not answer"
    assert judge(ledger, ended(ledger, 10)) == Judgement(Verdict.NOT_RUN, 10, reason)


def test_only_a_stop_with_a_message_gives_a_reason() -> None:
    """Ctrl-C in the pod is pytest's 2; its traceback is shown elsewhere."""
    ledger, _ = good()
    ledger.interrupt = {"kind": "keyboard", "message": "KeyboardInterrupt", "returncode": None}
    assert judge(ledger, with_exit(ledger, 2)) == Judgement(Verdict.FAILED, 2)


def test_an_internal_error_ends_a_session_without_its_end() -> None:
    """Pytest that failed itself says so with 3; its session has no end."""
    ledger, _ = good()
    ledger.done, ledger.internal = None, "INTERNALERROR> ..."
    ledger.end = {**(ledger.end or {}), "exit": 3}
    assert judge(ledger, ended(ledger, 3)) == Judgement(Verdict.FAILED, 3)


def test_a_session_that_broke_off_is_incomplete_whatever_its_exit_code() -> None:
    """A test that calls os._exit(1) is no failed run."""
    ledger, _ = good()
    ledger.done = None
    ledger.end = {**(ledger.end or {}), "exit": 1}
    judgement = judge(ledger, ended(ledger, 1))
    assert judgement.verdict is Verdict.INCOMPLETE
    assert "exit code 1 in the middle of its session" in judgement.reason


@pytest.mark.parametrize(
    ("code", "exit_code"), [(0, 11), (1, 11), (2, 2), (3, 3), (4, 4), (5, 11), (6, 6)]
)
def test_a_plan_is_needed_where_pytest_had_collected(code: int, exit_code: int) -> None:
    """Pytest that was stopped before it had a plan is complete without one."""
    ledger, _ = good()
    ledger.plan = None
    assert judge(ledger, with_exit(ledger, code)).exit_code == exit_code


def test_a_session_and_its_process_must_agree_on_success() -> None:
    """A plugin that turns pytest's 1 into 0 does not make a run pass."""
    ledger, outcome = good()
    ledger.done = {**(ledger.done or {}), "exit": 1}
    reason = "pytest ended with exit code 0 although 0 tests failed"
    assert judge(ledger, outcome) == Judgement(Verdict.INCOMPLETE, 11, reason)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("a", "a"),
        ("abc", "a, b, c"),
        ("abcd", "a, b, c and 1 more"),
        ("abcde", "a, b, c and 2 more"),
    ],
)
def test_three_names_are_shown(names: str, text: str) -> None:
    """Of more node ids than three, the rest is counted."""
    assert names_of(list(names)) == text


@pytest.mark.parametrize(
    ("verdict", "version", "exit_code"),
    [
        (Verdict.PASSED, True, 12),
        (Verdict.FAILED, True, 12),
        (Verdict.PASSED, False, 12),
        (Verdict.FAILED, False, 99),
        (Verdict.INCOMPLETE, True, 99),
    ],
)
def test_what_a_change_of_the_target_makes_of_a_verdict(
    verdict: Verdict, version: bool, exit_code: int
) -> None:
    """Another version voids success and failure, a restart only success; a loss stays one."""
    before = Judgement(verdict, 99, "before")
    after = void(before, "why", version=version)
    assert after == (Judgement(Verdict.VOID, 12, "why") if exit_code == 12 else before)


SENT, OTHER = "a" * 64, "b" * 64


def test_a_pod_that_ran_just_what_was_sent_passes() -> None:
    """Its plan has the digest of the files, and every test came from them."""
    ledger, outcome = good()
    ledger.sent_files = SENT
    ledger.plan = {**(ledger.plan or {}), "sync": {"sha256": SENT, "others": []}}
    assert judge(ledger, outcome).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("sync", "reason"),
    [
        (
            {"sha256": OTHER, "others": []},
            f"other files than were sent: {OTHER[:16]}, not {SENT[:16]}",
        ),
        ({"sha256": SENT, "others": ["t/test_x.py"]}, "files that were not sent: t/test_x.py"),
        (None, f"other files than were sent: nothing, not {SENT[:16]}"),
    ],
)
def test_a_pod_that_ran_other_files_never_passes(
    sync: dict[str, object] | None, reason: str
) -> None:
    """Another digest, a test from elsewhere, no proof at all: INCOMPLETE."""
    ledger, outcome = good()
    ledger.sent_files = SENT
    ledger.plan = {**(ledger.plan or {}), **({"sync": sync} if sync else {})}
    judgement = judge(ledger, outcome)
    assert judgement.verdict is Verdict.INCOMPLETE
    assert judgement.reason.endswith(reason)
