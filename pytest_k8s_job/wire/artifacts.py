"""Artifacts that wait in the pod, as one stream of bytes.

    artifacts OFFSET LENGTH   print these bytes of the stream

The stream is one JSON line that lists the files, then their contents, one after the other. The
agent writes the line; a collector runs the command in the container, as for the journal. A file
that has become shorter since is filled up with zeros: its sha256 shows it. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_k8s_job.wire import journal
from pytest_k8s_job.wire.journal import READING, module_command

__all__ = ["main", "open_regular", "read_command", "stream", "write_waiting"]

WAITING = "artifacts"
BLOCK = 1 << 20


def read_command(offset: int, length: int) -> list[str]:
    """Return the command that prints at most `length` bytes of the stream."""
    return [*module_command(__name__), str(offset), str(length)]


def write_waiting(folder: Path, files: list[dict[str, Any]]) -> None:
    """Leave the list of the files where the command finds it."""
    (folder / WAITING).write_text(json.dumps({"files": files}) + "\n", encoding="ascii")


def open_regular(path: str) -> int:
    """Open a file for reading, but neither a link nor anything that could block."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def stream(folder: Path, offset: int, length: int) -> Iterator[bytes]:
    """Yield the bytes of the stream from `offset` on, at most `length`."""
    head = (folder / WAITING).read_bytes()
    if piece := head[offset : offset + length]:
        yield piece
    begin, end = len(head), offset + length
    for each in json.loads(head)["files"]:
        first, last = max(offset - begin, 0), min(end - begin, each["size"])
        begin += each["size"]
        if first < last:
            yield from _part(each["path"], first, last)


def _part(path: str, first: int, last: int) -> Iterator[bytes]:
    try:
        file = open_regular(path)
    except OSError:
        yield from _zeros(last - first)
        return
    try:
        os.lseek(file, first, os.SEEK_SET)
        while first < last and (block := os.read(file, min(BLOCK, last - first))):
            first += len(block)
            yield block
    finally:
        os.close(file)
    yield from _zeros(last - first)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, BLOCK))
        count -= BLOCK


def main(words: list[str] | None = None) -> int:
    """Print what `words` (default: the command line) ask for; 1 if nothing waits here."""
    words = sys.argv[1:] if words is None else words
    folder = journal.find_folder(os.environ)
    if folder is None or not (folder / WAITING).exists():
        print("no artifacts wait here", file=sys.stderr)  # noqa: T201 (the interface)
        return 1
    offset, length = map(int, words)
    for block in stream(folder, offset, length):
        (folder / READING).touch()  # the agent lingers while this goes on
        sys.stdout.buffer.write(block)
    (folder / READING).touch()
    return 0
