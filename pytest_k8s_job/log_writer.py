"""What the agent writes into the log: records in batches as frames, and pytest's output by lines.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable

from pytest_k8s_job import frames

__all__ = ["BATCH_SECONDS", "FrameWriter", "Lines", "write_all"]

BATCH_SECONDS = 0.05  # a dot should feel live
BATCH_BYTES = 32 << 10  # unpacked; about 3 KiB as a frame
HEARTBEAT_SECONDS = 20.0  # proxies cut streams that are idle for 60 s
POLL_SECONDS = 0.25  # a process that keeps pytest's pipes open must not keep the agent


class FrameWriter:
    """Collects records and writes them as frames to the descriptor `out`."""

    def __init__(self, out: int, nonce: str, batch_seconds: float = BATCH_SECONDS) -> None:
        self._out = out
        self._nonce = nonce
        self._batch_seconds = batch_seconds
        self._batch = bytearray()
        self._sequence = 0
        self._oldest = self._last_write = time.monotonic()
        self._digest = hashlib.sha256()
        self.records = 0

    @property
    def sha256(self) -> str:
        """Digest over all records written so far, as hex."""
        return self._digest.hexdigest()

    def add(self, line: bytes) -> None:
        """Take one record with its newline."""
        if not self._batch:
            self._oldest = time.monotonic()
        elif len(self._batch) + len(line) > BATCH_BYTES:
            self.flush()
        self._batch += line
        self.records += 1

    def tick(self) -> float:
        """Write what is due; return the seconds until this should be called again."""
        now = time.monotonic()
        if self._batch:
            due = self._oldest + self._batch_seconds
        else:
            due = self._last_write + HEARTBEAT_SECONDS
        if due <= now:
            self.flush()
            return POLL_SECONDS
        return min(due - now, POLL_SECONDS)

    def flush_batch(self) -> None:
        """Write the batch if there is one."""
        if self._batch:
            self.flush()

    def flush(self) -> None:
        """Write the batch as a frame, also an empty one: that is the heartbeat."""
        payload = bytes(self._batch)
        self._batch.clear()
        self._digest.update(payload)
        write_all(self._out, frames.encode(self._nonce, self._sequence, payload))
        self._sequence += 1
        self._last_write = time.monotonic()


class Lines:
    """Cuts a byte stream into lines and hands each, with its newline, to `take`."""

    def __init__(self, take: Callable[[bytes], None], limit: int | None = None) -> None:
        self._take = take
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        first, *more = data.split(b"\n")
        self._rest += first
        for line in more:
            self._take(bytes(self._rest) + b"\n")
            self._rest[:] = line
        if self._limit and len(self._rest) > self._limit:
            self.close()

    def close(self) -> None:
        """Hand over an unfinished last line, with a newline."""
        if self._rest:
            self._take(bytes(self._rest) + b"\n")
            self._rest.clear()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however small the steps."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
