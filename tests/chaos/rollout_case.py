"""What one run with a rollout is, and which verdicts on it are right."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["ACTS", "PASSED", "VOID", "Case", "Seen", "draw", "right_codes"]

PASSED, VOID = 0, 12  # exit codes
ACTS = ("set env", "image", "undo", "restart", "scale")
WHOM = ("web", "worker", "neighbour")  # called by the tests; part of the same; nobody's
WHENS = ("before", "during", "after")
FOUND = ("said", "read", "seen")
BEFORE_SECONDS = (-3.0, 3.0)  # around the start of the command
AFTER_SECONDS = (0.0, 2.5)  # since the first or the last test was shown


@dataclass(frozen=True)
class Case:
    """One run: what is done to whom, when, and how the target is found.

    Attributes:
        act: what is done.
        whom: the Deployment that it is done to.
        when: before, during or after the tests.
        delay: seconds from the start of the command, the first or the last test.
        found: how the tool finds the target.
        apart: whether tests and target live in different namespaces.
    """

    act: str
    whom: str
    when: str
    delay: float
    found: str
    apart: bool

    def __str__(self) -> str:
        place = "another namespace" if self.apart else "same namespace"
        return (
            f"{self.act} of {self.whom}, {self.when} ({self.delay:+.1f} s), {place}, {self.found}"
        )

    @property
    def concerns(self) -> bool:
        """Whether it is done to the target."""
        return self.whom != "neighbour"


@dataclass(frozen=True)
class Seen:
    """Times in seconds since the epoch, and what the tests were answered.

    Attributes:
        asked: when the change was asked for.
        accepted: when the API server had taken it.
        complete: when the new pods were ready, in whole seconds as the API server writes it.
        over: when nothing of the older revision was left.
        first: when the first test began.
        last: when the last test ended.
        versions: what the tests were answered, in order.
    """

    asked: float
    accepted: float
    complete: float
    over: float
    first: float
    last: float
    versions: tuple[str, ...] = field(default=())


def draw(seed: int) -> Iterator[Case]:
    """Yield cases without end: the same for the same seed, each kind as often as the others."""
    chance = random.Random(seed)  # noqa: S311 (it shall repeat)
    while True:
        kinds = [(act, when, apart) for act in ACTS for when in WHENS for apart in (True, False)]
        chance.shuffle(kinds)
        for act, when, apart in kinds:
            whom = chance.choice(("web", *WHOM))  # half of all are of what the tests call
            seconds = BEFORE_SECONDS if when == "before" else AFTER_SECONDS
            delay = round(chance.uniform(*seconds), 1)
            yield Case(act, whom, when, delay, chance.choice(FOUND), apart)


def right_codes(case: Case, seen: Seen) -> set[int]:
    """Return the exit codes that are right by the times and by what the tests saw.

    Both are right within the second of the first or the last test: the API server tells no more.
    """
    if len(set(seen.versions)) > 1:
        return {VOID}
    if not case.concerns or case.act == "scale":
        return {PASSED}
    if seen.over < math.floor(seen.first) or math.floor(seen.asked) > seen.last:
        return {PASSED}
    if seen.complete > seen.first and seen.accepted < seen.last:
        return {VOID}
    return {PASSED, VOID}
