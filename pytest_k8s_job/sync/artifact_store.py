"""Writes files from pods below one folder, whatever their names and contents are.

A name is data: it never leaves the folder, never follows a link, and where two names are one to
some file system, the second gets a number. A file counts once it is whole and its sha256 is right.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_k8s_job.errors import K8sJobError

__all__ = ["ArtifactError", "ArtifactStore", "Described", "Incoming", "Stored"]

MOST_FILES = 10_000  # of all pods
MOST_PACKED = 4 << 20  # bytes that a file from the log may unpack to
NAME_BYTES = 200  # of one part of a path; file systems take 255
PATH_BYTES = 1000
UNSAFE = frozenset('\\:*?"<>|')  # that some file system takes for something else
_Key = tuple[str, ...]
INDEX = ".k8s-job-artifacts"  # names of what the last run wrote


class ArtifactError(K8sJobError):
    """Why a file is not brought."""


@dataclass(frozen=True)
class Described:
    """A file as the pod describes it: its path there, and its name here."""

    shard: str
    path: str
    name: str
    size: int
    sha256: str


@dataclass
class Stored:
    """A file that has arrived; `parts` is its path below the folder."""

    what: Described
    parts: tuple[str, ...]


class ArtifactStore:
    """The files of one run in `folder`; threads may share it."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._left = limit
        self._count = 0
        self._lock = threading.Lock()
        self._stored: dict[_Key, Stored] = {}
        self._folders: set[_Key] = set()
        self._divided: set[_Key] = set()
        self._numbers: dict[_Key, int] = {}

    @property
    def files(self) -> list[Stored]:
        """What has arrived, in the order of the paths here."""
        return sorted(self._stored.values(), key=lambda each: each.parts)

    def path(self, stored: Stored) -> Path:
        """Return where a file lies."""
        return self.folder.joinpath(*stored.parts)

    def open(self, what: Described) -> Incoming:
        """Begin to write a file; raises ArtifactError if it may not come."""
        parts = safe_parts(what.name)
        with self._lock:
            if self._count >= MOST_FILES:
                raise ArtifactError(f"more than {MOST_FILES:,} files")
            if what.size > self._left:
                raise ArtifactError("over the limit of all files (ini k8s_artifacts_limit)")
            self._count += 1
            self._left -= what.size
        return Incoming(self, what, parts)

    def store_packed(self, what: Described, packed: bytes) -> None:
        """Write a file that came packed, in one piece."""
        if what.size > MOST_PACKED:
            raise ArtifactError("it would unpack to more than a file in the log may have")
        try:
            content = zlib.decompressobj().decompress(packed, what.size + 1)
        except zlib.error as error:
            raise ArtifactError(f"it does not unpack: {error}") from error
        with self.open(what) as incoming:
            incoming.write(content)

    def place(self, what: Described, parts: tuple[str, ...], file: Path) -> None:
        """Move a whole file to where it belongs."""
        with self._lock:
            key = _key(parts)
            other = self._stored.get(key)
            if other is not None and other.what.shard != what.shard:
                self._divided.add(key)
                del self._stored[key]
                self._move(self.path(other), _by_shard(other.what), other.what, other.parts)
            if key in self._divided:
                self._move(file, _by_shard(what), what, parts)
            else:
                self._move(file, (), what, parts)

    def _move(
        self, file: Path, before: tuple[str, ...], what: Described, parts: tuple[str, ...]
    ) -> None:
        parts = self._free((*before, *parts), what)
        target = self.folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(self.folder.resolve()):
            raise ArtifactError(f"{target.parent} is a link out of the folder")
        file.replace(target)
        key = _key(parts)
        self._stored[key] = Stored(what, parts)
        self._folders.update(key[:depth] for depth in range(1, len(key)))

    def _free(self, parts: tuple[str, ...], what: Described) -> tuple[str, ...]:
        """Return `parts` with numbers where they would meet another file or folder."""
        for depth in range(1, len(parts)):
            parts = self._numbered(parts, depth, lambda key: key in self._stored)
        return self._numbered(parts, len(parts), lambda key: self._is_taken(key, what))

    def _numbered(
        self, parts: tuple[str, ...], depth: int, taken: Callable[[_Key], bool]
    ) -> tuple[str, ...]:
        first, name = _key(parts[:depth]), parts[depth - 1]
        while taken(_key(parts[:depth])):
            number = self._numbers[first] = self._numbers.get(first, 1) + 1
            parts = (*parts[: depth - 1], f"{name}~{number}", *parts[depth:])
        return parts

    def _is_taken(self, key: _Key, what: Described) -> bool:
        other = self._stored.get(key)
        another = other is not None and (other.what.shard, other.what.path) != (
            what.shard,
            what.path,
        )
        return another or key in self._folders

    def remove_earlier(self) -> None:
        """Remove what an earlier run wrote here: old files would pass for new ones."""
        with contextlib.suppress(OSError, ValueError, ArtifactError):
            for name in (self.folder / INDEX).read_text("utf-8").splitlines():
                file = self.folder.joinpath(*safe_parts(name))
                file.unlink(missing_ok=True)
                for parent in list(file.parents)[: len(file.relative_to(self.folder).parts) - 1]:
                    if any(parent.iterdir()):
                        break
                    parent.rmdir()

    def write_index(self) -> None:
        """Note for the next run what this one wrote."""
        if self._stored:
            names = "\n".join("/".join(each.parts) for each in self.files)
            with contextlib.suppress(OSError):
                (self.folder / INDEX).write_text(names + "\n", "utf-8")


class Incoming:
    """One file on its way, put into its place at the end of the block."""

    def __init__(self, store: ArtifactStore, what: Described, parts: tuple[str, ...]) -> None:
        self._store = store
        self._what = what
        self._parts = parts
        self._digest = hashlib.sha256()
        self._size = 0
        self._temporary = store.folder / f".k8s-job-{secrets.token_hex(8)}"

    def __enter__(self) -> Incoming:
        self._temporary.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._temporary.open("xb")
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._size += len(data)
        self._digest.update(data)
        self._file.write(data)

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        try:
            if kind is None:
                self._check()
                self._store.place(self._what, self._parts, self._temporary)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        right = self._size == self._what.size and self._digest.hexdigest() == self._what.sha256
        if not right:
            raise ArtifactError("it changed while it was read")


def safe_parts(name: str) -> tuple[str, ...]:
    """Return a path from a pod as names that every file system takes.

    Raises ArtifactError if it leads out of the folder or is too long.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise ArtifactError("its name leads out of the folder")
    safe = tuple(map(_safe, parts))
    if sum(len(part.encode()) + 1 for part in safe) > PATH_BYTES:
        raise ArtifactError("its name is too long")
    return safe


def _safe(part: str) -> str:
    """Return one name with what is unsafe written as %XX, and not too long."""
    text = "".join(
        _escaped(char) if char in UNSAFE or not char.isprintable() else char for char in part
    )
    if text[-1] in ". ":
        text = text[:-1] + _escaped(text[-1])
    if len(text.encode()) <= NAME_BYTES:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    suffix = Path(text).suffix[-20:]
    return text.encode()[: NAME_BYTES - 60].decode("utf-8", "ignore") + f"~{mark}{suffix}"


def _escaped(char: str) -> str:
    # Bytes that are no text come as surrogates; others of these are nobody's bytes.
    errors = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", errors))


def _by_shard(what: Described) -> tuple[str, ...]:
    return (what.shard or "shard",)


def _key(parts: tuple[str, ...]) -> _Key:
    """Return what two paths have in common that some file system takes for one."""
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)
