"""Why a run did not start, or was lost: asks the diagnosis, and remembers what that named."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pytest_k8s_job.cluster.job_manifest import Object
from pytest_k8s_job.cluster.pods import Cluster
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.start_watch import (
    StartWatch,
    diagnose_job,
    diagnose_target_check,
    explain_refusal,
)
from pytest_k8s_job.diagnosis.text_report import as_text
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.run.shard import Shard
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["Explainer"]


class Explainer:
    """The diagnosis of one run; `findings` is what it named so far."""

    def __init__(self, cluster: Cluster, start_timeout: float) -> None:
        self._cluster = cluster
        self._start_timeout = start_timeout
        self._watches: dict[str, StartWatch] = {}
        self.findings: list[Finding] = []

    def look_at_start(self, shard: Shard) -> None:
        """Give up a pod that will never start, for the reason that is found."""
        if shard.started or shard.over:
            return
        job, now = shard.place.job, time.monotonic()
        if job.name not in self._watches:
            watch = StartWatch(self._cluster, job, self._start_timeout, now)
            self._watches[job.name] = watch
        cause = self._watches[job.name].start_failure(now, shard.pod)
        if cause is not None and not shard.ended:
            shard.give_up(self._say(cause))

    def explain_refusal(self, metadata: Object, error: ClusterError) -> str:
        """Return why the API server did not take the Job."""
        namespace = metadata.get("namespace") or "default"
        return self._say(explain_refusal(self._cluster, namespace, metadata["name"], error))

    def explain_loss(self, shards: Sequence[Shard]) -> str:
        """Return why a pod was lost, in the lines of a diagnosis; nothing if that is known."""
        checks = [TargetCheckResult.decode(each.ledger.interrupt) for each in shards]
        if failed := next(filter(None, checks), None):
            return as_text([diagnose_target_check(self._cluster, _scope(shards), failed)])
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


def _scope(shards: Sequence[Shard]) -> Scope:
    jobs = [each.place.job for each in shards]
    return Scope(jobs[0].namespace, frozenset(job.name for job in jobs))
