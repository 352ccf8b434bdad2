"""The target of one run: found, watched and compared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.cluster.suite_container import suite_container
from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.run.rollout import Diagnose, Rollout, RolloutResult
from pytest_k8s_job.target.change import Change, change_between, changed_configs
from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.hosts import hosts_in_environment
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import Said

__all__ = ["TargetWatch", "search_for"]

TRIES = 3  # readings after the tests, if one fails
PAUSE_SECONDS = 1.0
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 (nothing binds to it)


def search_for(
    job: Object, namespace: str, said: Iterable[Said], more: Mapping[str, str]
) -> Search:
    """Return what the target of a Job is found by."""
    container = suite_container(job["spec"]["template"])
    hosts = hosts_in_environment(container, more)
    return Search(namespace, tuple(said), tuple(dict.fromkeys(hosts)))


class TargetWatch:
    """Reads the target of one run; safe to be asked by several threads.

    `before` is the target as it was before the tests, if that was read elsewhere.
    """

    def __init__(self, reader: Reader, search: Search, before: Target | None = None) -> None:
        self.namespace = search.namespace
        self._reader = reader
        self._search = search
        self._lock = threading.Lock()
        self._before = before
        self._read_with: Search | None = None
        self._now = Target()
        self.notes: list[str] = []
        """What else the user should know of the target, once it was compared."""

    def settle(
        self, seconds: float, show: Callable[[str, float], None], diagnose: Diagnose
    ) -> RolloutResult:
        """Wait until the target has settled, at most `seconds`; remember it as it is then."""
        result = Rollout(self._reader, self._search, show, diagnose).wait(seconds)
        self._before = self._now = result.target
        self._read_with = self._search
        return result

    def note(self, peers: Iterable[tuple[str, int, str]]) -> None:
        """Take what a test has connected to: name or address, port, address."""
        peers = [each for each in peers if not each[2].startswith(LOOPBACK)]
        new = {each for name, _, address in peers for each in (name, address) if each}
        known = set(self._search.seen)
        more = sorted(each for each in new - known if not each.startswith(LOOPBACK))
        ports = self._search.ports | {(address, port) for _, port, address in peers if address}
        if more or ports != self._search.ports:
            seen = (*self._search.seen, *more)
            self._search = replace(self._search, seen=seen, ports=ports)

    @property
    def target(self) -> Target:
        """The target with what was seen so far; reads again when something new was seen."""
        with self._lock:
            if self._read_with != self._search:
                self._read_with = self._search
                self._now = find_target(self._reader, self._search)
            return self._now

    def change(self, since: float, until: float) -> Change | None:
        """Read the target again; return how it changed from the first to the last test."""
        with self._lock:
            self._read_with = self._search
            for _ in range(TRIES):
                self._now = find_target(self._reader, self._search)
                if not self._now.failed:
                    break
                time.sleep(PAUSE_SECONDS)
            self.notes = changed_configs(self._before or Target(), self._now)
            found = change_between(self._before, self._now, since, until)
            if found is None and self._now.failed:  # nobody knows whether it stayed the same
                return Change(f"after the tests: {listed(self._now.failed)}", version=False)
            return found
