"""Compares every command side by side and writes the table of docs/fidelity.md.

python -m tests.tool.fidelity
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT
from tests.tool.conftest import make_local, make_remote
from tests.tool.fidelity.comparison import CASES, Case, differences

DOCUMENT = CHECKOUT / "docs" / "fidelity.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
WORKERS = 2  # each runs two processes of pytest


def main() -> int:
    """Write the table; exit 1 if anything differs."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(compare, CASES))
    same = sum(not lines for lines in found)
    rows = [
        f"| `{case.name}` | {verdict(lines)} |" for case, lines in zip(CASES, found, strict=True)
    ]
    title = f"{same} of {len(CASES)} the same, with pytest {pytest.__version__}."
    table = "\n".join(
        [title, "", "| typed | compared with plain pytest |", "| --- | --- |", *rows, ""]
    )
    head, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{head}{BEGIN}{table}{END}{rest.partition(END)[2]}", "utf-8")
    print(table)  # noqa: T201 (the interface)
    return int(same != len(CASES))


def compare(case: Case) -> list[str]:
    """Return the lines in which `case` differs."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return list(differences(case, make_local(place), make_remote(place)))


def verdict(lines: list[str]) -> str:
    """Say how many lines differ."""
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return f"{len(changed)} lines differ" if lines else "same"


if __name__ == "__main__":
    sys.exit(main())
