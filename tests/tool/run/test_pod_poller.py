"""How often the API server is asked for the pods of a run: as often for many as for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.run import pod_poller
from pytest_k8s_job.run.pod_poller import PodPoller

JOB = JobRef("here", "job", "suite")
START, LIFE, EXIT = 1.0, 1.5, 0.3  # seconds until a container runs, that it runs, and to its exit
STAGGER = 0.6  # seconds between the starts of two shards on one small node


@dataclass
class Clock:
    """Time that a test moves on."""

    now: float = 0.0


@dataclass
class TimedPod:
    """A pod that starts and ends by the clock, and the watcher that is told so."""

    clock: Clock
    job: JobRef
    start: float
    told: list[PodState | None] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    log_ends: float = float("inf")

    @property
    def end(self) -> float:
        return self.start + LIFE

    @property
    def state(self) -> PodState:
        phases = [Phase.SCHEDULED, Phase.RUNNING, Phase.TERMINATED]
        passed = sum(self.clock.now >= at for at in (self.start, self.end + EXIT))
        return PodState(str(self.job), phases[passed])

    @property
    def phase(self) -> Phase:
        return self.told[-1].phase if self.told and self.told[-1] else Phase.CREATED

    @property
    def watching(self) -> bool:
        return self.phase < Phase.TERMINATED and not self.errors

    @property
    def running(self) -> bool:
        return self.phase >= Phase.RUNNING

    @property
    def heard(self) -> bool:
        return self.running and self.clock.now < self.log_ends

    @property
    def ending(self) -> bool:
        return self.clock.now >= self.end  # its log says so at once

    def note(self, pod: PodState | None) -> None:
        self.told.append(pod)

    def note_error(self, error: ClusterError) -> None:
        self.errors.append(error)

    def fail(self, error: Exception) -> None:
        self.errors.append(error)


class CountingCluster:
    """A cluster of timed pods that counts the requests."""

    def __init__(self, pods: Sequence[TimedPod]) -> None:
        self._pods = {pod.job: pod for pod in pods}
        self.requests = 0

    def pods(self, jobs: Sequence[JobRef]) -> dict[JobRef, PodState]:
        self.requests += 1
        return {job: self._pods[job].state for job in jobs}


def play(shards: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, float]:
    """Play a run; return its requests, and the seconds from the last exit to when it was seen."""
    monkeypatch.setattr("threading.Thread.start", lambda _thread: None)  # the test is the thread
    clock = Clock()
    jobs = [JOB] if shards == 1 else [JobRef("here", "job", "suite", n) for n in range(shards)]
    pods = [TimedPod(clock, job, START + n * STAGGER) for n, job in enumerate(jobs)]
    cluster: Any = CountingCluster(pods)
    poller = PodPoller(cluster)
    for pod in pods:
        poller.add(pod)
    last = max(pod.end for pod in pods)
    while any(pod.watching for pod in pods):
        poller.look()
        pause = poller.pause(clock.now)
        if pause is None:
            break
        wakes = clock.now < last < clock.now + pause  # the last `end` record changes the pause
        clock.now = last if wakes else clock.now + pause
    return cluster.requests, clock.now - last - EXIT


def test_sixteen_shards_cost_hardly_more_requests_than_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One request covers all; pods that come one after another are not asked for each in turn."""
    one, _ = play(1, monkeypatch)
    sixteen, _ = play(16, monkeypatch)
    assert one < sixteen <= 1.5 * one


@pytest.mark.parametrize("shards", [1, 16])
def test_the_exit_of_the_last_container_is_seen_at_once(
    shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict waits for it, whatever the number of pods."""
    _, delay = play(shards, monkeypatch)
    assert 0 <= delay <= 0.1


def test_a_log_that_ends_before_its_time_is_followed_by_a_request() -> None:
    """A pod that is taken away is gone soon: it must be seen before."""
    clock = Clock()
    pods = [TimedPod(clock, JobRef("here", "job", "suite", n), START) for n in range(3)]
    cluster: Any = CountingCluster(pods)
    poller = PodPoller(cluster)
    poller._watchers += pods
    assert poller.pause(clock.now) == pod_poller.POLL_STARTING_SHARDS
    clock.now = START + LIFE / 2
    poller.look()
    for pod in pods:
        pod.start = clock.now + 100  # they run on
    clock.now += 50
    assert poller.pause(clock.now) == pod_poller.LONGEST
    pods[1].log_ends = clock.now
    assert poller.pause(clock.now) == pod_poller.POLL_RUNNING


def test_an_unexpected_error_reaches_every_watcher() -> None:
    """A thread that dies in silence would leave the run waiting for ever."""
    clock = Clock()
    poller = PodPoller(object())  # type: ignore[arg-type]  # that is the error
    pods = [TimedPod(clock, JOB, START), TimedPod(clock, JOB, START)]
    poller._watchers += pods
    poller._poll()
    assert [type(pod.errors[0]) for pod in pods] == [AttributeError] * 2
