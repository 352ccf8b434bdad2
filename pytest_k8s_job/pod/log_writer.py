"""Writes the pod's log: records in batches as frames, pytest's output line by line.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable

from pytest_k8s_job.wire import frames

__all__ = [
    "BATCH_SECONDS",
    "LINE_LIMIT",
    "FrameWriter",
    "Lines",
    "Log",
    "Output",
    "Printed",
]

LINE_LIMIT = 8 << 10  # a longer line of pytest's output is broken here: runtimes tear at 8 KiB
BATCH_SECONDS = 0.05  # a dot should feel live
BATCH_BYTES = 32 << 10  # unpacked; about 3 KiB as a frame
HEARTBEAT_SECONDS = 20.0  # proxies cut streams that are idle for 60 s
POLL_SECONDS = 0.25  # a process that keeps pytest's pipes open must not keep the agent
RUNTIME_BYTES = 45  # that the container runtime puts before each line: time, stream, flag
KEPT_BYTES = 64 << 10  # of the end of an output that is over its budget
TAIL_BYTES = 2000  # of that for the `end` record


class Log:
    """The container's log; `bytes` is the size by which the kubelet rotates it."""

    def __init__(self, out: int) -> None:
        self._out = out
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Write whole lines."""
        self.bytes += len(data) + RUNTIME_BYTES * data.count(b"\n")
        write_all(self._out, data)


class Output:
    """Writes pytest's own output into the log: its beginning, and past the budget its end.

    What tests write past pytest's capture would otherwise make the kubelet rotate the log, and
    take the frames in it away.
    """

    def __init__(self, log: Log, budget: int) -> None:
        self._log = log
        self._budget = self._room = budget
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._held = self._left_out = 0  # lines that were not written, and their bytes

    def take(self, line: bytes) -> None:
        """Write `line`, or hold it back."""
        self._keep(line)
        self._room -= len(line) + RUNTIME_BYTES
        if self._held == 0 and self._room >= 0:
            self._log.write(line)
            return
        if self._held == 0:
            limit = f"{self._budget >> 10} KiB"
            self._write_note(
                f"more than {limit} of output: from here on, only its last lines follow"
            )
        self._held += 1
        self._left_out += len(line)

    def close(self) -> None:
        """Write the end of what was held back."""
        if self._held:
            last = list(self._kept)[-self._held :]
            self._write_note(
                f"{self._left_out - sum(map(len, last))} bytes of output left out here"
            )
            self._log.write(b"".join(last))
            self._held = 0

    @property
    def tail(self) -> str:
        """The last that pytest wrote."""
        return b"".join(self._kept)[-TAIL_BYTES:].decode("utf-8", "replace")

    def _keep(self, line: bytes) -> None:
        self._kept.append(line)
        self._kept_bytes += len(line)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())

    def _write_note(self, text: str) -> None:
        self._log.write(f"[... pytest-k8s-job: {text} ...]\n".encode("ascii"))


class FrameWriter:
    """Collects records and hands them as frames to `write`."""

    def __init__(
        self, write: Callable[[bytes], object], nonce: str, batch_seconds: float = BATCH_SECONDS
    ) -> None:
        self._write = write
        self._nonce = nonce
        self._batch_seconds = batch_seconds
        self._batch = bytearray()
        self._sequence = 0
        self._oldest = self._last_write = time.monotonic()
        self._digest = hashlib.sha256()
        self.records = 0
        self.heartbeat_seconds = HEARTBEAT_SECONDS

    @property
    def sha256(self) -> str:
        """Digest over all records written so far, as hex."""
        return self._digest.hexdigest()

    def add(self, line: bytes) -> None:
        """Add one record with its newline."""
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
            due = self._last_write + self.heartbeat_seconds
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
        self._write(frames.encode(self._nonce, self._sequence, payload))
        self._sequence += 1
        self._last_write = time.monotonic()


class Lines:
    """Cuts a byte stream into lines and hands each, with its newline, to `take`."""

    def __init__(self, take: Callable[[bytes], None], limit: int | None = None) -> None:
        self._take = take
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
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


class Printed:
    """Passes on what pytest's process prints to one descriptor, past its capturing."""

    def __init__(
        self, descriptor: int, record: Callable[[int, bytes], None], show: Callable[[bytes], None]
    ) -> None:
        self._descriptor = descriptor
        self._record = record
        self._lines = Lines(show, LINE_LIMIT)

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self._record(self._descriptor, data)
        self._lines.feed(data)

    def close(self) -> None:
        """Show an unfinished last line."""
        self._lines.close()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however small the steps."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
