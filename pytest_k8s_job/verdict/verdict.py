"""Draws the verdict on a pod, and its exit code, from what was received.

A run passes only when everything agrees: the plan, the reports, the `end` record, the container's
exit code and its termination message. What is unknown is never "passed".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = [
    "EXIT_INCOMPLETE",
    "EXIT_NOT_RUN",
    "EXIT_NO_TESTS",
    "EXIT_VOID",
    "Judgement",
    "Outcome",
    "Verdict",
    "judge",
    "judge_answer",
    "names_of",
    "void",
]

EXIT_NO_TESTS = 5  # pytest's own
EXIT_NOT_RUN = 10
EXIT_INCOMPLETE = 11
EXIT_VOID = 12

PASSED, TESTS_FAILED, USAGE_ERROR = 0, 1, 4  # pytest's own
NAMED = 3  # missing tests that a message names


class Verdict(StrEnum):
    """What is known about a run; the values are shown to the user."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    NO_TESTS = "NO_TESTS"
    NOT_RUN = "NOT_RUN"
    INCOMPLETE = "INCOMPLETE"
    VOID = "VOID"


@dataclass(frozen=True)
class Outcome:
    """How the pod of a run ended, as the cluster reports it.

    `broken` says why following it ended early, `running` that tests may have run at that time.
    """

    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    termination_message: str = ""
    gap: bool = False
    broken: str | None = None
    running: bool = False
    last_lines: tuple[str, ...] = ()
    disrupted: str = ""


@dataclass(frozen=True)
class Judgement:
    """The verdict, the exit code of `pytest --in-cluster`, and one sentence why."""

    verdict: Verdict
    exit_code: int
    reason: str = ""


def void(judgement: Judgement, sentence: str, *, version: bool) -> Judgement:
    """Return the verdict after a change of the target; `version`: to another one.

    Then no result is of one version. A target that only restarted has not passed, but what failed
    has failed.
    """
    shaken = (Verdict.PASSED, Verdict.FAILED) if version else (Verdict.PASSED,)
    if judgement.verdict not in shaken:
        return judgement
    return Judgement(Verdict.VOID, EXIT_VOID, sentence)


def judge(ledger: Ledger, outcome: Outcome, *, collect_only: bool = False) -> Judgement:
    """Return the verdict on a pod that is over."""
    if not ledger.hello and outcome.broken and (outcome.running or _message(outcome)):
        reason = f"{outcome.broken}; the tests may have run"
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, reason)
    if not ledger.hello:
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, _not_started(outcome))
    if missing := next(_missing(ledger, outcome, collect_only), None):
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, missing)
    return _judge_complete(ledger, outcome.exit_code or 0, collect_only)


def judge_answer(ledger: Ledger, outcome: Outcome) -> Judgement:
    """Return the verdict on a run of --help and the like, which needs no session."""
    if not ledger.hello:
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, _not_started(outcome))
    if ledger.end is None:
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, next(_missing(ledger, outcome, True)))
    if missing := next(_contradictions(ledger, ledger.end, outcome), None):
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, missing)
    code = outcome.exit_code or 0
    return Judgement(Verdict.FAILED if code else Verdict.PASSED, code)


def _judge_complete(ledger: Ledger, code: int, collect_only: bool) -> Judgement:
    if ledger.session is None and code != USAGE_ERROR:
        reason = f"pytest ended with exit code {code} before its session began"
        said = ((ledger.end or {}).get("tail") or "").strip().splitlines()
        last = f"; its last line: {said[-1]}" if said else ""
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, reason + last)
    if (check := TargetCheckResult.decode(ledger.interrupt)) is not None:
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, f"the target {check.url} does not answer")
    if code == EXIT_NO_TESTS:
        return Judgement(Verdict.NO_TESTS, code)
    if code != PASSED:
        return Judgement(Verdict.FAILED, code, _stopped_by(ledger))
    return _judge_success(ledger, collect_only)


def _judge_success(ledger: Ledger, collect_only: bool) -> Judgement:
    """Return the verdict on a complete pod whose pytest ended with exit code 0."""
    if ledger.debugger_quit:
        reason = "the debugger was quit, and pytest went on"
        return Judgement(Verdict.FAILED, TESTS_FAILED, reason)
    if ledger.ran == 0 and not collect_only:
        reason = f"all {ledger.planned.total()} tests were skipped"
        return Judgement(Verdict.NO_TESTS, EXIT_NO_TESTS, reason)
    return Judgement(Verdict.PASSED, PASSED)


def _not_started(outcome: Outcome) -> str:
    if outcome.broken:
        return outcome.broken
    words = [f"the container ended with exit code {outcome.exit_code}", outcome.reason]
    said = ": ".join(filter(None, [*words, outcome.message]))
    return f"{said}, before the tests began" + _last_line(outcome)


