"""One connection to a debugger in the pod, read by a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pytest_k8s_job.cluster.pods import Stream
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.wire.debugger import Message, Messages, encode

__all__ = ["Link"]

MATCHES_SECONDS = 3.0  # for the pod to complete a word
WATCH_SECONDS = 1.0  # between two looks at the pod's state


class Link:
    """The messages of one connection to the pod.

    `on_leave` is called by another thread when the pod waits for no line any more. The stream to
    a pod that is deleted does not always end: `lives` says when it must have.
    """

    def __init__(
        self, stream: Stream, on_leave: Callable[[], None], lives: Callable[[], bool]
    ) -> None:
        self.is_closed = False
        self.asks = False
        """True while the pod waits for a line."""
        self._stream = stream
        self._on_leave = on_leave
        self._messages: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._watch, args=[lives], daemon=True).start()

    def _read(self) -> None:
        reader = Messages()
        while data := self._stream.receive():
            for message in reader.feed(data):
                self._take(message)
        self._end()

    def _watch(self, lives: Callable[[], bool]) -> None:
        while not self.is_closed:
            time.sleep(WATCH_SECONDS)
            if not lives():
                self._end()

    def _end(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._take(None)

    def _take(self, message: list[Any] | None) -> None:
        kind = message[0] if message else Message.GO
        self._messages.put(message)
        if kind in (Message.ASK, Message.GO):
            self.asks = kind == Message.ASK
        if kind == Message.GO:
            self._on_leave()

    def next(self, seconds: float) -> list[Any] | None:
        """Return the next message, None at the end; raise `queue.Empty` if there is none yet."""
        return self._messages.get(timeout=seconds)

    def send(self, kind: Message, *fields: object) -> None:
        """Send a message; that the connection has ended is told by `next`."""
        with suppress(ClusterError):
            self._stream.send(encode(kind, *fields))

    def complete(self, *words: str | int) -> list[str]:
        """Let the pod complete a word at the prompt."""
        self.send(Message.COMPLETE, *words)
        with suppress(queue.Empty):
            match self.next(MATCHES_SECONDS):
                case [Message.MATCHES, list(matches)]:
                    return matches
        return []

    def close(self) -> None:
        """End the connection."""
        self.is_closed = True
        self._stream.close()
