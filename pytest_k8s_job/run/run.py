"""One run in the cluster: creates its Job, follows each pod to its end, replaces what is taken.

The pods' records are replayed as they come, once one of them, the leader, has told the plan.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

import pytest

from pytest_k8s_job.cluster.job_manifest import Object, Run, make_job, replacement
from pytest_k8s_job.cluster.joining import Joined, learn_nonce
from pytest_k8s_job.cluster.pods import Cluster, JobRef, pod_of
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.options import Options
from pytest_k8s_job.replay.origin import Origin, ShardNode
from pytest_k8s_job.run.explainer import Explainer
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.run.shard import Events, Place, Shard
from pytest_k8s_job.run.status_line import StatusLine, step_of
from pytest_k8s_job.target.state import Change, TargetState, change_between, read_target
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.merging import Told
from pytest_k8s_job.verdict.verdict import Outcome

__all__ = ["ClusterRun"]

TICK = 0.2  # seconds between two looks at the clock while nothing arrives
MAX_REPLACEMENTS = 2  # of one shard: a cluster that takes every pod away runs no tests


class ClusterRun:
    """Drives the Jobs of one run and replays into `session` what their logs hold."""

    def __init__(
        self, cluster: Cluster, options: Options, session: pytest.Session, status: StatusLine
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._session = session
        self.status = status
        self._events: Events = queue.SimpleQueue()
        self._poller = PodPoller(cluster)
        self._files = ExitStack()
        self._manifest: Object | None = None
        self._refused: str | None = None
        self._leader: Shard | None = None
        self._count = 1
        self._target: TargetState | None = None
        self._explainer = Explainer(cluster, options.start_timeout)
        self.shards: list[Shard] = []
        self.jobs: list[JobRef] = []
        self.notes: list[str] = []
        """What the user should know of replaced pods."""

    @property
    def cluster(self) -> Cluster:
        """Where it runs."""
        return self._cluster

    # -- beginning

    def start(self, manifest: Object, run: Run) -> None:
        """Create the Job of `run` from `manifest` and begin to follow its pods."""
        self._began = time.monotonic()
        self._manifest, self._run = manifest, run
        self._count = run.selection.shards
        self.status.show("creating", 0.0)
        try:
            job = self._create(run)
        except ClusterError as error:
            metadata = make_job(manifest, run)["metadata"]
            self._refused = self._explainer.explain_refusal(metadata, error)
            return
        self._show()
        for number in range(self._count):
            self._follow(self._place(job, run.nonce, number))
        self._target = self._read_target()

    def join(self, jobs: Sequence[Joined]) -> None:
        """Follow the existing Jobs of a run, first the one that began it."""
        self._began = time.monotonic()
        self._count = jobs[0].shards
        for joined in jobs:
            try:
                self._join(joined)
            except ClusterError as error:
                self._refused = str(error)
                return

    def _join(self, joined: Joined) -> None:
        self.jobs.append(joined.job)
        numbers = range(joined.shards) if joined.replaces is None else [joined.replaces]
        for number in numbers:
            place = self._place(joined.job, joined.nonce or "", number)
            if joined.replaces is not None:
                place = _replacing(place, joined.why, partial=joined.partial)
            if joined.over and pod_of(self._cluster, place.job) is None:
                self._lose(place, f"the pod of Job {joined.job} is gone, and its log with it")
                continue
            seconds = self._options.start_timeout
            nonce = place.nonce or learn_nonce(self._cluster, place.job, seconds)
            self._follow(replace(place, nonce=nonce))

    def _create(self, run: Run) -> JobRef:
        assert self._manifest is not None  # noqa: S101 (only a started run creates Jobs)
        job = self._cluster.create(make_job(self._manifest, run))
        self.jobs.append(job)
        return job

    def _place(self, job: JobRef, nonce: str, number: int) -> Place:
        if self._count == 1:
            return Place(job, nonce)
        name = f"shard {number}"
        origin = Origin(ShardNode(number))
        return Place(replace(job, shard=number), nonce, number, name, origin)

    def _follow(self, place: Place) -> None:
        shard = self._add(place)
        shard.follow(self._poller, self._events, self._open_log(len(self.shards) - 1))

    def _lose(self, place: Place, reason: str) -> None:
        self._add(replace(place, nonce=place.nonce or "0")).stop(reason)

    def _add(self, place: Place) -> Shard:
        shard = Shard(place, self._session)
        if self._leader is not None and self._leader.planned:
            shard.replay.follow(self._leader.replay)
        self.shards.append(shard)
        return shard

    # -- while it lasts

    @property
    def planned(self) -> bool:
        """True if the leader's plan has become the session's."""
        return self._leader is not None and self._leader.planned

    @property
    def lines(self) -> list[str]:
        """What plugins in the pod said after collection."""
        return self._leader.replay.lines if self._leader is not None else []

    @property
    def over(self) -> bool:
        """True if nothing more will come, or what will come cannot be shown."""
        leader = self._leader
        lost = leader is not None and leader.over and not (leader.planned or leader.records)
        return lost or all(shard.over for shard in self.shards)

    @property
    def told(self) -> list[Told]:
        """What each pod told, for the verdict."""
        if self._refused is not None or not self.shards:
            return [Told("the pod", Ledger(), Outcome(broken=self._refused))]
        pods = [shard.told() for shard in self.shards]
        return pods if self.planned or self._leader is None else [self._leader.told()]

    def leaders_word(self) -> tuple[Ledger, Outcome | None]:
        """Return what the leader told so far, with its outcome if nothing more comes."""
        told = self.told[0] if self._leader is None else self._leader.told()
        return told.ledger, told.outcome if self.over else None

    def pump(self, until: Callable[[], bool]) -> None:
        """Take events until the run is over or `until` holds."""
        while not until():
            if self._replay_one():
                continue
            if self.over:
                break
            self._wait()
        if self.over:
            self.close()

    def _replay_one(self) -> bool:
        """Replay the next record that may be shown; False if there is none."""
        for shard in self.shards if self.planned else self._leaders():
            if shard.records:
                shard.replay.feed(shard.records.popleft())
                return True
        return False

    def _leaders(self) -> Sequence[Shard]:
        first = next((shard for shard in self.shards if shard.records), None)
        if self._leader is None and first is not None:
            self._lead(first)
        return [self._leader] if self._leader is not None else []

    def _lead(self, leader: Shard) -> None:
        """Let `leader` say what is said once for all shards."""
        self._leader = leader
        for shard in self.shards:
            if shard is not leader:
                shard.replay.follow(leader.replay)

    def _wait(self) -> None:
        """Take the next event, unless the last has come."""
        for shard in self.shards:
            shard.look_for_end()
        if not self.over:
            try:
                shard, event = self._events.get(timeout=TICK)
            except queue.Empty:
                pass
            else:
                shard.take(event)
            self._show()
        for shard in list(self.shards):
            self._explainer.check_start(shard)
            if shard.taken_away and not shard.replaced:
                self._replace(shard)

    def target_change(self) -> Change | None:
        """Return how the target changed since the run began, None if it did not."""
        now = self._read_target() if self._target is not None else None
        return change_between(self._target, now) if self._target and now else None

    def _read_target(self) -> TargetState | None:
        selector = self._options.target
        if selector is None:
            return None
        return read_target(self._cluster, self.jobs[0].namespace, selector)

    # -- replacing

    def _replace(self, shard: Shard) -> None:
        """Create a Job for what the pod that was taken away has not reported."""
        number = shard.place.number
        before = sum(each.place.number == number for each in self.shards) - 1
        if self._manifest is None or before >= MAX_REPLACEMENTS or shard.pod is None:
            return
        why = f"pod {shard.pod.name} was taken away ({shard.pod.disrupted})"
        shard.replay.close_failed_test()
        left = shard.ledger.unreported if shard.planned else None
        run = replacement(self._run, number, before + 1, left, why)
        try:
            job = self._create(run)
        except ClusterError as error:
            self.notes.append(f"{why}; it could not be replaced: {error}")
            return
        shard.replaced = True
        what = "its tests" if left is None else f"the {len(left)} tests that it had not reported"
        self.notes.append(f"{why}; {what} ran in another pod")
        origin = replace(shard.place.origin, already=shard.replay.passed_phases())
        place = replace(self._place(job, run.nonce, number), origin=origin)
        self._follow(_replacing(place, why, partial=shard.planned))
        if self._leader is shard and not shard.planned:
            self._lead(self.shards[-1])

    # -- ending

    def delete(self) -> None:
        """Delete the Jobs with their pods."""
        for job in self.jobs:
            self._cluster.delete(job)

    def explain(self) -> str:
        """Return why a pod was lost; nothing if that is known or cannot be told."""
        return self._explainer.explain_loss(self.shards)

    @property
    def findings(self) -> Sequence[Finding]:
        """What the diagnosis named."""
        return self._explainer.findings

    def close(self) -> None:
        """Stop following; what has not been read stays unread."""
        self._explainer.close()
        for shard in self.shards:
            shard.stop()
        self._poller.stop()
        self._files.close()

    def _show(self) -> None:
        if self._leader is not None and self._leader.ledger.session is not None:
            step = "collecting"
        else:
            pods = [shard.pod for shard in self.shards]
            step = step_of(min(pods, key=lambda pod: pod.phase if pod else -1, default=None))
        self.status.show(step, time.monotonic() - self._began)

    def _open_log(self, number: int) -> BinaryIO | None:
        path = self._options.log
        if path is None:
            return None
        if number:
            path = path.with_name(f"{path.name}.{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._files.enter_context(path.open("wb", buffering=0))


def _replacing(place: Place, why: str, *, partial: bool) -> Place:
    """Return `place` as that of a pod which runs what its shard's first pod left."""
    return replace(
        place,
        job=replace(place.job, shard=None),
        name=f"the pod that replaces {place.name}",
        origin=replace(place.origin, repeats=why),
        partial=partial,
    )
