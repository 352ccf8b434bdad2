"""Replaces pods that were taken away by Jobs for what they had not reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.run.jobs import RunJobs
from pytest_k8s_job.run.shard import Place, Shard
from pytest_k8s_job.run.shards import Shards

__all__ = ["Replacements"]

MOST = 2  # of one shard: a cluster that takes every pod away runs no tests


class Replacements:
    """Replaces pods of one run.

    Attributes:
        notes: what the user should know of replaced pods.
    """

    def __init__(self, jobs: RunJobs, shards: Shards, follow: Callable[[Place], Shard]) -> None:
        self._jobs = jobs
        self._shards = shards
        self._follow = follow
        self.notes: list[str] = []

    def replace(self, shard: Shard) -> None:
        """Create a Job for what the pod that was taken away has not reported."""
        number = shard.place.number
        attempt = self._shards.attempts(number)
        if not self._jobs.are_ours or attempt > MOST or shard.pod is None:
            return
        why = f"pod {shard.pod.name} was taken away ({shard.pod.disrupted})"
        shard.replay.open_test.close_failed()
        left = shard.ledger.unreported if shard.planned else None
        try:
            job, nonce = self._jobs.create_replacement(number, attempt, left, why)
        except ClusterError as error:
            self.notes.append(f"{why}; it could not be replaced: {error}")
            return
        shard.replaced = True
        what = "its tests" if left is None else f"the {len(left)} tests that it had not reported"
        self.notes.append(f"{why}; {what} ran in another pod")
        origin = replace(shard.place.origin, already=shard.replay.open_test.passed_phases())
        place = Place.of_shard(job, nonce, number, self._jobs.shards)
        place = replace(place, origin=origin)
        new = self._follow(place.as_replacement(why, partial=shard.planned))
        if self._shards.leader is shard and not shard.planned:
            self._shards.lead(new)