def _last_line(outcome: Outcome) -> str:
    return f"; its last line: {outcome.last_lines[-1]}" if outcome.last_lines else ""


def _stopped_by(ledger: Ledger) -> str:
    if ledger.interrupt and ledger.interrupt["kind"] == "exit":
        return str(ledger.interrupt["message"])
    return ""


def _missing(ledger: Ledger, outcome: Outcome, collect_only: bool) -> Iterator[str]:
    """Yield each reason why the results cannot be trusted, the most telling first."""
    if stopped := (ledger.end or {}).get("stopped"):
        yield f"{stopped['why']}{ledger.progress}{_for_seconds(stopped['seconds'])}"
    if ledger.interrupt and ledger.interrupt["kind"] == "terminated":
        yield f"{ledger.interrupt['message']}{ledger.progress}"
    if ledger.end is None:
        missing = "records were lost" if outcome.gap else "the end of the results is missing"
        yield f"{missing} ({_ended(outcome)}){ledger.progress}"
        return
    yield from _contradictions(ledger, ledger.end, outcome)
    if ledger.end["signal"]:
        yield f"pytest was killed by signal {ledger.end['signal']}{ledger.progress}"
    if ledger.done is None:
        yield from _without_session_end(ledger, ledger.end["exit"])
    else:
        yield from _missing_reports(ledger, ledger.done, ledger.end["exit"], collect_only)


def _contradictions(ledger: Ledger, end: dict[str, Any], outcome: Outcome) -> Iterator[str]:
    if outcome.gap or (end["records"], end["sha256"]) != (ledger.records, ledger.sha256):
        yield f"records were lost: {ledger.records} of {end['records']} came{ledger.progress}"
    if outcome.broken:
        yield outcome.broken
    if outcome.exit_code is None:
        yield "the exit code of the pod is missing"
    code = end["exit"] if end["exit"] is not None else 128 + end["signal"]
    if outcome.exit_code != code:
        yield f"the pod ended with exit code {outcome.exit_code}, the log says {code}"
    message = _message(outcome)
    if message is None:
        yield "the pod's termination message is missing"
    elif any(message.get(key) != end[key] for key in ("exit", "signal", "records", "sha256")):
        yield "the pod's termination message contradicts its log"


def _message(outcome: Outcome) -> dict[str, Any] | None:
    """Return what the agent left as its termination message."""
    try:
        message = json.loads(outcome.termination_message)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _without_session_end(ledger: Ledger, code: int | None) -> Iterator[str]:
    stopped = ledger.internal is not None or ledger.interrupt is not None
    if ledger.session is None or (stopped and code != PASSED):
        return
    yield f"pytest ended with exit code {code} in the middle of its session{ledger.progress}"


def _missing_reports(
    ledger: Ledger, done: dict[str, Any], code: int | None, collect_only: bool
) -> Iterator[str]:
    if code == PASSED and (ledger.failed or done["exit"]):
        yield f"pytest ended with exit code 0 although {ledger.failed} tests failed"
    counted = done["counts"].get("failed", 0)
    came = ledger.failed + ledger.superseded
    if came < counted:
        yield f"{came} failures came, pytest counted {counted}"
    if ledger.plan is None:
        if code in (0, 1, EXIT_NO_TESTS):
            yield "the plan of the tests is missing"
        return
    if not ledger.plan_holds:
        yield "the planned tests are not those that the pod collected"
    yield from _other_files(ledger.sent_files, ledger.plan.get("sync"))
    if ledger.repeated:
        yield f"{names_of(ledger.repeated)} reported more than once"
    if ledger.unreported and not collect_only and (code == PASSED or not ledger.stopped_early):
        names = names_of(ledger.unreported)
        yield f"{len(ledger.unreported)} planned tests were not reported: {names}"


def _other_files(sent: str, ran: dict[str, Any] | None) -> Iterator[str]:
    """Yield why the pod did not run just the files that it was sent."""
    if not sent:
        return
    if ran is None or ran["sha256"] != sent:
        found = ran["sha256"] if ran else "nothing"
        yield f"the pod unpacked other files than were sent: {found[:16]}, not {sent[:16]}"
    elif ran["others"]:
        yield f"the pod collected tests from files that were not sent: {names_of(ran['others'])}"


def _ended(outcome: Outcome) -> str:
    if outcome.broken:
        return outcome.broken
    if outcome.exit_code is None:
        return "the pod's exit code is not known either"
    said = ": ".join(filter(None, [outcome.reason, outcome.message]))
    return f"the container ended with exit code {outcome.exit_code}" + (said and f", {said}")


def _for_seconds(seconds: float | None) -> str:
    return "" if seconds is None else f" for {seconds:g} s"


def names_of(nodeids: list[str]) -> str:
    """Return the first of the node ids, and how many more there are."""
    rest = len(nodeids) - NAMED
    return ", ".join(nodeids[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
