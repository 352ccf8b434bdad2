"""The ledger: counts, digests and the questions that a verdict asks."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pytest_k8s_job.verdict.ledger import RERUN, Ledger
from pytest_k8s_job.wire.records import Kind, encode, plan_digest

TESTS = ["a.py::one", "a.py::two", "a.py::three"]


def planned() -> Ledger:
    """Return the ledger of a pod that has planned three tests and run none."""
    ledger = Ledger(collected=TESTS, plan={"sha256": plan_digest(TESTS)})
    ledger.planned.update(TESTS)
    return ledger


def test_a_new_ledger_knows_nothing() -> None:
    """Before the first record, no test was seen and nothing agrees with a plan."""
    ledger = Ledger()
    assert not ledger.hello
    assert (ledger.ran, ledger.failed, ledger.records) == (0, 0, 0)
    assert ledger.sha256 == hashlib.sha256().hexdigest()
    assert not ledger.plan_holds
    assert not ledger.stopped_early


def test_payloads_count_by_their_records() -> None:
    """Each line is a record; the digest is over all payloads before the one with `end`."""
    first = encode(Kind.START, 0) + encode(Kind.FINISH, 0)
    second = encode(Kind.START, 1)
    ledger = Ledger()
    for payload in (first, second, encode(Kind.END, {"exit": 0})):
        ledger.count(payload)
    assert ledger.records == 3
    assert ledger.sha256 == hashlib.sha256(first + second).hexdigest()


def test_the_plan_holds_only_for_its_own_tests() -> None:
    """The digest in the plan is compared with the node ids that came."""
    ledger = planned()
    assert ledger.plan_holds
    ledger.collected = TESTS[:2]
    assert not ledger.plan_holds


def test_what_was_planned_is_unreported_until_it_ends() -> None:
    """A test that ended is not missing; one that ended twice is repeated."""
    ledger = planned()
    ledger.start(TESTS[0])
    assert ledger.started == TESTS[0]
    ledger.report("call", "passed")
    ledger.finish(TESTS[0])
    assert ledger.started is None
    assert ledger.unreported == TESTS[1:]
    assert ledger.repeated == []
    ledger.finish(TESTS[0])
    assert ledger.repeated == TESTS[:1]


def test_a_try_that_is_repeated_does_not_end_its_test() -> None:
    """After a rerun the test is still unreported, and its next try begins without phases."""
    ledger = planned()
    ledger.start(TESTS[0])
    ledger.report("call", RERUN)
    assert ledger.is_repeated
    ledger.finish(TESTS[0])
    assert ledger.unreported == TESTS
    ledger.start(TESTS[0])
    assert ledger.phases == {}
    ledger.report("call", "skipped")
    assert not ledger.is_repeated
    ledger.finish(TESTS[0])
    assert ledger.unreported == TESTS[1:]


def test_failures_of_a_try_that_is_repeated_do_not_stand() -> None:
    """They are counted apart, try by try; those of tests before stand."""
    ledger = planned()
    ledger.report("call", "failed")
    ledger.report("call", RERUN)
    ledger.finish(TESTS[0])
    assert (ledger.failed, ledger.superseded) == (0, 1)
    ledger.report("setup", "failed")
    for _ in range(2):
        ledger.start(TESTS[0])
        ledger.report("call", "failed")
        ledger.report("call", RERUN)
        ledger.finish(TESTS[0])
    assert (ledger.failed, ledger.superseded) == (1, 3)


def test_only_failures_count_as_failed() -> None:
    """Each failed phase counts, a passed one does not."""
    ledger = planned()
    ledger.start(TESTS[0])
    ledger.report("setup", "passed")
    ledger.report("call", "failed")
    ledger.report("teardown", "failed")
    assert ledger.failed == 2
    assert ledger.phases == {"setup": "passed", "call": "failed", "teardown": "failed"}


@pytest.mark.parametrize(
    "fields",
    [
        {"done": {"shouldfail": "stopping after 1 failures", "shouldstop": False}},
        {"done": {"shouldfail": False, "shouldstop": "session.shouldstop"}},
        {"interrupt": {"kind": "exit"}},
        {"internal": "INTERNALERROR"},
    ],
    ids=["shouldfail", "shouldstop", "interrupt", "internal"],
)
def test_each_way_to_stop_early_counts(fields: dict[str, Any]) -> None:
    """--maxfail, a plugin, pytest.exit and an internal error end a session before its last test."""
    assert Ledger(**fields).stopped_early


def test_a_session_that_ended_by_itself_did_not_stop_early() -> None:
    """The flags of a whole session are false."""
    assert not Ledger(done={"shouldfail": False, "shouldstop": False}).stopped_early


def test_progress_tells_how_far_a_run_came() -> None:
    """Before the plan there is nothing to count; then the open test is named."""
    assert Ledger().progress == ", before the tests were collected"
    ledger = planned()
    ledger.finish(TESTS[0])
    assert ledger.progress == ", after 1 of 3 tests"
    ledger.start(TESTS[1])
    assert ledger.progress == ", after 1 of 3 tests, in a.py::two"
