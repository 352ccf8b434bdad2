"""The Jobs of a template: which is next, and which ended without a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.validation.policy import Policy
from pytest_k8s_job.validation.runs import GRACE_SECONDS, left_over
from pytest_k8s_job.validation.store import KEPT_RUNS
from pytest_k8s_job.validation.template import Template
from tests.tool.target.objects import BEGIN, Object, at
from tests.tool.validation.runs import run

TEMPLATE = Template("shop", "runs", {}, Policy())
LATER = BEGIN + GRACE_SECONDS + 100


def job(name: str, *, ended: float | None = 1.0, age: float = 60, **labels: str) -> Object:
    """Return a Job that ended some seconds after BEGIN."""
    labels = labels or {"pytest-k8s-job/template": "shop"}
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": at(ended or 0)}
    conditions = [] if ended is None else [condition]
    metadata = {"name": name, "labels": labels, "creationTimestamp": at(-age)}
    return {"metadata": metadata, "status": {"conditions": conditions}}


def left(*jobs: Object, kept: tuple[Any, ...] = (), now: float = LATER) -> list[str]:
    """Return the names of Jobs without a verdict."""
    return left_over(jobs, TEMPLATE, kept, now)


def test_an_ended_job_that_nobody_judged() -> None:
    """The oldest comes first; one with a kept verdict has its own."""
    one, two = job("shop-0a1b2c3d4e"), job("shop-0a1b2c3d4e-2", age=30)
    assert left(two, one) == ["shop-0a1b2c3d4e", "shop-0a1b2c3d4e-2"]
    assert left(two, one, kept=(run(job="shop-0a1b2c3d4e"),)) == ["shop-0a1b2c3d4e-2"]


@pytest.mark.parametrize(
    "other",
    [
        job("shop-0a1b2c3d4e", ended=None),
        job("shop-9b064ec7"),
        job("shop-29345678"),
        job("other-0a1b2c3d4e"),
        job("shop-0a1b2c3d4e", app="shop"),
        job("shop-0a1b2c3d4e", ended=LATER - BEGIN - 1),
    ],
)
def test_what_is_no_left_over(other: Object) -> None:
    """It runs, was started by hand or by a schedule, is another's, or somebody looks at it."""
    assert left(other) == []


def test_an_ended_job_by_its_schedule() -> None:
    """It is owned by the CronJob, whatever its name and labels."""
    scheduled = job("shop-29345678", app="shop")
    scheduled["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "shop"}]
    assert left(scheduled) == ["shop-29345678"]
    scheduled["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "other"}]
    assert left(scheduled) == []


def test_an_old_job_beyond_the_history() -> None:
    """Its verdict was kept once, and deleted as the oldest."""
    full = tuple(run(job=f"shop-{n:010x}", started=BEGIN - 30.0) for n in range(KEPT_RUNS))
    assert left(job("shop-0a1b2c3d4e", age=60), kept=full) == []
    assert left(job("shop-0a1b2c3d4e", age=60), kept=full[1:]) == ["shop-0a1b2c3d4e"]
    assert left(job("shop-0a1b2c3d4e", age=20), kept=full) == ["shop-0a1b2c3d4e"]
