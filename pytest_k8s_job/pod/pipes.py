"""Reads the pipes of pytest's process in the order of their rank. Standard library only."""

from __future__ import annotations

import os
import selectors
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

__all__ = ["Pipes", "Sink"]

READ_BYTES = 1 << 16
FULL_BYTES = 16 << 10  # a pass that moved as much is followed by the next at once
PAUSE = 0.01  # seconds: a wake-up for each record would cost as much as a trivial test


class Sink(Protocol):
    """A consumer of the bytes of a pipe."""

    def feed(self, data: bytes, /) -> None:
        """Add the next bytes."""

    def close(self) -> None:
        """Handle an unfinished last line."""


class Pipes:
    """The open pipes, the most important first; `awaited` are those that pytest waits for.

    Records are read first: what is printed after a record must not overtake it.
    """

    def __init__(self, sources: Sequence[tuple[int, Sink]], awaited: Sequence[int]) -> None:
        self._sinks = [sink for _, sink in sources]
        self._all = selectors.DefaultSelector()
        self._awaited = selectors.DefaultSelector()
        for rank, (descriptor, sink) in enumerate(sources):
            os.set_blocking(descriptor, False)
            self._all.register(descriptor, selectors.EVENT_READ, (rank, sink))
            if descriptor in awaited:
                self._awaited.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._all.close()
        self._awaited.close()

    @property
    def are_closed(self) -> bool:
        """True once every pipe has ended."""
        return not self._all.get_map()

    def read(self, timeout: float) -> None:
        """Wait for bytes at most `timeout` seconds and pass them on; collect small ones."""
        if self._pass_on(timeout, last=False) < FULL_BYTES:
            self._awaited.select(min(PAUSE, timeout))

    def read_rest(self) -> None:
        """Pass on what is left in the pipes and close the sinks."""
        self._pass_on(0, last=True)
        for sink in self._sinks:
            sink.close()

    def _pass_on(self, timeout: float, *, last: bool) -> int:
        moved = 0
        for key, _ in sorted(self._all.select(timeout), key=lambda each: each[0].data[0]):
            rank, sink = key.data
            count, has_ended = _drain(key.fd, sink, reads=64 if last or rank == 0 else 1)
            moved += count
            if has_ended:
                self._all.unregister(key.fd)
                if key.fd in self._awaited.get_map():
                    self._awaited.unregister(key.fd)
        return moved


def _drain(descriptor: int, sink: Sink, reads: int) -> tuple[int, bool]:
    """Return the bytes read, and True at the end of the stream."""
    moved = 0
    for _ in range(reads):
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            break
        if not data:
            return moved, True
        sink.feed(data)
        moved += len(data)
        if len(data) < READ_BYTES:
            break
    return moved, False
