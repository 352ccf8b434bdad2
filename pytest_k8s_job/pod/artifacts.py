"""Finds the files that the user wants to have and writes them as records.

Small ones travel in the log, so that who collects later has them too. The others are only
described: they wait in the pod until a collector has read them. Links are never followed, and
nothing but regular files is read. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_k8s_job.wire.artifacts import BLOCK, open_regular, write_waiting
from pytest_k8s_job.wire.records import Kind

__all__ = ["Artifacts"]

LOG_BYTES = 1 << 20  # packed, of all files that travel in the log
TRIED_BYTES = 4 << 20  # of one file that may fit into that when packed
MOST_FILES = 10_000
MOST_SEEN = 200_000  # names; a pattern may fit to all of a file system
NAMED = 20  # of the files that are left out


class Artifacts:
    """The files of one run, of at most `limit` bytes; `folder` is the agent's own."""

    def __init__(self, folder: Path, limit: int, stay: str = "") -> None:
        self.some_wait = False
        """True once the files that wait can be read."""
        self._folder = str(folder)
        self._limit = limit
        self._stay = stay  # why no file can wait; empty: they can
        self._room = LOG_BYTES
        self._left_out: list[list[str]] = []
        self._unnamed = 0

    def gather(self, patterns: list[str]) -> Iterator[tuple[Kind, dict[str, Any]]]:
        """Yield the records on all files that fit to one of the `patterns`."""
        files = self._choose(patterns)
        if self._unnamed:
            self._left_out.append([f"{self._unnamed} other files", "too many files, or too large"])
        yield Kind.ARTIFACTS, {"folder": str(Path.cwd()), "left_out": self._left_out}
        waiting = []
        for size, path in files:
            record = self._describe(path, size)
            yield Kind.ARTIFACT, record
            if "sha256" in record and "data" not in record:
                waiting.append(record)
        if waiting:
            write_waiting(Path(self._folder), waiting)
            self.some_wait = True

    def _choose(self, patterns: list[str]) -> list[tuple[int, str]]:
        """Return sizes and paths, the smallest first, as many as are allowed."""
        found: dict[str, int] = {}
        seen = 0
        for pattern in patterns:
            for path in self._matches(pattern):
                seen += 1
                if seen > MOST_SEEN:
                    self._leave_out(pattern, f"more than {MOST_SEEN:,} files were looked at")
                    break
                self._add(found, path)
        chosen = sorted((size, path) for path, size in found.items())
        total = 0
        for number, (size, _path) in enumerate(chosen):
            total += size
            if number >= MOST_FILES or total > self._limit:
                why = (
                    f"more than {MOST_FILES:,} files"
                    if number >= MOST_FILES
                    else "over the limit of all files"
                )
                for _, each in chosen[number:]:
                    self._leave_out(each, why)
                return chosen[:number]
        return chosen

    def _matches(self, pattern: str) -> Iterator[str]:
        """Yield the paths that fit; a folder stands for all that is in it."""
        path = Path(os.path.abspath(pattern))  # noqa: PTH100 (resolve() would follow links)
        try:
            for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))):
                if _is_folder(match):
                    for place, _, names in os.walk(match):
                        yield from (f"{place}/{name}" for name in names)
                else:
                    yield str(match)
        except (OSError, ValueError, NotImplementedError) as error:
            self._leave_out(pattern, str(error))

    def _add(self, found: dict[str, int], path: str) -> None:
        if path in found or path.startswith(self._folder + os.sep):
            return
        try:
            status = os.lstat(path)
        except OSError as error:
            self._leave_out(path, str(error.strerror))
            return
        if stat.S_ISREG(status.st_mode):
            found[path] = status.st_size
        else:
            self._leave_out(path, "a link" if stat.S_ISLNK(status.st_mode) else "no regular file")

    def _leave_out(self, path: str, why: str) -> None:
        if len(self._left_out) < NAMED:
            self._left_out.append([path, why])
        else:
            self._unnamed += 1

    def _describe(self, path: str, size: int) -> dict[str, Any]:
        """Return the record on one file, with its content if that fits into the log."""
        digest = hashlib.sha256()
        content = bytearray()
        tried = size <= TRIED_BYTES and self._room > 0
        left = size
        try:
            file = open_regular(path)
            try:
                while left and (block := os.read(file, min(BLOCK, left))):
                    left -= len(block)
                    digest.update(block)
                    if tried:
                        content += block
            finally:
                os.close(file)
        except OSError as error:
            return {"path": path, "why": str(error.strerror)}
        record = {"path": path, "size": size - left, "sha256": digest.hexdigest()}
        packed = zlib.compress(bytes(content), 6) if tried else b""
        if not tried or len(packed) > self._room:
            return {"path": path, "why": self._stay} if self._stay else record
        self._room -= len(packed)
        return {**record, "data": base64.b64encode(packed).decode("ascii")}


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
