"""Which of the words on pytest's command line go along into the pod.

What selects, runs or formats tests travels; what only concerns this terminal, this file system or
this package stays. Paths travel relative to the root directory, since the pod has its own.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

__all__ = ["travelling"]

# Options that stay here, with the number of words that follow when written without "=".
_STAY = {
    "--in-cluster": 0,
    "--junitxml": 1,
    "--junit-xml": 1,
    "--junit-prefix": 1,
    "--junitprefix": 1,
    "--html": 1,
    "--css": 1,
    "--self-contained-html": 0,
    "--report": 1,
    "--report-log": 1,
    "--json-report": 0,
    "--json-report-file": 1,
    "--color": 1,
    "--code-highlight": 1,
    "--pastebin": 1,
    "--rootdir": 1,
    "--confcutdir": 1,
    "--basetemp": 1,
    "-c": 1,
    "--config-file": 1,
    "--cache-clear": 0,
    "--pdb": 0,
    "--trace": 0,
    "--durations": 1,
    "--durations-min": 1,
    "--no-header": 0,
    "--no-summary": 0,
    "--noconftest": 0,
    "--shards": 1,
    "--shard-by": 1,
    "--retries": 1,
    "--rerun-failed": 1,
}
_OURS = "--k8s-"  # all of them take a value


def travelling(
    words: Sequence[str], positional: Collection[str], start: Path, root: Path
) -> list[str]:
    """Return the words for the pod.

    `words` is the command line, `positional` what pytest took for paths and node ids in it,
    `start` the directory that it was typed in, `root` pytest's root directory.
    """
    result = []
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        follow = 1 if name.startswith(_OURS) else _STAY.get(name)
        if follow is None:
            result.append(_from_root(word, start, root) if word in positional else word)
        elif follow and not equals:
            next(rest, None)
    return result


def _from_root(word: str, start: Path, root: Path) -> str:
    path, colons, names = word.partition("::")
    place = start / path
    if not place.exists():
        return word
    return Path(os.path.relpath(place, root)).as_posix() + colons + names
