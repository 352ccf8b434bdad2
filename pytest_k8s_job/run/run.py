"""One run in the cluster: its Job is created, its pods followed and replaced.

The pods' records are replayed as they come, once one of them, the leader, has told the plan.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_k8s_job.cluster.job_manifest import Object, Run, make_job
from pytest_k8s_job.cluster.joining import Joined, learn_nonce
from pytest_k8s_job.cluster.pods import JobFinder, pod_of
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.options import Options
from pytest_k8s_job.run.explainer import Explainer
from pytest_k8s_job.run.jobs import RunJobs
from pytest_k8s_job.run.other_runs import other_runs
from pytest_k8s_job.run.pod_logs import PodLogs
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.run.replacements import Replacements
from pytest_k8s_job.run.shard import Events, Place, Shard
from pytest_k8s_job.run.shards import Shards
from pytest_k8s_job.run.status_line import StatusLine, step_of
from pytest_k8s_job.run.target_watch import TargetWatch
from pytest_k8s_job.target.change import Change
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.merging import PodResult
from pytest_k8s_job.verdict.verdict import Outcome

if TYPE_CHECKING:
    from pytest_k8s_job.run.debugger import Debugger
    from pytest_k8s_job.sync.synced_tests import SyncedTests

__all__ = ["ClusterRun"]

TICK = 0.2  # seconds between two looks at the clock while nothing arrives


class ClusterRun:
    """Drives the Jobs of one run and replays into `session` what their logs hold."""

    def __init__(
        self,
        cluster: JobFinder,
        options: Options,
        session: pytest.Session,
        status: StatusLine,
        watch: TargetWatch,
    ) -> None:
        self.cluster = cluster
        self._watch = watch
        self.status = status
        self.jobs = RunJobs(cluster)
        self.shards = Shards(session)
        self.explainer = Explainer(cluster, options.start_timeout, lambda: self.scope)
        self._since = time.time()
        self._replacements = Replacements(self.jobs, self.shards, self._follow)
        self.notes = self._replacements.notes
        """What the user should know of replaced pods, and of the target."""
        self.others: list[str] = []
        """Jobs from the same manifest that run at the same time."""
        self._options = options
        self._events: Events = queue.SimpleQueue()
        self._poller = PodPoller(cluster)
        self._logs = PodLogs(options.log)
        self._began = time.monotonic()
        self._refused: str | None = None
        self._is_watched = options.watch_target
        self.synced: SyncedTests | None = None
        self.debugger: Debugger | None = None
        """Set if a terminal is here for a debugger in the pod."""

    def start(self, manifest: Object, run: Run, synced: SyncedTests | None = None) -> None:
        """Create the Job of `run` from `manifest` and begin to follow its pods."""
        self.synced = synced
        self.shards.sent_files = synced.digest if synced else ""
        self._refused = self._settle()
        if self._refused is not None:
            return
        self._began = time.monotonic()
        self.status.show("creating", 0.0)
        metadata = make_job(manifest, run)["metadata"]
        self.others = other_runs(self.cluster, metadata)
        try:
            job = self.jobs.create(manifest, run, synced)
        except ClusterError as error:
            self._refused = self.explainer.explain_refusal(metadata, error)
            return
        self._show_step()
        shards = run.selection.shards
        for number in range(shards):
            self._follow(Place.of_shard(job, run.nonce, number, shards))

    def _settle(self) -> str | None:
        """Wait for the target's rollout; return why it cannot be tested, None if it can."""
        seconds, explainer = self._options.wait_rollout, self.explainer
        if not (seconds or self._is_watched):
            return None  # no test will run
        result = self._watch.settle(seconds, self.status.show, explainer.diagnose_target)
        return explainer.explain_rollout(result) if result.reason else None

    def join(self, jobs: Sequence[Joined]) -> None:
        """Follow the existing Jobs of a run, first the one that began it."""
        self._began = time.monotonic()
        self.shards.sent_files = jobs[0].sent_files
        self._is_watched &= not jobs[0].over  # what changed since then says nothing of an old run
        for joined in jobs:
            try:
                self._join(joined, jobs[0].shards)
            except ClusterError as error:
                self._refused = str(error)
                return

    def _join(self, joined: Joined, shards: int) -> None:
        self.jobs.refs.append(joined.job)
        numbers = range(joined.shards) if joined.replaces is None else [joined.replaces]
        for number in numbers:
            place = Place.of_shard(joined.job, joined.nonce or "", number, shards)
            if joined.replaces is not None:
                place = place.as_replacement(joined.why, partial=joined.partial)
            if joined.over and pod_of(self.cluster, place.job) is None:
                place = replace(place, nonce=place.nonce or "0")
                reason = f"the pod of Job {joined.job} is gone, and its log with it"
                self.shards.add(place).stop(reason)
                continue
            seconds = self._options.start_timeout
            nonce = place.nonce or learn_nonce(self.cluster, place.job, seconds)
            self._follow(replace(place, nonce=nonce))

    def _follow(self, place: Place) -> Shard:
        shard = self.shards.add(place)
        shard.follow(self._poller, self._events, self._logs.open())
        return shard

    def replay(self, until: Callable[[], bool]) -> None:
        """Replay what the pods record until the run is over or `until` holds."""
        while not until():
            replayed = self.shards.replay_one()
            if self.debugger is not None:
                self.debugger.serve(self.shards)
            if replayed:
                continue
            if self.shards.over:
                break
            self._wait()
        if self.shards.over:
            self.close()

    def _wait(self) -> None:
        """Take the next event, unless the last has come."""
        for shard in self.shards:
            shard.look_for_end()
        if not self.shards.over:
            try:
                shard, event = self._events.get(timeout=TICK)
            except queue.Empty:
                pass
            else:
                shard.take(event)
            self._show_step()
        for shard in self.shards:
            self.explainer.check_start(shard)
            if shard.taken_away and not shard.replaced:
                self._replacements.replace(shard)

    @property
    def results(self) -> list[PodResult]:
        """The result of each pod, for the verdict."""
        if self._refused is not None or not len(self.shards):
            return [PodResult("the pod", Ledger(), Outcome(broken=self._refused))]
        leader = self.shards.leader
        pods = [shard.result() for shard in self.shards]
        return pods if self.shards.planned or leader is None else [leader.result()]

    def leader_result(self) -> tuple[Ledger, Outcome | None]:
        """Return the leader's ledger so far, with its outcome if nothing more comes."""
        leader = self.shards.leader
        result = self.results[0] if leader is None else leader.result()
        return result.ledger, result.outcome if self.shards.over else None

    @property
    def target(self) -> Target:
        """What is tested, as far as it is known by now."""
        for shard in self.shards:
            self._watch.note(shard.replay.peers)
        return self._watch.target

    @property
    def scope(self) -> Scope:
        """What a diagnosis of this run is for."""
        jobs = frozenset(job.name for job in self.jobs.refs)
        return Scope(self._watch.namespace, jobs, self._watch.target, self._since)

    @property
    def target_line(self) -> str:
        """The line on the target that header and report show."""
        return f"target: {self.target.describe(self._watch.namespace)}"

    @property
    def files_line(self) -> str:
        """What the report says of the files that `--sync` brought."""
        if self.synced is not None:
            return self.synced.line
        return f"sha256 {self.shards.sent_files[:16]}" if self.shards.sent_files else ""

    def target_change(self) -> Change | None:
        """Return how the target changed while it was tested, None if it did not."""
        began = [shard.replay.began for shard in self.shards if shard.replay.began]
        if not self._is_watched or not began:
            return None
        for shard in self.shards:
            self._watch.note(shard.replay.peers)
        change = self._watch.change(min(began), max(shard.replay.ended for shard in self.shards))
        self.notes += self._watch.notes
        return change

    def close(self) -> None:
        """Stop following; what has not been read stays unread."""
        self.explainer.close()
        if self.debugger is not None:
            self.debugger.close()
        for shard in self.shards:
            shard.stop()
        self._poller.stop()
        self._logs.close()

    def _show_step(self) -> None:
        leader = self.shards.leader
        if leader is not None and leader.ledger.session is not None:
            step = "collecting"
        else:
            pods = [shard.pod for shard in self.shards]
            step = step_of(min(pods, key=lambda pod: pod.phase if pod else -1, default=None))
        self.status.show(step, time.monotonic() - self._began)
