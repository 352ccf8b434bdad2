"""The Jobs of a template: next, running, and ended without a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.job_manifest import (
    TEMPLATE_LABEL,
    Run,
    arguments_of,
    job_name,
    make_job,
)
from pytest_k8s_job.cluster.joining import read_job, run_of
from pytest_k8s_job.cluster.objects import Object, condition, created, labels_of, name_of
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.validation.judge import scheduled_by
from pytest_k8s_job.validation.key import run_in_name
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import KEPT_RUNS
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.tested import TESTED, Deployed

__all__ = ["Runs", "left_over"]

GRACE_SECONDS = 30.0  # after the end of a Job, for the process that started it
POLL_SECONDS = 2.0  # between two looks at a run that has to end first


@dataclass(frozen=True)
class Runs:
    """The Jobs of one template; `say` is told each step in a line."""

    cluster: KubernetesCluster
    template: Template
    say: Callable[[str], None]

    def next_run(self, key: str, kept: Iterable[str]) -> str:
        """Return the next run on one rollout, after `kept` Jobs and existing ones."""
        jobs = self.cluster.jobs(self.template.namespace)
        runs = map(run_in_name, [*kept, *map(name_of, jobs)])
        numbers = [int(run.partition("-")[2] or 1) for run in runs if run.startswith(key)]
        return f"{key}-{max(numbers) + 1}" if numbers else key

    def create(self, run: str, deployed: Deployed) -> None:
        """Create the Job of a run, unless somebody has: its name is the lock."""
        template, notes = self.template, {TESTED: deployed.pack()}
        words = arguments_of(template.job)
        wanted = Run(words, template.namespace, run_id=run, pod_notes=notes)
        job = make_job(template.job, wanted)
        try:
            self.cluster.create(job)
            self.say(f"Job {name_of(job)}")
        except ClusterError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            self.say(f"Job {name_of(job)}, which runs already")

    def wait_for_others(self, run: str, end: float) -> bool:
        """Wait until no other run goes on; return whether one did.

        They would disturb each other. `end` is in monotonic seconds.
        """
        waited = False
        while others := self._others(job_name(self.template.name, run)):
            if not waited:
                self.say(f"waiting for {others[0]}, another run on the same target")
                waited = True
            if time.monotonic() > end:
                remedy = f"kubectl -n {self.template.namespace} delete job {others[0]}"
                text = f"Job {others[0]} still runs: wait longer, or {remedy}"
                raise ClusterError(text, HTTPStatus.CONFLICT)
            time.sleep(POLL_SECONDS)
        return waited

    def _others(self, name: str) -> list[str]:
        jobs = self.cluster.jobs(self.template.namespace)
        if any(name_of(each) == name for each in jobs):
            return []  # it has begun: it is to be joined
        ours = (each for each in jobs if self.template.name in _makers(each))
        return [name_of(each) for each in ours if not read_job(each).over]


def left_over(
    jobs: Iterable[Object], template: Template, kept: Sequence[Validation], now: float
) -> list[str]:
    """Return the ended Jobs of runs that have no verdict, the oldest first.

    The process that started one has some time to judge it. Those before the oldest of a full
    history had their verdict.
    """
    known = {each.job for each in kept}
    first = min(each.started for each in kept) if len(kept) >= KEPT_RUNS else 0.0
    ended = [
        (created(each), name_of(each))
        for each in jobs
        if (_is_validation(each, template.name) or template.name in scheduled_by(each))
        and name_of(each) not in known
        and epoch(created(each)) >= first
        and 0 < _ended(each) < now - GRACE_SECONDS
    ]
    return [name for _, name in sorted(ended)]


def _ended(job: Object) -> float:
    """Return when a Job ended, 0 before that."""
    ends = (condition(job, kind) for kind in ("Complete", "Failed"))
    times = (epoch(each.get("lastTransitionTime")) for each in ends if each.get("status") == "True")
    return max(times, default=0.0)


def _is_validation(job: Object, template: str) -> bool:
    name = name_of(job)
    own = job_name(template, run_in_name(name)) == name
    return own and labels_of(job).get(TEMPLATE_LABEL) == template


def _makers(job: Object) -> set[str]:
    """Return the names of the templates that a Job was made from."""
    labelled = labels_of(job).get(TEMPLATE_LABEL) if run_of(job) else None
    return scheduled_by(job) | ({labelled} if labelled else set())
