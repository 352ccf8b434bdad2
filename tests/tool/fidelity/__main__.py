"""Compares every command side by side and writes the table of docs/fidelity.md.

python -m tests.tool.fidelity
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT
from tests.tool.conftest import make_local, make_remote
from tests.tool.fidelity.comparison import CASES, Case, differences
from tests.tool.side_packages import beside

DOCUMENT = CHECKOUT / "docs" / "fidelity.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
VERSIONS = {pytest.__version__: "", "8.4": "pytest-8-4"}  # version -> locked group
WORKERS = 2  # each runs two processes of pytest


def main() -> int:
    """Write the table; exit 1 if anything differs."""
    pairs = [(case, version) for case in CASES for version in VERSIONS]
    with ThreadPoolExecutor(WORKERS) as pool:
        found = dict(zip(pairs, pool.map(compare, *zip(*pairs, strict=True)), strict=True))
    same = {version: sum(not found[case, version] for case in CASES) for version in VERSIONS}
    table = "\n".join([_title(same), "", *_rows(found), ""])
    head, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{head}{BEGIN}{table}{END}{rest.partition(END)[2]}", "utf-8")
    print(table)  # noqa: T201 (the interface)
    for (case, version), lines in found.items():
        if lines:
            print(f"\n{case.name}, {version}", *lines, sep="\n", file=sys.stderr)  # noqa: T201
    return int(any(found.values()))


def _title(same: Mapping[str, int]) -> str:
    counts = (f"{count} of {len(CASES)} with pytest {each}" for each, count in same.items())
    return f"The same: {', '.join(counts)}, each on both sides."


def _rows(found: Mapping[tuple[Case, str], list[str]]) -> Iterator[str]:
    yield f"| typed | {' | '.join(f'pytest {each}' for each in VERSIONS)} |"
    yield f"| --- |{' --- |' * len(VERSIONS)}"
    for case in CASES:
        verdicts = " | ".join(verdict(found[case, version]) for version in VERSIONS)
        yield f"| `{case.name}` | {verdicts} |"


def compare(case: Case, version: str) -> list[str]:
    """Return the lines in which `case` differs with this version of pytest on both sides."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sides = make_local(place), make_remote(place)
        if group := VERSIONS[version]:
            for side in sides:
                side.use(beside(group))
        return list(differences(case, *sides))


def verdict(lines: list[str]) -> str:
    """Say how many lines differ."""
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return f"{len(changed)} lines differ" if lines else "same"


if __name__ == "__main__":
    sys.exit(main())
