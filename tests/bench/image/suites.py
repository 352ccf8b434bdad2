"""Writes the suites that are measured: `python suites.py DIRECTORY`. Standard library only."""

import sys
from pathlib import Path

MODULES = 100
TRIVIAL = "def test_{}():\n    pass\n"
SLEEPING = """\
import time

import pytest


@pytest.mark.parametrize("i", range({count}))
def test_sleeps(i):
    time.sleep({seconds})
"""


FAILING = """\
import time

import pytest


@pytest.mark.parametrize("i", range({count}))
def test_waits(i):
    time.sleep({seconds})
    assert {passes}, "waited for the job; it is in progress"
"""


def trivial(count: int) -> dict[str, str]:
    """Return modules with `count` tests that do nothing."""
    each = count // MODULES
    text = "\n\n".join(TRIVIAL.format(number) for number in range(each))
    return {f"test_{number:03}.py": text for number in range(MODULES)}


SUITES = {
    "one": {"test_one.py": TRIVIAL.format("one")},
    "small": {"test_small.py": SLEEPING.format(count=12, seconds=0.25)},  # 3 s, as an API's tests
    "waits60": {"test_waits.py": FAILING.format(count=60, seconds=0.1, passes=True)},
    "fails20": {"test_waits.py": FAILING.format(count=20, seconds=0.1, passes=False)},
    "fails100": {"test_waits.py": FAILING.format(count=100, seconds=0.02, passes=False)},
    "sleep64": {"test_sleep.py": SLEEPING.format(count=64, seconds=1)},
    "ten_thousand": trivial(10_000),
    "hundred_thousand": trivial(100_000),
}


def write(folder: Path) -> None:
    """Write every suite below `folder`, each with an ini file of its own."""
    for name, files in SUITES.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "pytest.ini").write_text("[pytest]\n")
        for file, text in files.items():
            (place / file).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
