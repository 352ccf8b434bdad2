"""Draws the verdict of a validation from its Job and its target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import read_job
from pytest_k8s_job.cluster.objects import Object, name_of, owners
from pytest_k8s_job.cluster.pods import PodState, Reader
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.run.target_watch import TargetWatch
from pytest_k8s_job.target.change import Change
from pytest_k8s_job.target.discovery import Search
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.rollouts import is_later
from pytest_k8s_job.target.workload import Workload
from pytest_k8s_job.validation.follow import USAGE_ERROR, Place, follow
from pytest_k8s_job.validation.key import rollout_key, run_in_name
from pytest_k8s_job.validation.proof import judgement_of
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.rights import check_rights
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.tested import Deployed, read_tested
from pytest_k8s_job.verdict.verdict import (
    EXIT_INCOMPLETE,
    EXIT_NOT_RUN,
    Judgement,
    Verdict,
    void,
)

__all__ = ["Judged", "change_during", "judge_job", "not_run", "scheduled_by"]

BAD = ("failed", "error")


@dataclass(frozen=True)
class Judged:
    """A verdict with what proves it.

    Attributes:
        validation: the verdict.
        job: the Job object, with the end of its pod and its log; None without one.
    """

    validation: Validation
    job: Object | None = None
    pod: PodState | None = None
    log: bytes = b""


def scheduled_by(job: Object) -> set[str]:
    """Return the CronJobs that own a Job: made by their schedule, or `--from`."""
    return {str(each["name"]) for each in owners(job) if each["kind"] == "CronJob"}


def judge_job(
    cluster: KubernetesCluster, place: Place, template: Template, name: str
) -> Judged | None:
    """Follow a Job to its end and judge it; None if it is gone.

    It carries what was deployed when it was created. The verdict is on that, or VOID.
    """
    try:
        first = cluster.find(template.namespace, name)
        followed = follow(name, place, template.policy.target)
        job = cluster.find(template.namespace, name)
    except GoneError:
        return None
    if job["metadata"]["uid"] != first["metadata"]["uid"]:
        return None  # another one took its name meanwhile
    before: Deployed | None
    if template.name in scheduled_by(job):
        before, change = _read_afterwards(cluster, template.search, followed.report)
        judgement = judgement_of(followed, job, "")
    else:
        before, change = _read_before(cluster, template.search, job, followed.report)
        judgement = judgement_of(followed, job, run_in_name(name))
    if before is None:
        text = f"Job {name} does not say what was deployed when it was created"
        judgement = Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, text)
    elif change is not None:
        judgement = void(judgement, change.sentence, version=change.version)
    joined = read_job(job)
    pod = cluster.pods([joined.job]).get(joined.job)
    if followed.report["exit_code"] == USAGE_ERROR != (pod.exit_code if pod is not None else None):
        raise ClusterError(f"the run of Job {name} could not be read: pytest here gave up")
    validation = _validation(template, job, before, judgement, followed.report)
    return Judged(validation, job, pod, followed.log)


def _validation(
    template: Template,
    job: Object,
    before: Deployed | None,
    judgement: Judgement,
    report: Mapping[str, Any],
) -> Validation:
    created, ended = epoch(job["metadata"]["creationTimestamp"]), _window(report)[1]
    name, target = name_of(job), before.target if before is not None else Target()
    scheduled = template.name in scheduled_by(job)
    run = name.rpartition("-")[2] if scheduled else run_in_name(name)
    return Validation(
        template.name,
        template.namespace,
        before.key if before is not None else run.partition("-")[0],
        1 if scheduled else int(run.partition("-")[2] or 1),
        target.revision,
        name,
        run,
        judgement.verdict.value,
        judgement.exit_code,
        "" if judgement.verdict is Verdict.PASSED else judgement.reason.partition("\n")[0],
        f"target: {target.describe(template.namespace)}",
        *_parts(target),
        report["counts"],
        tuple(each["nodeid"] for each in report["tests"] if each["outcome"] in BAD),
        created,
        round(max(ended, report["finished"]) - created, 1),
        scheduled,
    )


def not_run(template: Template, key: str, target: Target, reason: str) -> Judged:
    """Return the verdict on a rollout that cannot end, or that cannot be tested."""
    line = reason.partition("\n")[0]
    return Judged(
        Validation(
            template.name,
            template.namespace,
            key,
            1,
            target.revision,
            f"{template.name}-{key}-not-run",
            "",
            Verdict.NOT_RUN.value,
            EXIT_NOT_RUN,
            line,
            f"target: {target.describe(template.namespace)}",
            *_parts(target),
            started=time.time(),
        )
    )


def _read_before(
    reader: Reader, search: Search, job: Object, report: Mapping[str, Any]
) -> tuple[Deployed | None, Change | None]:
    """Return what was deployed when a Job was created, and how that changed."""
    before = read_tested(job)
    if before is None or before.key != run_in_name(name_of(job)).partition("-")[0]:
        return None, None
    return before, change_during(reader, search, before.target, report)


def _read_afterwards(
    reader: Reader, search: Search, report: Mapping[str, Any]
) -> tuple[Deployed, Change | None]:
    """Return what a scheduled run has tested, if nothing was rolled out since."""
    watch, (began, ended) = TargetWatch(reader, search), _window(report)
    change = watch.change(began, ended) if began else None
    target = watch.target
    check_rights(target, search)
    for each in target.workloads:
        if change is None and each.changed >= began > 0:
            change = Change(f"{each} was rolled out since the first test", version=True)
    return Deployed(rollout_key(reader, target), target), change


def change_during(
    reader: Reader, search: Search, before: Target, report: Mapping[str, Any]
) -> Change | None:
    """Return why the results are not of what was deployed when the Job was created.

    A rollout that was over before the first test is one reason: the tests saw another revision.
    """
    began, ended = _window(report)
    if not began:
        return None  # no test has run: there is nothing to doubt
    watch = TargetWatch(reader, search, before)
    found = watch.change(began, ended)
    check_rights(watch.target, search)
    moved = (each for each in watch.target.workloads if _moved(before, each, began, ended))
    if found is None and (each := next(moved, None)) is not None:
        return Change(f"{each} was rolled out before the first test", version=True)
    return found or next(_restarts(watch.target, began, ended or time.time()), None)


def _moved(before: Target, now: Workload, began: float, ended: float) -> bool:
    """Whether another revision may have been tested than that of `before`."""
    then = before.workload(now.key)
    if then is not None and (then.uid, then.number, then.template) == (
        now.uid,
        now.number,
        now.template,
    ):
        return False
    return not is_later(then, now, began, ended)


def _restarts(target: Target, began: float, ended: float) -> Iterator[Change]:
    for pod in target.pods:
        for each in pod.restarts:
            if int(began) <= each.finished <= ended:
                text = f"container {each.container} of pod {pod.name} restarted while it was tested"
                yield Change(f"{text} ({each.reason})", version=False)


def _window(report: Mapping[str, Any]) -> tuple[float, float]:
    """Return when the first test began and the last one ended, 0 where none did."""
    tests = [each for each in report["tests"] if each["started"]]
    began = min((each["started"] for each in tests), default=0.0)
    return began, max((each["started"] + each["duration"] for each in tests), default=0.0)


def _parts(
    target: Target,
) -> tuple[
    tuple[tuple[str, str, str], ...],
    tuple[tuple[str, str, str, str], ...],
    tuple[tuple[str, str], ...],
]:
    """Return workloads, versions and images of a target, as a Validation has them."""
    keys = [(each.kind, each.namespace, each.name) for each in target.workloads]
    hashes = [each.current for each in target.workloads]
    versions = tuple((*key, version) for key, version in zip(keys, hashes, strict=True))
    return tuple(keys), versions, tuple(_images(target))


def _images(target: Target) -> Iterator[tuple[str, str]]:
    for each in target.workloads:
        for container, image in sorted(each.images):
            yield f"{each}/{container}", image
