"""Packs files into a reproducible tar.gz, in parts that fit into ConfigMaps."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.wire.sync_layout import content_digest, tree_digest

__all__ = ["Archive", "pack", "pack_contents", "size_text"]

PART_BYTES = 900_000  # a ConfigMap holds 1 MiB, with its names
UNPACKED = 16  # times the limit: what may lie in memory here, and in the pod's emptyDir
NAMED = 5  # files that a refusal names
LEVEL = 6  # of zlib; more takes twice the time for 2 % less


@dataclass(frozen=True)
class Archive:
    """A packed tree; `files` has the digest of each file."""

    data: bytes = field(repr=False)
    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Names the tree, however it was packed."""
        return tree_digest(self.files)

    @property
    def parts(self) -> list[bytes]:
        """The packed bytes in pieces, at least one."""
        data = self.data
        return [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)]

    def order(self) -> dict[str, object]:
        """Return what the pod must know to unpack it."""
        return {"parts": len(self.parts), "sha256": content_digest(self.data)}


def pack(files: Mapping[str, Path], limit: int) -> Archive:
    """Pack the files by their names; refuse more than `limit` packed bytes.

    Each file is read once. One that is gone meanwhile is left out.
    """
    contents: dict[str, tuple[bytes, bool]] = {}
    room = limit * UNPACKED
    for name, path in sorted(files.items()):
        try:
            with path.open("rb") as file:
                data = file.read(room + 1)
                executable = bool(os.fstat(file.fileno()).st_mode & 0o100)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(
                f"--sync: cannot read {path}: {error.strerror}; make it readable, or name it in "
                ".gitignore"
            ) from error
        contents[name] = data, executable
        room -= len(data)
        if room < 0:
            raise _too_large(contents, f"more than {size_text(limit * UNPACKED)}", limit)
    archive = pack_contents(contents)
    if len(archive.data) > limit:
        raise _too_large(contents, f"{size_text(len(archive.data))} packed", limit)
    return archive


def pack_contents(contents: Mapping[str, tuple[bytes, bool]]) -> Archive:
    """Pack contents by names; the same ones always give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (data, executable) in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(data))
    digests = {name: content_digest(data) for name, (data, _) in contents.items()}
    return Archive(gzip.compress(packed.getvalue(), LEVEL, mtime=0), digests)


def _too_large(contents: Mapping[str, tuple[bytes, bool]], found: str, limit: int) -> UsageError:
    largest = sorted(contents, key=lambda name: (-len(contents[name][0]), name))[:NAMED]
    names = ", ".join(f"{name} ({size_text(len(contents[name][0]))})" for name in largest)
    return UsageError(
        f"--sync: the files are {found}, and at most {size_text(limit)} packed may go along; the "
        f"largest: {names}. Name in .gitignore what the tests do not need, name fewer tests, "
        "or raise the ini value k8s_sync_limit"
    )


def size_text(count: int) -> str:
    """Return a number of bytes for people."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} B"
