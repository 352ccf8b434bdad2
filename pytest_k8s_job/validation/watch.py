"""Looks again and again whether a rollout has no verdict yet, and validates it.

There is no state but the cluster's: what is deployed is compared with what has a verdict. A look
that was missed, a process that was killed, or two of them at once change nothing: the name of the
Job is the lock.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import ClusterError, K8sJobError
from pytest_k8s_job.target.discovery import find_targets
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.settled import unsettled
from pytest_k8s_job.validation.key import rollout_keys
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.runs import left_over
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template, read_templates

__all__ = ["Watch"]

LOOK_SECONDS = 30.0  # between two looks at most; a change of a workload makes it shorter
PAUSE_SECONDS = 1.0  # between two looks at least
MOST_RUNS = 4  # validations at the same time
RETRY_SECONDS = 15.0  # after a validation that gave no verdict
BROKEN_SECONDS = 3.0  # after a watch that broke, as when the API server restarts
KINDS = ("deployments", "statefulsets", "daemonsets")
Start = Callable[[Template], "subprocess.Popen[bytes]"]
Say = Callable[[str], None]


@dataclass
class Watch:
    """Validates all templates of a namespace, each in a process of its own.

    Attributes:
        start: starts `k8s-job validate` for a template.
        say: is told each step in a line.
        seen: what each look saw, for /metrics: (name, runs, since when without a verdict, or 0).
    """

    cluster: KubernetesCluster
    namespace: str
    store: Store
    start: Start
    say: Say
    seen: list[tuple[str, list[Validation], float]] = field(default_factory=list)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _without: dict[str, tuple[str, float]] = field(default_factory=dict)
    _tried: dict[str, tuple[str, float]] = field(default_factory=dict)
    _wake: threading.Event = field(default_factory=threading.Event)
    _watched: set[str] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)
    _wrong: set[str] = field(default_factory=set)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look until `stop` is called; what failed is tried again in the next look."""
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self.look()
            except K8sJobError as error:
                self.say(f"this look failed: {error}")
            self._stopped.wait(PAUSE_SECONDS)
            self._wake.wait(LOOK_SECONDS - PAUSE_SECONDS)

    def stop(self) -> None:
        """End after this look; Jobs that run go on, and are joined later."""
        self._stopped.set()
        self._wake.set()
        for process in self._running.values():
            process.terminate()

    def look(self) -> None:
        """Compare what is deployed with what has a verdict; start what is missing."""
        self._collect()
        seen, jobs, kept = [], self.cluster.jobs(self.namespace), self.store.read_all()
        templates = read_templates(self.cluster, self.namespace, self._leave_out)
        targets = list(find_targets(self.cluster, (each.search for each in templates)))
        keys = rollout_keys(self.cluster, targets)
        for template, target, key in zip(templates, targets, keys, strict=True):
            runs = kept.get(template.name, [])
            validated = not key or is_validated(runs, key, target)
            self._note(template.name, "" if validated else key)
            since = self._without.get(template.name, ("", 0.0))[1]
            seen.append((template.name, runs, since))
            if not validated or left_over(jobs, template, runs, time.time()):
                self._begin(template, key)
            self._follow_changes(target.namespaces)
        self.seen = seen

    def _leave_out(self, error: str) -> None:
        """Say once what is wrong with a template; the others are looked at."""
        if error not in self._wrong:
            self._wrong.add(error)
            self.say(f"left out: {error}")

    def _note(self, name: str, key: str) -> None:
        """Remember since when a rollout has been without a verdict."""
        if not key:
            self._without.pop(name, None)
        elif self._without.get(name, ("", 0.0))[0] != key:
            self._without[name] = (key, time.time())

    def _begin(self, template: Template, key: str) -> None:
        busy = template.name in self._running or len(self._running) >= MOST_RUNS
        tried, ended = self._tried.get(template.name, ("", 0.0))
        if busy or (tried == key and time.monotonic() < ended + RETRY_SECONDS):
            return
        self._tried[template.name] = (key, time.monotonic())
        self.say(f"{template.name}: a run or a rollout has no verdict yet")
        process = self.start(template)
        self._running[template.name] = process
        threading.Thread(target=self._wait_for, args=[process], daemon=True).start()

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._wake.set()

    def _collect(self) -> None:
        """Forget the validations that have ended."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                del self._running[name]
                self._tried[name] = (self._tried[name][0], time.monotonic())

    def _follow_changes(self, namespaces: Iterable[str]) -> None:
        """Let a change of a workload end the wait between two looks."""
        for namespace in set(namespaces) - self._watched:
            self._watched.add(namespace)
            for kind in KINDS:
                path = f"/apis/apps/v1/namespaces/{namespace}/{kind}"
                threading.Thread(target=self._wake_on_change, args=[path], daemon=True).start()

    def _wake_on_change(self, path: str) -> None:
        missed = True  # something may have changed before the watch began
        while not self._stopped.is_set():
            try:
                for change in self.cluster.changes(path):
                    if change or missed:
                        self._wake.set()
                    missed = False
            except ClusterError as error:  # the looks go on without
                missed = True
                if error.status != HTTPStatus.FORBIDDEN:
                    self._stopped.wait(BROKEN_SECONDS)
                    continue
                if path not in self._refused:
                    self._refused.add(path)
                    self.say(f"changes are seen {LOOK_SECONDS:g} s later: {error}")
                self._stopped.wait(LOOK_SECONDS)


def is_validated(runs: list[Validation], key: str, target: Target) -> bool:
    """Whether this rollout has its verdict; NOT_RUN is one until it has settled."""
    found = [each for each in runs if each.key == key and not each.periodic]
    return any(each.run_id for each in found) or bool(found and unsettled(target))
