"""What two runs of a suite reported, and every difference between them, test by test."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from xml.etree import ElementTree

__all__ = ["Difference", "Seen", "differences", "explanation", "read"]

# What differs between two runs of plain pytest: addresses, times, and the number of a temporary
# directory, which counts the tests of one name that ran before in the same process.
NOISE = (
    (re.compile(r"(/pytest-of-\w+/pytest-)\d+(/\w+?)\d+\b"), r"\1N\2N"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0xN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"), "NOW"),
    (re.compile(r"\b\d+\.\d+s( \(\d+:\d\d:\d\d\))?"), "N s"),
)
# Titles of what a session says after its tests, and what in it tells of the run, not of the tests.
SECTION = re.compile(
    r"^=+ (ERRORS|FAILURES|XFAILURES|PASSES|warnings summary|short test summary info)\b.* =+$"
)
OF_THE_RUN = re.compile(r"^-+ generated xml file: |^The Job stays: |^\[shard \d+\] \w+ -- Python ")
TALLY = re.compile(r"^(?:=+ )?((?:\d+ [a-z ]+, )*\d+ [a-z ]+) in N s(?: =+)?$")

Part = tuple[str, str, str]  # kind, message, text


@dataclass(frozen=True)
class Seen:
    """What one run reported: everything but times and the order.

    Attributes:
        code: exit code.
        tally: the last line, as "3 passed, 1 skipped".
        closing: lines between the tests and the last line (failures, warnings, summary).
        cases: node id -> what JUnit has of each test case of that id.
    """

    code: int
    tally: str
    closing: Counter[str]
    cases: Mapping[str, tuple[tuple[Part, ...], ...]]

    @property
    def tests(self) -> int:
        """The number of test cases."""
        return sum(map(len, self.cases.values()))


@dataclass(frozen=True)
class Difference:
    """One thing that the two runs do not agree in; `where` is a node id, or what the run is."""

    where: str
    what: str
    plain: str
    tool: str


def read(code: int, terminal: str, junit: str, root: str) -> Seen:
    """Return what a run in the directory `root` reported on its terminal and in JUnit."""
    lines = [normalised(line, root) for line in terminal.splitlines()]
    cases = defaultdict(list)
    for case in ElementTree.fromstring(junit).iter("testcase"):  # noqa: S314 (our own run wrote it)
        parts = sorted(parts_of(case, root)) if len(case) else []
        cases[nodeid_of(case)].append(tuple(parts))
    tally = next((found[1] for line in reversed(lines) if (found := TALLY.match(line))), "")
    return Seen(
        code, tally, Counter(closing(lines)), {k: tuple(sorted(v)) for k, v in cases.items()}
    )


def normalised(text: str, root: str) -> str:
    """Return `text` without times and addresses, its paths as if the suite lay in /suite."""
    text = text.replace(root, "/suite")
    for pattern, instead in NOISE:
        text = pattern.sub(instead, text)
    return text


def nodeid_of(case: ElementTree.Element) -> str:
    """Return what JUnit has of the node id: file, class and name, and the line."""
    names = (case.get(key, "") for key in ("file", "classname", "name"))
    return "::".join(names) + f" (line {case.get('line')})"


def parts_of(case: ElementTree.Element, root: str) -> Iterator[Part]:
    """Yield outcome, message and sections of one test case."""
    for each in case.iter():
        if each is not case and each.tag != "properties":
            message = each.get("message") or f"{each.get('name', '')}{each.get('value', '')}"
            yield each.tag, normalised(message, root), normalised(each.text or "", root)


def closing(lines: list[str]) -> Iterator[str]:
    """Yield the lines between the tests and the last line."""
    inside = False
    for line in lines:
        inside = (inside or bool(SECTION.match(line))) and not TALLY.match(line)
        if inside and line and not OF_THE_RUN.match(line):
            yield line


def differences(plain: Seen, tool: Seen) -> Iterator[Difference]:
    """Yield every difference; none means that a user cannot tell the runs apart."""
    if plain.code != tool.code:
        yield Difference("run", "exit code", str(plain.code), str(tool.code))
    if plain.tally != tool.tally:
        yield Difference("run", "tally", plain.tally, tool.tally)
    for line in sorted((plain.closing - tool.closing).keys()):
        yield Difference("run", "closing line", line, "")
    for line in sorted((tool.closing - plain.closing).keys()):
        yield Difference("run", "closing line", "", line)
    for nodeid in sorted(plain.cases.keys() | tool.cases.keys()):
        here, there = plain.cases.get(nodeid, ()), tool.cases.get(nodeid, ())
        if here != there:
            yield difference_of_test(nodeid, here, there)


def difference_of_test(
    nodeid: str, here: tuple[tuple[Part, ...], ...], there: tuple[tuple[Part, ...], ...]
) -> Difference:
    """Say in one word in what the reports of one test differ."""
    if len(here) != len(there):
        return Difference(nodeid, "number of reports", str(len(here)), str(len(there)))
    mine, its = next((a, b) for a, b in zip(here, there, strict=True) if a != b)
    kinds, other = [part[0] for part in mine], [part[0] for part in its]
    if kinds != other:
        sections = {"system-out", "system-err"}
        what = "section" if set(kinds) ^ set(other) <= sections else "outcome"
        return Difference(nodeid, what, ", ".join(kinds), ", ".join(other))
    part, twin = next((a, b) for a, b in zip(mine, its, strict=True) if a != b)
    what = "section" if part[0].startswith("system-") else "message"
    return Difference(nodeid, what, "\n".join(part[1:]), "\n".join(twin[1:]))


def explanation(difference: Difference, explained: Mapping[str, str]) -> str:
    """Return why the surroundings make this difference; empty if nothing says so."""
    found = (why for what, why in explained.items() if fnmatchcase(difference.where, what))
    return next(found, "")
