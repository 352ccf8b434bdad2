"""The commands that are compared side by side, and how: plain pytest against the tool."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.tool.conftest import Result, Side, normalised

__all__ = ["CASES", "Case", "differences"]


@dataclass(frozen=True)
class Case:
    """One or more commands in a row, in the same checkout."""

    commands: tuple[str, ...]

    @property
    def name(self) -> str:
        """The commands as one would type them."""
        return " && ".join(f"pytest {each}".strip() for each in self.commands)


# The pod answers these; only a session here leaves a JUnit file and a cache behind.
ANSWERS = {"--fixtures", "--fixtures-per-test", "--markers", "--help"}

CASES = [
    Case(tuple(line.strip().split(" && ")))
    for line in Path(__file__).with_name("fidelity.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def differences(case: Case, local: Side, remote: Side) -> Iterator[str]:
    """Run `case` on both sides; yield the lines in which they differ."""
    for command in case.commands:
        words = command.split()
        with ThreadPoolExecutor() as pool:
            here, there = [
                each.result()
                for each in [pool.submit(local.run, *words), pool.submit(remote.run, *words)]
            ]
        yield from _compare(command, here, there)
    if not ANSWERS.intersection(command.split()):
        yield from _diff("cache", _cache(local.folder), _cache(remote.folder))


def _compare(command: str, here: Result, there: Result) -> Iterator[str]:
    yield from _diff(f"{command}: stdout", _shown(command, here), _shown(command, there))
    yield from _diff(f"{command}: stderr", normalised(here.stderr), normalised(there.stderr))
    if not ANSWERS.intersection(command.split()):
        yield from _diff(f"{command}: junit", _junit(here), _junit(there))
    if here.code != there.code:
        yield f"{command}: exit code {here.code} here, {there.code} there"


def _shown(command: str, result: Result) -> str:
    if ANSWERS.intersection(command.split()):
        return re.sub(r"^(-+ generated xml file.*|cachedir: .*)\n", "", result.text, flags=re.M)
    return result.text


def _diff(what: str, here: str, there: str) -> Iterator[str]:
    if here != there:
        yield from difflib.unified_diff(
            here.splitlines(), there.splitlines(), f"{what}, plain", f"{what}, tool", lineterm=""
        )


def _junit(result: Result) -> str:
    text = re.sub(r' (time|timestamp|hostname)="[^"]*"', "", normalised(result.xml))
    return text.replace("><", ">\n<")


def _cache(folder: Path) -> str:
    """Return all that pytest keeps from run to run, but the time at which it did.

    The tool keeps the tests' durations beside it, for `--shards`.
    """
    root = folder / ".pytest_cache"
    ours = root / "d" / "k8s-job"
    found = sorted(path for path in root.rglob("*") if path.is_file())
    files = [path for path in found if not path.is_relative_to(ours)]
    text = "\n".join(f"{path.relative_to(root)}: {path.read_text('utf-8')}" for path in files)
    return re.sub(r'"last_cache_date_str": "[^"]*"', "", text)
