"""What the report says of a finding of the diagnosis."""

from __future__ import annotations

import time
from dataclasses import replace

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Ref
from pytest_k8s_job.diagnosis.scope import Circle
from pytest_k8s_job.run.report_data import finding_of

OOM = Finding(Cause.OOM_KILLED, "container db was OOM-killed", (Ref("Pod", "db-0"),), "more memory")


def test_what_is_true_now_has_no_age() -> None:
    """The circle is that of the diagnosis."""
    found = finding_of(replace(OOM, circle=Circle.TARGET))
    assert (found.code, found.circle, found.age) == (Cause.OOM_KILLED.value, "target", None)


def test_what_is_over_has_its_age() -> None:
    """A clock that is ahead of this one makes no age below zero."""
    now = time.time()
    assert 60 <= (finding_of(replace(OOM, at=now - 60)).age or 0) < 120
    assert finding_of(replace(OOM, at=now + 60)).age == 0


def test_effects_come_before_the_evidence() -> None:
    """What the cause explains is evidence for it."""
    effect = replace(OOM, sentence="Service db has no endpoint")
    found = finding_of(replace(OOM, effects=(effect,), evidence=("exit code 137",)))
    assert found.evidence == ("so: Service db has no endpoint", "exit code 137")
