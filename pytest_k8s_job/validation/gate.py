"""Waits for the verdict on what is deployed; starts nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.job_manifest import job_name
from pytest_k8s_job.cluster.joining import read_job
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.settled import unsettled
from pytest_k8s_job.target.workload import short
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.judge import judge_job
from pytest_k8s_job.validation.key import rollout_key
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.rights import check_rights
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template

__all__ = ["Gate"]

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Gate:
    """Waits for one verdict; `say` is told each step in a line."""

    cluster: KubernetesCluster
    place: Place
    template: Template
    store: Store
    say: Callable[[str], None]

    def wait(self, revision: str, seconds: float) -> tuple[Validation | None, str]:
        """Return the verdict on what is deployed, or None and what is missing after `seconds`.

        With a `revision`, as the beginning of the target's, only a verdict on that one counts. The
        verdict is the kept one, proven, or drawn from the Job's own log.
        """
        end, said = time.monotonic() + seconds, ""
        while True:
            try:
                found, missing = self._look(revision)
            except ClusterError as error:  # it may answer again before the time is over
                found, missing = None, str(error)
            if found is not None or time.monotonic() > end:
                return found, missing
            if missing != said:
                said = missing
                self.say(f"waiting: {missing}")
            time.sleep(POLL_SECONDS)

    def _look(self, revision: str) -> tuple[Validation | None, str]:
        target = find_target(self.cluster, self.template.search)
        check_rights(target, self.template.search)
        if not target.workloads:
            return None, f"there is no target{'; '.join(('', *target.unknown))}"
        if revision and not target.revision.startswith(revision):
            return None, f"revision {short(target.revision)} is deployed, not {revision}"
        key, waiting = rollout_key(self.cluster, target), unsettled(target)
        kept = self.store.find(self.template.name, key)
        kept = [each for each in kept if (each.run_id or waiting) and not each.periodic]
        if kept:
            return kept[0], ""
        if waiting:
            return None, f"the rollout is not over: {waiting[0]}"
        return self._from_job(key, f"revision {short(target.revision)}")

    def _from_job(self, key: str, shown: str) -> tuple[Validation | None, str]:
        """Judge the Job of this rollout by its own log, if it has ended."""
        name = job_name(self.template.name, key)
        try:
            job = self.cluster.find(self.template.namespace, name)
        except GoneError:
            return None, f"{shown} has no verdict, and Job {name} does not exist"
        if not read_job(job).over:
            return None, f"Job {name} tests {shown}"
        judged = judge_job(self.cluster, self.place, self.template, name)
        return (judged.validation, "") if judged is not None else (None, f"Job {name} went away")
