"""Asks for the pods of a run and tells each follower its state.

One request covers all pods, and several pods are asked for less often than a single one, so that
the requests to the API server do not grow with the shards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from pytest_k8s_job.cluster.pods import Cluster, JobRef, PodState
from pytest_k8s_job.errors import ClusterError

__all__ = ["PodPoller", "PodWatcher"]

POLL_STARTING = 0.1  # seconds between two requests before a container runs
POLL_STARTING_SHARDS = 0.4  # many pods start at once then, and the API server with them
POLL_RUNNING = 1.0
POLL_ENDING = 0.05  # after the last `end` record: the exit code is a moment away
SLOWER = 0.2  # of the time waited for several pods: what takes long may be seen a little later
LONGEST = 5.0


class PodWatcher(Protocol):
    """What is told the state of the pod of `job`, in the poller's thread."""

    job: JobRef

    @property
    def watching(self) -> bool:
        """True while it wants to be told."""

    @property
    def running(self) -> bool:
        """True once the container was seen to run."""

    @property
    def heard(self) -> bool:
        """True while its log is read, which ends before the container does."""

    @property
    def ending(self) -> bool:
        """True once the container is about to end."""

    def note(self, pod: PodState | None, /) -> None:
        """Take the state of the pod, None while there is none."""

    def note_error(self, error: ClusterError, /) -> None:
        """Take that the API server did not tell."""

    def fail(self, error: Exception, /) -> None:
        """Take that nothing more will be told."""


class PodPoller:
    """One thread that asks for all pods of a run, until `stop`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._watchers: list[PodWatcher] = []
        self._wake = threading.Event()
        self._stopped = False
        self._began: float | None = None
        self._ending_since: float | None = None

    def add(self, watcher: PodWatcher) -> None:
        """Tell `watcher` the state of its pod from now on."""
        self._watchers.append(watcher)
        if len(self._watchers) == 1:
            threading.Thread(target=self._poll, daemon=True).start()
        self._wake.set()

    def check(self) -> None:
        """Ask sooner: a log has ended, or a container is about to."""
        self._wake.set()

    def stop(self) -> None:
        """Ask no more; a request may still be under way."""
        self._stopped = True
        self._wake.set()

    def _poll(self) -> None:
        try:
            while not self._stopped:
                self.look()
                self._pause()
        except Exception as error:  # whatever it is: the main thread must hear of it
            for watcher in self._watched():
                watcher.fail(error)

    def _pause(self) -> None:
        """Wait for the time of the next request, which a watcher may bring forward."""
        last = time.monotonic()
        while not self._stopped:
            self._wake.clear()
            pause = self.pause(time.monotonic())
            left = None if pause is None else last + pause - time.monotonic()
            if (left is not None and left <= 0) or not self._wake.wait(left):
                return

    def look(self) -> None:
        """Ask once for all pods that are watched, and tell."""
        watchers = self._watched()
        if not watchers:
            return
        try:
            pods = self.cluster.pods([each.job for each in watchers])
        except ClusterError as error:
            for watcher in watchers:
                watcher.note_error(error)
        else:
            for watcher in watchers:
                watcher.note(pods.get(watcher.job))

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next request; None until something is watched."""
        watchers = self._watched()
        if not watchers:
            return None
        self._began = now if self._began is None else self._began
        alone = all(each.job.shard is None for each in watchers)
        longest = LONGEST if all(map(_is_quiet, watchers)) else POLL_RUNNING
        if all(each.ending for each in watchers):
            since = self._ending_since = now if self._ending_since is None else self._ending_since
            shortest = POLL_ENDING
        elif any(not (each.running or each.ending) for each in watchers):
            shortest, since = POLL_STARTING if alone else POLL_STARTING_SHARDS, self._began
        else:
            shortest, since = POLL_RUNNING, self._began
        return shortest if alone else max(shortest, min(longest, SLOWER * (now - since)))

    def _watched(self) -> Sequence[PodWatcher]:
        return [each for each in self._watchers if each.watching]


def _is_quiet(watcher: PodWatcher) -> bool:
    """Return whether the pod's log shows everything before its status does."""
    return watcher.heard or watcher.ending or not watcher.running
