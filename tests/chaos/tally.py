"""Counts the right verdicts, lost results and false greens of a case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.cases import PASSED, Case

__all__ = ["Tally"]

COMPLETE = range(6)  # exit codes by which a run says that no result is missing


@dataclass
class Tally:
    """Counts of the runs of one case."""

    runs: int = 0
    right: int = 0
    lost: int = 0
    false_green: int = 0
    codes: Counter[int] = field(default_factory=Counter)

    def add(self, case: Case, code: int, found: Counter[tuple[str, str]], text: str) -> bool:
        """Count one run that said `text`; True if its verdict was right."""
        missing = sum((Counter(case.tests.items()) - found).values())
        more = sum((found - Counter(case.tests.items())).values())
        lost = missing if code in COMPLETE else 0
        whole = code not in COMPLETE or not (missing or more)
        right = code in case.codes and whole and case.says in text
        self.runs += 1
        self.right += right
        self.lost += lost
        self.false_green += code == PASSED and not right
        self.codes[code] += 1
        return right
