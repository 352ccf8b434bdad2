"""Reads requirements files: names, versions, markers, hashes; nothing that only pip can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from pytest_k8s_job.errors import UsageError

__all__ = ["Wanted", "read_requirements"]

HASH = re.compile(r"\s--hash[= ](\S+)")
HARMLESS = (
    "--require-hashes",
    "--no-deps",
    "--index-url",
    "--extra-index-url",
    "-i ",
    "--find-links",
    "-f ",
)
MAX_NESTING = 10  # files that name files


@dataclass(frozen=True)
class Wanted:
    """A package that is to go along; `hashes` are those of the file."""

    requirement: Requirement
    hashes: tuple[str, ...] = ()

    def line(self, version: str = "") -> str:
        """Return what pip takes, for this `version` if one is known."""
        asked = self.requirement
        pinned = f"{asked.name}=={version}" if version else f"{asked.name}{asked.specifier}"
        return " ".join([pinned, *(f"--hash={each}" for each in self.hashes)])


def read_requirements(file: Path, nesting: int = 0) -> Iterator[Wanted]:
    """Yield what a requirements file and those that it names ask for."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"--sync-requirements: cannot read {file}: {why}") from error
    if nesting > MAX_NESTING:
        raise UsageError(f"--sync-requirements: {file} names itself")
    for line in _logical_lines(text):
        if match := re.fullmatch(r"(?:-r|--requirement)[= ]\s*(\S+)", line):
            yield from read_requirements(file.parent / match[1], nesting + 1)
        elif not line.startswith(HARMLESS):
            yield _read_line(line, file)


def _read_line(line: str, file: Path) -> Wanted:
    hashes = tuple(HASH.findall(line))
    try:
        requirement = Requirement(HASH.sub("", line).strip())
    except InvalidRequirement as error:
        raise UsageError(
            f"--sync-requirements: {file} has a line that cannot go along: {line!r}; it takes "
            "packages by name, with versions, markers and hashes"
        ) from error
    if requirement.url:
        raise UsageError(
            f"--sync-requirements: {requirement.name} in {file} is named by a URL; install it "
            "here and name it by its version"
        )
    return Wanted(requirement, hashes)


def _logical_lines(text: str) -> Iterator[str]:
    """Yield the lines without comments, continued ones as one."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        if bare:
            yield bare
