"""Validates what is deployed: one Job for each rollout that has settled, and its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.job_manifest import job_name
from pytest_k8s_job.cluster.joining import read_job
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.start_watch import diagnose_target, explain_refusal
from pytest_k8s_job.errors import ClusterError, RefusedError, UsageError
from pytest_k8s_job.run.rollout import Rollout, RolloutResult
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import short
from pytest_k8s_job.validation.events import announce, told_before
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.judge import Judged, judge_job, not_run
from pytest_k8s_job.validation.key import rollout_key
from pytest_k8s_job.validation.masking import mask_secrets
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.rights import check_rights
from pytest_k8s_job.validation.rollback import roll_back
from pytest_k8s_job.validation.runs import Runs, left_over
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.tested import Deployed

__all__ = ["Validator", "Wishes"]

PATIENCE_SECONDS = 60.0  # for an API server that does not answer
POLL_SECONDS = 2.0  # between two tries
MOST_GONE = 3  # Jobs in a row that are deleted before their verdict
Say = Callable[[str], None]
Judge = Callable[[KubernetesCluster, Place, Template, str], Judged | None]


@dataclass(frozen=True)
class Wishes:
    """What the user asked for.

    Attributes:
        wait_rollout: seconds that the rollout may take.
        timeout: seconds to wait for another run on the same target to end.
        again: run once more although there is a verdict.
        retry_void: how often a VOID is followed by a run on the newer rollout.
        policy: do what the template's annotations ask for after a failure.
    """

    wait_rollout: float = 300.0
    timeout: float = 900.0
    again: bool = False
    retry_void: int = 1
    policy: bool = False


class Validator:
    """Validates the target of one template; `say` is told each step in a line.

    `judge` follows a Job and judges it; a test has one without a cluster.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (each is another thing)
        self,
        cluster: KubernetesCluster,
        place: Place,
        template: Template,
        store: Store,
        say: Say,
        judge: Judge = judge_job,
    ) -> None:
        self._judge_job = judge
        self._cluster = cluster
        self._place = place
        self._template = template
        self._store = store
        self._say = say
        self._runs = Runs(cluster, template, say)
        self._again: dict[str, str] = {}  # key -> run that the user asked for
        self._keeps = True
        self.concluded: list[Validation] = []  # the verdicts that were drawn, in this order

    def validate(self, wishes: Wishes) -> Validation:
        """Return the verdict on what is deployed; create its Job if nobody has."""
        found = self._once(wishes)
        for _ in range(wishes.retry_void):
            if found.verdict != "VOID" or self._key_now() == found.key:
                break
            self._say(f"VOID {found.job}: {found.first_line}; now the rollout that came meanwhile")
            found = self._once(wishes)
        if wishes.policy and found.verdict == "FAILED":
            return self._after_failure(found, wishes)
        return found

    def _after_failure(self, failed: Validation, wishes: Wishes) -> Validation:
        """Roll back if the policy says so and it may be done, and validate again."""
        if self._template.policy.on_failure != "rollback":
            return failed
        target = find_target(self._cluster, self._template.search)
        if rollout_key(self._cluster, target) != failed.key:
            return failed  # somebody has deployed since
        try:
            changed = roll_back(self._cluster, target, self._last_passed())
        except (RefusedError, ClusterError) as error:
            self._say(f"not rolled back: {error}")
            return replace(failed, note=f"not rolled back: {error}")
        self._say(f"rolled back: {', '.join(changed)}")
        again = self._once(wishes)
        return replace(failed, note=f"rolled back to {short(again.revision)}, {again.verdict}")

    def _last_passed(self) -> Validation | None:
        """Return the newest PASSED that is proven."""
        name = self._template.name
        for each in self._store.read(name):
            found = [run for run in self._store.find(name, each.key) if not run.periodic]
            if each.passed and found and found[0].passed:
                return found[0]
        return None

    def _once(self, wishes: Wishes) -> Validation:
        """Return the verdict on what is deployed; an API server may restart meanwhile."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._judge_left_over()
                return self._verdict(wishes)
            except ClusterError as error:
                if error.is_final or time.monotonic() > end:
                    raise
                self._say(f"once more: {error}")
                time.sleep(POLL_SECONDS)

    def _verdict(self, wishes: Wishes) -> Validation:
        """Return the verdict on the rollout that is deployed at this moment."""
        gone, end = 0, time.monotonic() + wishes.timeout
        while gone < MOST_GONE:
            rollout = self._settle(wishes.wait_rollout)
            key = rollout_key(self._cluster, rollout.target)
            kept = self._store.find(self._template.name, key) if key else []
            if rollout.reason:
                return self._cannot_run(rollout, key, kept)
            # One that could not run is none: now it can. One by a schedule replaces none.
            ran = [each for each in kept if each.run_id and not each.periodic]
            if ran and not wishes.again:
                self._say(told_before(ran[0]))
                return ran[0]
            run = self._run_of(key, ran, wishes)
            if self._runs.wait_for_others(run, end):
                continue  # what is deployed may be something else by now
            found = self._run(run, Deployed(key, rollout.target), kept)
            if found is not None:
                return found
            gone += 1
        raise ClusterError(f"{gone} Jobs were deleted before their verdict", HTTPStatus.GONE)

    def _run(self, run: str, deployed: Deployed, kept: list[Validation]) -> Validation | None:
        """Create or join a run's Job, return its verdict; None if it went away."""
        name = job_name(self._template.name, run)
        try:
            self._runs.create(run, deployed)
        except ClusterError as error:
            if not error.is_final:
                raise
            why = explain_refusal(self._cluster, self._template.namespace, name, error)
            refused = RolloutResult(deployed.target, f"Job {name} was refused", (why,))
            return self._cannot_run(refused, deployed.key, kept)
        judged = self._judge(name)
        if judged is not None:
            return self._conclude(judged)
        self._say(f"Job {name} was deleted before its verdict")
        return None

    def _run_of(self, key: str, ran: list[Validation], wishes: Wishes) -> str:
        if wishes.again and key not in self._again:
            self._again[key] = self._runs.next_run(key, [each.job for each in ran])
        return self._again.get(key, key)

    def _judge(self, job: str) -> Judged | None:
        return self._judge_job(self._cluster, self._place, self._template, job)

    def _judge_left_over(self) -> None:
        """Judge the runs that ended while nobody looked: each rollout has its verdict."""
        template = self._template
        jobs, kept = self._cluster.jobs(template.namespace), self._store.read(template.name)
        for name in left_over(jobs, template, kept, time.time()):
            judged = self._judge(name) if self._keeps else None
            if judged is not None:
                found = self._conclude(judged)
                self._say(f"{found.verdict} of {name}, which nobody had judged")

    def _settle(self, seconds: float) -> RolloutResult:
        """Wait until the target's rollout is over, or cannot end."""
        template, since = self._template, time.time()
        shown: set[str] = set()

        def show(progress: str, passed: float) -> None:
            if progress not in shown:
                shown.add(progress)
                self._say(f"{progress}, {passed:.0f} s")

        def diagnose(target: Target) -> tuple[Finding, ...]:
            scope = Scope(template.namespace, frozenset(), target, since)
            return tuple(diagnose_target(self._cluster, scope).findings)

        result = Rollout(self._cluster, template.search, show, diagnose).wait(seconds)
        check_rights(result.target, template.search)
        if not result.reason and not result.target.workloads:
            remedy = f"annotate {template.name} with the target, as deployment/api"
            unknown = "; ".join(result.target.unknown)
            raise UsageError(f"there is no target: {unknown or remedy}")
        return result

    def _cannot_run(self, rollout: RolloutResult, key: str, kept: list[Validation]) -> Validation:
        """Return NOT_RUN, kept once for this state of the rollout."""
        reason = rollout.reason
        if rollout.findings:
            reason = f"{rollout.findings[0].sentence}; {reason}"
        judged = not_run(self._template, key, rollout.target, reason)
        if not key or not all(each.run_id for each in kept):
            return judged.validation
        return self._conclude(judged)

    def _conclude(self, judged: Judged) -> Validation:
        """Keep and announce a verdict; what fails there is said and changes nothing."""
        validation = mask_secrets(self._cluster, judged.validation, judged.job)
        try:
            self._store.keep(validation, judged.job, judged.pod, judged.log)
        except ClusterError as error:
            self._keeps = False
            self._say(f"the verdict could not be kept: {error}")
        self._end(judged)
        for line in announce(self._cluster, validation):
            self._say(line)
        self.concluded.append(validation)
        return validation

    def _end(self, judged: Judged) -> None:
        """End a Job whose pod never began: the next one would wait for it."""
        if judged.job is None or read_job(judged.job).over:
            return
        path = f"/apis/batch/v1/namespaces/{self._template.namespace}/jobs/{judged.validation.job}"
        if judged.validation.verdict == "NOT_RUN":
            try:
                self._cluster.send("PATCH", path, {"spec": {"activeDeadlineSeconds": 1}})
            except ClusterError as error:
                self._say(f"Job {judged.validation.job} could not be ended: {error}")

    def _key_now(self) -> str:
        return rollout_key(self._cluster, find_target(self._cluster, self._template.search))
