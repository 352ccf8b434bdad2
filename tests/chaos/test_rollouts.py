"""Verdicts on runs with a rollout: which are right, and five of them on the real cluster."""

from __future__ import annotations

import itertools

import pytest

from tests.chaos.rollout_case import ACTS, PASSED, VOID, Case, Seen, draw, right_codes
from tests.chaos.rollout_scene import open_rollout_scene
from tests.chaos.rollouts import counts, run_once

WEB = Case("set env", "web", "during", 0.5, "read", apart=True)
FIVE = (
    WEB,
    Case("undo", "worker", "during", 0.5, "seen", apart=True),
    Case("image", "neighbour", "during", 0.5, "said", apart=False),
    Case("restart", "web", "before", -0.5, "said", apart=True),
    Case("set env", "web", "after", 0.5, "read", apart=False),
)


def seen(asked: float, over: float, *versions: str) -> Seen:
    """Return a rollout of that time, beside tests from 100.5 to 104.5."""
    return Seen(asked, asked + 0.2, over - 0.5, over, 100.5, 104.5, versions)


@pytest.mark.parametrize(
    ("asked", "over", "codes"),
    [
        (90, 99.9, {PASSED}),
        (98, 100.2, {PASSED, VOID}),  # in the second of the first test
        (98, 102, {VOID}),
        (101, 103, {VOID}),
        (104, 106, {VOID}),
        (104.4, 106, {PASSED, VOID}),  # asked for before, taken after the last test
        (105, 107, {PASSED}),
    ],
)
def test_a_change_between_first_and_last_test_is_void(
    asked: float, over: float, codes: set[int]
) -> None:
    """What was over before, or came after, changes nothing."""
    assert right_codes(WEB, seen(asked, over, "1")) == codes


def test_two_versions_are_void_whatever_the_times() -> None:
    """The tests themselves have seen them."""
    assert right_codes(WEB, seen(90, 95, "1", "2")) == {VOID}


@pytest.mark.parametrize(("act", "whom"), [("scale", "web"), ("image", "neighbour")])
def test_what_changes_no_revision_of_the_target_passes(act: str, whom: str) -> None:
    """Scaling, and whatever a neighbour does."""
    case = Case(act, whom, "during", 0.5, "read", apart=True)
    assert right_codes(case, seen(101, 103, "1")) == {PASSED}


def test_cases_repeat_by_their_seed() -> None:
    """Each act at each time, in both kinds of place, in the first thirty."""
    first = list(itertools.islice(draw(3), 30))
    assert first == list(itertools.islice(draw(3), 30))
    assert first != list(itertools.islice(draw(4), 30))
    kinds = {(each.act, each.when, each.apart) for each in first}
    assert len(kinds) == len(ACTS) * 3 * 2


def test_wrong_verdicts_are_counted_by_kind() -> None:
    """A false VOID and a missed change are two columns."""
    rows = [
        {"when": "during", "got": got, "right": right}
        for got, right in ((PASSED, True), (VOID, False), (PASSED, False))
    ]
    assert counts(rows)[-1] == ("all", 3, 1, 1, 1)


@pytest.mark.cluster
def test_five_rollouts() -> None:
    """Before, during and after the tests, of the target and of a neighbour."""
    with open_rollout_scene() as scene:
        rows = [run_once(scene, case) for case in FIVE]
    assert [row["right"] for row in rows] == [True] * 5, rows
