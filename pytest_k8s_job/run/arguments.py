"""Which of the words on pytest's command line go along into the pod.

What selects, runs or formats tests travels; what only concerns this terminal, this file system or
this package stays. Paths travel relative to the root directory, since the pod has its own.

What no plugin here knows travels as it was typed. A reporter's plugin stays, and so does one that
an IDE brings along; other plugins travel, since the suite may need them.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

__all__ = ["REPORTERS", "travelling"]

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
    "--report-log-exclude-logs-on-passed-tests": 0,
    "--json-report": 0,
    "--json-report-file": 1,
    "--json-report-omit": 1,
    "--json-report-summary": 0,
    "--json-report-indent": 1,
    "--json-report-verbosity": 1,
    "--force-sugar": 0,
    "--old-summary": 0,
    "--teamcity": 0,
    "--no-teamcity": 0,
    "--jb-swapdiff": 0,
    "--jb-show-summary": 0,
    "--color": 1,
    "--code-highlight": 1,
    "--pastebin": 1,
    "--confcutdir": 1,
    "--basetemp": 1,
    "--cache-clear": 0,
    "--durations": 1,
    "--durations-min": 1,
    "--no-header": 0,
    "--no-summary": 0,
    "--noconftest": 0,
    "--shards": 1,
    "--shard-by": 1,
    "--retries": 1,
    "--rerun-failed": 1,
    "--mask": 1,
    "--target": 1,
    "--artifact": 1,
    "--artifacts-dir": 1,
    "--wait-rollout": 1,
    "--sync": 0,
    "--sync-requirements": 1,
    "--sync-python": 1,
}
_OURS = "--k8s-"  # all of them take a value
_PATHS = {"--rootdir", "-c", "--config-file", "--ignore"}  # options whose value is a path
REPORTERS = {
    "html",
    "json-report",
    "nice",
    "pytest_html.plugin",
    "pytest_jsonreport.plugin",
    "pytest_k8s_job.plugin",
    "pytest_pretty",
    "pytest_reportlog.plugin",
    "pytest_sugar",
    "pytest-teamcity",
    "reportlog",
    "sugar",
    "teamcity.pytest_plugin",
    "vscode_pytest",
}


def travelling(
    words: Sequence[str], positional: Collection[str], start: Path, root: Path
) -> list[str]:
    """Return the words for the pod.

    `words` is the command line, `positional` what pytest took for paths and node ids in it,
    `start` the directory that it was typed in, `root` pytest's root directory.
    """
    return list(_travelling(words, positional, start, root))


def _travelling(
    words: Sequence[str], positional: Collection[str], start: Path, root: Path
) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        follow = 1 if name.startswith(_OURS) else _STAY.get(name)
        if follow is not None:
            if follow and not equals:
                next(rest, None)
        elif name in _PATHS:
            path = _from_root(value if equals else next(rest, ""), start, root)
            yield from [f"{name}={path}"] if name.startswith("--") else [name, path]
        elif word.startswith("-p") and not word.startswith("--"):
            plugin = word[2:] or next(rest, "")
            if not _stays(plugin.strip(), root):
                yield from ["-p", plugin]
        else:
            yield _from_root(word, start, root) if word in positional else word


def _stays(plugin: str, root: Path) -> bool:
    """True if the plugin belongs to this side: neither the suite's nor installed for it."""
    if plugin.startswith("no:"):
        return False
    file = getattr(sys.modules.get(plugin), "__file__", None)
    places = [root, *map(Path, {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})]
    foreign = file is not None and not any(Path(file).is_relative_to(each) for each in places)
    return plugin in REPORTERS or foreign


def _from_root(word: str, start: Path, root: Path) -> str:
    path, colons, names = word.partition("::")
    place = start / path
    if not place.exists():
        return word
    return Path(os.path.relpath(place, root)).as_posix() + colons + names
