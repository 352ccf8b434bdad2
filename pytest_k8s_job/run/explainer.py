"""Asks the diagnosis why a run did not start or was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from pytest_k8s_job.cluster.job_manifest import Object
from pytest_k8s_job.cluster.pods import Cluster
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.start_watch import (
    StartWatch,
    diagnose_job,
    diagnose_target,
    diagnose_target_check,
    explain_refusal,
)
from pytest_k8s_job.diagnosis.text_report import as_text
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.run.rollout import RolloutResult
from pytest_k8s_job.run.shard import Shard
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["Explainer"]

# Since one pod came forward: until then the others may just wait their turn.
QUEUE_SECONDS = 5.0
QUEUE_SHARE = 0.5  # of the time since the beginning, on a node that is slow


class Explainer:
    """The diagnosis of one run; `findings` is what it named so far."""

    def __init__(self, cluster: Cluster, start_timeout: float, scope: Callable[[], Scope]) -> None:
        self._cluster = cluster
        self._scope = scope
        self._start_timeout = start_timeout
        self._watches: dict[str, StartWatch] = {}
        self._phases: dict[Shard, int] = {}
        self._began = self._came_forward = time.monotonic()
        self.findings: list[Finding] = []

    def check_start(self, shard: Shard) -> None:
        """Give up a pod that will never start, for the reason that is found."""
        now = time.monotonic()
        self._note_phase(shard, now)
        if shard.started or shard.over:
            return
        job = shard.place.job
        if job.name not in self._watches:
            watch = StartWatch(self._cluster, job, self._start_timeout, now)
            self._watches[job.name] = watch
        patience = max(QUEUE_SECONDS, QUEUE_SHARE * (now - self._began))
        if job.shard is not None and now - self._came_forward < patience:
            return  # a diagnosis asks for much: it is for pods of which none comes forward
        cause = self._watches[job.name].start_failure(now, shard.pod)
        if cause is not None and not shard.ended:
            shard.give_up(self._say(cause))

    def _note_phase(self, shard: Shard, now: float) -> None:
        phase = int(shard.pod.phase) if shard.pod is not None else -1
        if phase > self._phases.get(shard, -1):
            self._came_forward = now
        self._phases[shard] = phase

    def explain_refusal(self, metadata: Object, error: ClusterError) -> str:
        """Return why the API server did not take the Job."""
        namespace = metadata.get("namespace") or "default"
        return self._say(explain_refusal(self._cluster, namespace, metadata["name"], error))

    def diagnose_target(self, target: Target) -> list[Finding]:
        """Return what is wrong with the target, root cause first."""
        scope = replace(self._scope(), target=target)
        return list(diagnose_target(self._cluster, scope).findings)

    def explain_rollout(self, result: RolloutResult) -> str:
        """Return why the target cannot be tested."""
        self.findings += result.findings[:1]
        return "\n".join(filter(None, [as_text(result.findings[:1]), result.reason]))

    def explain_loss(self, shards: Iterable[Shard]) -> str:
        """Return why a pod was lost; nothing if that is known already."""
        shards = list(shards)
        checks = [TargetCheckResult.decode(each.ledger.interrupt) for each in shards]
        if failed := next(filter(None, checks), None):
            return as_text([diagnose_target_check(self._cluster, self._scope(), failed)])
        ends = [(each, each.ledger.end) for each in shards if each.over]
        lost = next((each for each, end in ends if end is None or end["signal"]), None)
        if self.findings or lost is None:
            return ""
        finding = diagnose_job(self._cluster, lost.place.job)
        return "" if finding is None else self._say(finding)

    def close(self) -> None:
        """Look no more."""
        for watch in self._watches.values():
            watch.stop()

    def _say(self, finding: Finding) -> str:
        self.findings.append(finding)
        return as_text([finding])
