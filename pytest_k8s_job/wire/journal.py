"""The journal: a file in the pod with all frames, which no log rotation cuts.

    journal FIRST LAST   print the frames with these numbers
    journal --release    let an agent end that lingers for this

The agent writes it; a collector runs the commands in the container. What it prints is checked
like the log: a test that meddles with the file gains nothing. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_k8s_job.wire.sync_layout import TOOL

__all__ = [
    "NONCE",
    "READING",
    "Journal",
    "main",
    "make_folder",
    "module_command",
    "read_command",
    "release_command",
    "remove_folder",
]

NONCE = "PYTEST_K8S_JOB_NONCE"  # environment of the container; tells two agents in one /tmp apart
OWN_NAME = "pytest_k8s_job.wire.journal"  # also when it is run as __main__
PREFIX = "pytest-k8s-job-"  # of the agent's folder
FRAMES = "journal"
RELEASE = "release"
READING = "reading"  # touched while a collector reads what waits in the pod

JOURNAL_BYTES = 64 << 20  # the emptyDir of a test pod is some 100 MiB; over its limit the pod dies
ANSWER_BYTES = 4 << 20  # of frames in one answer; who misses more asks again


def module_command(module: str) -> list[str]:
    """Return the command that runs `main` of a module of this package in the container."""
    # Works with the package of the image, and with the one that --sync mounts.
    first = f"import sys; sys.path.insert(0, {TOOL!r}); "
    return ["python", "-c", f"{first}from {module} import main; sys.exit(main())"]


def read_command(first: int, last: int) -> list[str]:
    """Return the command that prints the frames `first` to `last`, or as many as fit."""
    return [*module_command(OWN_NAME), str(first), str(last)]


def release_command() -> list[str]:
    """Return the command that lets a lingering agent end."""
    return [*module_command(OWN_NAME), "--release"]


class Journal:
    """The agent's file of all frames; a run goes on if it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._released = folder / RELEASE
        self._reading = folder / READING
        self._room = JOURNAL_BYTES
        self._file: int | None = None
        with contextlib.suppress(OSError):
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            self._file = os.open(folder / FRAMES, flags, 0o600)

    def write(self, frame: bytes) -> None:
        """Add the lines of one frame; after one that does not fit, nothing more."""
        if self._file is None:
            return
        self._room -= len(frame)
        try:
            if self._room < 0 or os.write(self._file, frame) < len(frame):
                self.close()
        except OSError:
            self.close()

    @property
    def is_whole(self) -> bool:
        """True while every frame found its place."""
        return self._file is not None

    @property
    def is_released(self) -> bool:
        """True once a collector has said that it needs nothing more."""
        return self._released.exists()

    @property
    def read_at(self) -> int:
        """When a collector last read what waits here, in nanoseconds; 0: never."""
        with contextlib.suppress(OSError):
            return self._reading.stat().st_mtime_ns
        return 0

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def temporary_directory(environment: Mapping[str, str]) -> Path:
    """Return the parent of the agent's folder; importing `tempfile` would take longer."""
    return Path(environment.get("TMPDIR") or "/tmp")  # noqa: S108 (names in it are random)


def make_folder(environment: Mapping[str, str]) -> Path:
    """Make the folder of an agent."""
    folder = temporary_directory(environment) / f"{PREFIX}{os.urandom(8).hex()}"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        sys.exit(f"the agent needs a writable {folder.parent}: {error.strerror}")
    return folder


def remove_folder(folder: Path) -> None:
    """Remove the folder and all that is in it; errors are ignored."""
    for place, _, names in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            for name in names:
                Path(place, name).unlink()
            Path(place).rmdir()


def find_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the newest folder of an agent whose frames carry the known nonce."""
    mine = environment.get(NONCE, "").encode()
    found = [
        (folder.stat().st_mtime_ns, folder)
        for folder in temporary_directory(environment).glob(f"{PREFIX}*")
        if (line := _first_line(folder)) and mine in line
    ]
    return max(found)[1] if found else None


def _first_line(folder: Path) -> bytes:
    try:
        with (folder / FRAMES).open("rb") as journal:
            return journal.readline(200)
    except OSError:
        return b""


def frames(folder: Path, first: int, last: int) -> Iterator[bytes]:
    """Yield the lines of the frames `first` to `last`, at most `ANSWER_BYTES`."""
    size, latest = 0, first
    with (folder / FRAMES).open("rb") as journal:
        for line in journal:
            number = _number(line)
            if number is None or not first <= number <= last:
                continue
            if number != latest and size > ANSWER_BYTES:
                return
            size, latest = size + len(line), number
            yield line


def _number(line: bytes) -> int | None:
    """Return the sequence number in a whole line of a frame, else None."""
    words = line.split(b" ", 3)
    is_whole = len(words) > 3 and words[2].isdigit() and line.endswith(b"\n")
    return int(words[2]) if is_whole else None


def main(words: list[str] | None = None) -> int:
    """Do what `words` (default: the command line) say; 1 if there is no journal here."""
    words = sys.argv[1:] if words is None else words
    folder = find_folder(os.environ)
    if folder is None:
        print("there is no journal here", file=sys.stderr)  # noqa: T201 (the interface)
        return 1
    if words == ["--release"]:
        (folder / RELEASE).touch()
        return 0
    try:
        first, last = map(int, words)
    except ValueError:
        print("usage: journal FIRST LAST | --release", file=sys.stderr)  # noqa: T201
        return 2
    for line in frames(folder, first, last):
        sys.stdout.buffer.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
