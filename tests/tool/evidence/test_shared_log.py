"""The complaint that failed tests share: what counts as one, and how many must have it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from pytest_k8s_job.evidence.shared_log import (
    MESSAGE_LIMIT,
    SharedLog,
    complaints,
    message_of,
    same_complaint,
)
from pytest_k8s_job.evidence.window import Line, Window

OOM = "Redis failed: OOM command not allowed when used memory > 'maxmemory'"


def line(text: str, at: float = 100.0, container: str = "api") -> Line:
    """Return a line of a container's log."""
    return Line(at, f"{container}-5d9c8f7b6-x2x4v", container, False, text)


def logged(message: str, level: str = "WARNING", at: float = 100.0, container: str = "api") -> Line:
    """Return a line in JSON."""
    return line(json.dumps({"level": level, "message": message}), at, container)


def window(number: int) -> Window:
    """Return the time of a test; those of two numbers are far from each other."""
    return Window(100.0 * number, 100.0 * number + 1)


def traced(*tests: Iterable[Line]) -> SharedLog:
    """Return what the lines with the trace id of each failed test make."""
    shared = SharedLog()
    for number, lines in enumerate(tests):
        shared.add(f"test_{number}", window(number), lines, ())
    return shared


# -- what a complaint is


@pytest.mark.parametrize("level", ["WARNING", "warn", "Error", "CRITICAL", "fatal"])
@pytest.mark.parametrize("field", ["level", "levelname", "severity"])
def test_a_json_line_of_warning_and_above_is_one(level: str, field: str) -> None:
    """The field of the level has one of three names, and any case."""
    assert list(complaints([line(json.dumps({field: level, "message": "no"}))]))


@pytest.mark.parametrize(
    "text",
    [
        '{"level": "INFO", "message": "an ERROR was mended"}',
        '{"message": "ERROR without a level"}',
        "INFO no error here",
        "the terror of ERRORS",
    ],
)
def test_other_lines_are_none(text: str) -> None:
    """In JSON the level counts, not the words of the message; in text the level's own word."""
    assert not list(complaints([line(text)]))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01 12:00:00 ERROR no",
        "[WARN] no",
        "CRITICAL: no",
        "ts=1 level=warning no",
        'level="error"',
    ],
)
def test_a_text_line_with_its_level_is_one(text: str) -> None:
    """As Python, Java, nginx and logfmt write it."""
    assert [said for _, said in complaints([line(text)])] == [text]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"message": "boom"}, "boom"),
        ({"msg": "boom"}, "boom"),
        ({"event": "boom", "error": True}, "boom"),
        ({"message": "boom", "error": "no memory"}, "boom: no memory"),
        ({"message": "boom: no memory", "err": "no memory"}, "boom: no memory"),
        (
            {"message": "boom", "exc_info": "Traceback\n  x\nKeyError: 'day'"},
            "boom: KeyError: 'day'",
        ),
    ],
)
def test_the_message_has_the_last_line_of_its_error(fields: dict[str, object], said: str) -> None:
    """Whatever of the usual names the fields have."""
    assert message_of(json.dumps(fields)) == said


def test_what_is_no_json_object_is_its_own_message() -> None:
    """Text stays as it is."""
    assert message_of("ERROR {boom") == "ERROR {boom"
    assert message_of('["boom"]') == '["boom"]'


def test_a_long_message_is_cut() -> None:
    """It has to fit into the first line of a report."""
    ((_, text),) = complaints([logged("x" * 1000)])
    assert len(text) == MESSAGE_LIMIT


# -- what is shared


def test_numbers_and_ids_do_not_matter() -> None:
    """Two lines that differ in a job's id and a time are the same complaint."""
    first = logged("job 5f0c8a6e-1111-2222-3333-444455556666 took 1.5 s")
    second = logged("job 00000000-aaaa-bbbb-cccc-444455556666 took 20 s")
    said = traced([first], [second]).sentence()
    assert said.startswith("api logged in 2 of 2 failed tests: job 5f0c8a6e-")


