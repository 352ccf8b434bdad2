"""The files that `--k8s-log` asks for: the raw log of each pod."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

__all__ = ["PodLogs"]


class PodLogs:
    """Opens one file for each pod; all but the first have a number."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._count = 0
        self._files = ExitStack()

    def open(self) -> BinaryIO | None:
        """Open the file of the next pod; None if no logs are wanted."""
        path = self._path
        if path is None:
            return None
        if self._count:
            path = path.with_name(f"{path.name}.{self._count}")
        self._count += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._files.enter_context(path.open("wb", buffering=0))

    def close(self) -> None:
        """Close all of them."""
        self._files.close()
