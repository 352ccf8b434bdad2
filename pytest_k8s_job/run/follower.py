"""Follows one pod: its state and its log, over as many connections as that takes.

The poller's thread tells the state, a thread here reads the log, and both put what they see into
one queue. The end of a log stream means nothing here: a kubelet
that dies ends it like a container that ends. So the log is read on until the caller has found the
`end` record and stops us, or until an ended container's log was read several times without it.

Frames that are missing are looked for in this order: the next connection begins before the break;
then the whole log is read again; then, while the container lives, its journal is asked.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import ClusterError, FrameError, GoneError, NotReadyError
from pytest_k8s_job.run.events import Broken, LogRead, Payload, PodSeen, Sink
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.wire.frames import Decoder
from pytest_k8s_job.wire.journal import read_command, release_command

__all__ = ["Follower"]

RECONNECT = 0.3  # seconds before the next connection
OVERLAP = 5  # seconds of log asked for again: the API cuts times to whole seconds
PATIENCE = 60.0  # seconds without any answer of the API server before we give up
END, LINGERS, WAITING = (
    b'["end",',
    b'"linger":true',
    b'"waiting":true',
)  # inside a JSON text its quotes would be escaped
FORBIDDEN = (401, 403)  # HTTP status codes that asking again does not change
REPAIRS = 100  # times that a living container's log is left to look for missing frames
LAST_READS = 3  # reads of the whole log of an ended container: even those may be cut short


class Follower:
    """Follows `job` and puts what it sees into `events`; `stop` ends it."""

    def __init__(
        self, poller: PodPoller, job: JobRef, decoder: Decoder, raw: BinaryIO | None, events: Sink
    ) -> None:
        self.job = job
        self.events = events
        self.ending = False
        self.heard = False
        self.bring: Callable[[Callable[[Sequence[str]], bytes]], None] | None = None
        """Reads files that wait in the pod, by commands that run there."""
        self._cluster = poller.cluster
        self._poller = poller
        self._decoder = decoder
        self._raw = raw
        self._pod: PodState | None = None
        self._answered = 0.0
        self._repairs = 0
        self._lost: int | None = None  # number of a frame that nobody has any more
        self._complete = False  # the `end` record has come
        self._readable = threading.Event()
        self._pod_over = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to follow."""
        self._answered = time.monotonic()
        threading.Thread(target=self._guarded, daemon=True).start()
        self._poller.add(self)

    def expect_end(self) -> None:
        """Take that the container is about to end."""
        if not self.ending:
            self.ending = True
            self._poller.check()

    def stop(self) -> None:
        """Let the thread end; it may still wait for a socket."""
        self._stopped.set()
        self._readable.set()
        self._pod_over.set()

    def _guarded(self) -> None:
        try:
            self._follow_log()
        except Exception as error:  # whatever it is: the main thread must hear of it
            self.fail(error)

    # -- the pod, as the poller tells it

    @property
    def watching(self) -> bool:
        """True while the state of the pod may still change."""
        return not self._pod_over.is_set()

    @property
    def running(self) -> bool:
        """True once the container was seen to run."""
        return self._pod is not None and self._pod.phase >= Phase.RUNNING

    @property
    def _has_ended(self) -> bool:
        return self._pod is not None and self._pod.phase is Phase.TERMINATED

    def note(self, pod: PodState | None) -> None:
        """Take the state of the pod and pass it on."""
        self._answered = time.monotonic()
        before = self._pod
        if before is not None and (pod is None or pod.name != before.name):
            self._lose_pod(f"pod {before.name} is gone: it was deleted or evicted")
            return
        self._pod = pod
        self.events.put(PodSeen(pod))
        if pod is not None and pod.phase is Phase.TERMINATED:
            self._pod_over.set()
        if self.running:
            self._readable.set()

    def note_error(self, error: ClusterError) -> None:
        """Give up when the API server has been silent for long."""
        if time.monotonic() - self._answered > PATIENCE:
            self._lose_pod(str(error))

    def fail(self, error: Exception) -> None:
        """Pass on an error that nobody expected."""
        self._lose_pod(f"{type(error).__name__}: {error}")

    def _lose_pod(self, reason: str) -> None:
        self._pod_over.set()
        self._readable.set()
        self.events.put(Broken(reason))

    # -- the log

    def _follow_log(self) -> None:
        self._readable.wait()
        since: int | None = None
        reads = 0
        answered = time.monotonic()
        while not self._stopped.is_set() and self._pod is not None:
            pod, ended = self._pod.name, self._pod.phase is Phase.TERMINATED
            last = time.monotonic()
            whole = self._read(pod, None if ended else since, patch=not ended)
            if whole or not ended:
                answered = time.monotonic()
            elif time.monotonic() - answered > PATIENCE:
                self._give_up(f"the log of the ended pod {pod} cannot be read")
            if ended and whole:
                reads += 1
                if reads >= LAST_READS:
                    self.events.put(LogRead(self._decoder.has_gap))
                    return
            if whole and since is None and not ended and self._is_repairable:
                self.read_journal(pod)
            since = math.ceil(time.monotonic() - last) + OVERLAP
            if self._decoder.has_gap and self._decoder.next_sequence != self._lost:
                since = None
            if self._complete:
                self._pod_over.wait()  # nothing more will be written
            self._stopped.wait(RECONNECT)

    def _read(self, pod: str, since: int | None, *, patch: bool) -> bool:
        """Read one stream; False if it broke."""
        self._decoder.new_stream()
        try:
            for chunk in self._cluster.log(self.job, pod, since):
                self.heard = True
                if self._raw is not None:
                    self._raw.write(chunk)
                self._take(pod, chunk)
                if patch and self._is_repairable:
                    break
        except (NotReadyError, GoneError):
            return False
        except FrameError as error:
            self._give_up(str(error))
        except ClusterError as error:
            if error.status in FORBIDDEN:
                self._give_up(str(error))
            return False
        finally:
            self.heard = False
            self._poller.check()
        return True

    def _take(self, pod: str, chunk: bytes) -> None:
        for payload in self._decoder.feed(chunk):
            self.events.put(Payload(payload))
            if payload.startswith(END):
                self._complete = True
                if LINGERS in payload and not self._has_ended:
                    if WAITING in payload and self.bring is not None:
                        self.bring(lambda command: self._cluster.exec(self.job, pod, command))
                    self._release(pod)

    def _release(self, pod: str) -> None:
        """Let the agent end: all frames up to its last are here."""
        with contextlib.suppress(ClusterError):  # unreleased it ends by itself, only later
            self._cluster.exec(self.job, pod, release_command())

    # -- the journal

    @property
    def _is_repairable(self) -> bool:
        """True if frames were passed over that may still be found."""
        missing = self._decoder.missing
        return missing is not None and missing[0] != self._lost and self._repairs < REPAIRS

    def read_journal(self, pod: str) -> None:
        """Ask the container for the missing frames, in as many pieces as it takes."""
        self._repairs += 1
        while (missing := self._decoder.missing) and not self._stopped.is_set():
            try:
                lines = self._cluster.exec(self.job, pod, read_command(*missing))
                self._decoder.new_stream()
                self._take(pod, lines)
            except FrameError as error:
                self._give_up(str(error))
            except ClusterError as error:
                if error.status in FORBIDDEN:
                    self._lost = missing[0]
                return
            if self._decoder.next_sequence == missing[0]:
                self._lost = missing[0]
                return

    def _give_up(self, reason: str) -> None:
        self.events.put(Broken(reason))
        self.stop()