def test_another_container_is_another_complaint() -> None:
    """The same words of API and worker are two causes."""
    assert traced([logged("no")], [logged("no", container="worker")]).sentence() == ""


@pytest.mark.parametrize(
    ("having", "of", "named"), [(1, 1, False), (1, 2, False), (2, 4, True), (2, 5, False)]
)
def test_half_of_them_and_at_least_two(having: int, of: int, named: bool) -> None:
    """One test alone has its own evidence, and a minority explains not the run."""
    tests = [[logged(OOM)]] * having + [[logged("all is well", "INFO")]] * (of - having)
    said = traced(*tests).sentence()
    assert said == (f"api logged in {having} of {of} failed tests: {OOM}" if named else "")


def test_a_test_counts_once() -> None:
    """However often it logs the line, and in however many phases it failed."""
    shared = SharedLog()
    for _ in range(3):
        shared.add("test_a", window(1), [logged(OOM)] * 5, ())
    assert shared.sentence() == ""


def test_the_one_with_the_most_tests_is_named() -> None:
    """Of several that half of the tests share."""
    tests = [[logged("a rare one"), logged(OOM)]] * 2 + [[logged(OOM)]]
    assert traced(*tests).sentence() == f"api logged in 3 of 3 failed tests: {OOM}"


def test_what_is_always_logged_comes_second() -> None:
    """A warning that other tests met too explains less than one of the failed tests alone."""
    always = [logged("deprecated", at=100.0 * number) for number in range(9)]
    shared = traced(*[[logged("deprecated"), logged(OOM)]] * 2)
    assert shared.sentence(always) == f"api logged in 2 of 2 failed tests: {OOM}"
    only = traced(*[[logged("deprecated")]] * 2)
    assert only.sentence(always) == "api logged in 2 of 2 failed tests: deprecated"


def test_failed_tests_without_evidence_are_counted() -> None:
    """The share is of those that were read, the number of all that failed."""
    shared = traced([logged(OOM)], [logged(OOM)])
    shared.unread |= {f"test_{number}" for number in range(100, 110)}
    assert shared.sentence() == f"api logged in 2 of 12 failed tests: {OOM}"


# -- without trace ids


def timed(lines: list[Line], count: int = 2) -> SharedLog:
    """Return what lines without trace ids make, of failed tests with the numbers from 1."""
    shared = SharedLog()
    for number in range(1, count + 1):
        around = [each for each in lines if each.at in window(number)]
        shared.add(f"test_{number}", window(number), (), around)
    return shared


def test_a_complaint_of_their_time_alone_is_shared() -> None:
    """It was logged while each of them ran, and at no other time."""
    lines = [logged(OOM, at=100.5), logged(OOM, at=200.5)]
    assert timed(lines).sentence(lines) == f"api logged in 2 of 2 failed tests: {OOM}"


def test_a_complaint_of_other_times_too_is_not() -> None:
    """What the target always complains of explains nothing."""
    lines = [logged(OOM, at=at) for at in (100.5, 200.5, 350.0)]
    assert timed(lines).sentence(lines) == ""


def test_a_trace_id_says_more_than_time() -> None:
    """A line under the test's own id counts, though another one stood in all windows."""
    shared = SharedLog()
    for number in (1, 2):
        around = [logged("by chance", at=100.5 * number)]
        shared.add(f"test_{number}", window(number), [logged(OOM)], around)
    assert shared.sentence() == f"api logged in 2 of 2 failed tests: {OOM}"


# -- in the summary


def test_one_test_s_cause_may_be_the_shared_one() -> None:
    """Then the summary needs it once only."""
    shared = f"api logged in 37 of 37 failed tests: {OOM}"
    assert same_complaint(f"api logged for this test: {OOM}", shared)
    assert not same_complaint(f"worker logged for this test: {OOM}", shared)
    assert not same_complaint("api logged for this test: KeyError: 'day'", shared)
    assert not same_complaint("api refused connections at 12:00:00 UTC", "")
