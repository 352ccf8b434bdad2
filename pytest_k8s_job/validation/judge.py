"""Draws the verdict of a validation from its Job and its target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.cluster.joining import read_job, run_of
from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import PodState
from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.errors import GoneError
from pytest_k8s_job.target.change import Change, change_between
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.validation.follow import Place, follow
from pytest_k8s_job.validation.key import rollout_key
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.verdict.verdict import EXIT_NOT_RUN, Judgement, Verdict, void

__all__ = ["Judged", "judge_job", "not_run"]

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


def judge_job(
    cluster: KubernetesCluster,
    place: Place,
    template: Template,
    name: str,
    before: Target,
) -> Judged | None:
    """Follow a Job to its end and judge it; None if it is gone.

    `before` is the target that the Job tests: its rollout has the key in the Job's name. The
    verdict is VOID if the target did not stay so.
    """
    try:
        followed = follow(name, place, template.policy.target)
        job = cluster.find(template.namespace, name)
    except GoneError:
        return None
    report = followed.report
    after = find_target(cluster, template.search)
    judgement = Judgement(Verdict(report["verdict"]), report["exit_code"], report["first_line"])
    began, ended = _window(report)
    if began and (change := _change(cluster, before, after, began, ended)):
        judgement = void(judgement, change.sentence, version=change.version)
    joined = read_job(job)
    pod = cluster.pods([joined.job]).get(joined.job)
    validation = Validation(
        template.name,
        template.namespace,
        rollout_key(cluster, before),
        _number(name),
        before.revision,
        name,
        run_of(job),
        judgement.verdict.value,
        judgement.exit_code,
        "" if judgement.verdict is Verdict.PASSED else judgement.reason.partition("\n")[0],
        f"target: {before.describe(template.namespace)}",
        *_parts(before),
        report["counts"],
        tuple(each["nodeid"] for each in report["tests"] if each["outcome"] in BAD),
        epoch(job["metadata"]["creationTimestamp"]),
        round(max(ended, report["finished"]) - epoch(job["metadata"]["creationTimestamp"]), 1),
    )
    return Judged(validation, job, pod, followed.log)


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


def _change(
    cluster: KubernetesCluster, before: Target, after: Target, began: float, ended: float
) -> Change | None:
    """Return how the target changed while it was tested.

    The same key before and after leaves no room for another rollout; restarts show by their times,
    also those that came before `before` was read.
    """
    found = change_between(before, after, began, ended)
    if found is not None:
        return found
    if rollout_key(cluster, before) != rollout_key(cluster, after) and not ended:
        return Change("the target was rolled out while it was tested", version=True)
    return next(_restarts(after, began, ended or time.time()), None)


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


def _number(job: str) -> int:
    last = job.rpartition("-")[2]
    return int(last) if last.isdecimal() and len(last) < 4 else 1
