"""When a run gives up on its Job: at once, after a while, or not while help is on its way."""

from __future__ import annotations

import json
import threading
import time

import pytest

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.diagnosis.snapshot_reader import KINDS
from pytest_k8s_job.diagnosis.start_watch import (
    PATIENCE,
    QUIET,
    Patience,
    StartWatch,
    diagnose_job,
    diagnose_target,
    explain_refusal,
)
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload
from tests.tool.diagnosis.made import JOB, healthy, pod, snapshot, waiting

SUITE = JobRef("demo", "suite", "main")
PENDING = PodState("suite-1", Phase.SCHEDULED, "ContainerCreating")
RUNNING = PodState("suite-1", Phase.RUNNING)
SECONDS = 20
NO_IMAGE = waiting("ErrImageNeverPull", "image is not present with pull policy of Never")


class Recorded:
    """A reader that answers from a snapshot; `asked` counts the snapshots taken."""

    server = "https://server"

    def __init__(self, content: Snapshot, error: ClusterError | None = None) -> None:
        self.content = content
        self.error = error
        self.asked = threading.Semaphore(0)

    def describe(self) -> str:
        """Name itself."""
        return "context made"

    def read(self, path: str, _accept: str) -> tuple[bytes, float]:
        """Return the objects of the path's resource."""
        if self.error is not None:
            raise self.error
        plain = path.partition("?")[0]
        for resource, (_, pattern) in KINDS.items():
            if plain == pattern.format("demo") and "dns-" not in resource:
                return json.dumps({"items": self.content[resource]}).encode(), 0.0
        self.asked.release()
        return json.dumps({"metadata": {"name": "demo"}}).encode(), 0.0


@pytest.fixture
def reader() -> Recorded:
    """A cluster whose Job waits for an image that nobody pulls."""
    return Recorded(snapshot(jobs=[JOB], pods=[pod("suite-1", JOB, **NO_IMAGE)]))


def finding(outlook: Outlook, cause: Cause = Cause.UNKNOWN) -> Finding:
    """Return a finding of an outlook."""
    return Finding(cause, "it is odd", (Ref("Job", "suite"),), outlook=outlook)


def test_a_pod_that_comes_forward_costs_nothing(reader: Recorded) -> None:
    """No snapshot is taken before the Job has had its moment, nor of a running container."""
    diagnosis = StartWatch(reader, SUITE, 60.0, 0.0)
    assert diagnosis.start_failure(QUIET / 2, PENDING) is None
    assert diagnosis.start_failure(QUIET * 2, RUNNING) is None
    assert not reader.asked.acquire(timeout=0.1)


def test_a_pod_that_waits_is_looked_at_and_given_up(reader: Recorded) -> None:
    """A pod that does not come forward is looked at; a lasting cause ends the waiting."""
    now = time.monotonic()
    diagnosis = StartWatch(reader, SUITE, 60.0, now - QUIET)
    try:
        assert diagnosis.start_failure(now, PENDING) is None
        assert reader.asked.acquire(timeout=10)
        start_failure = None
        for _ in range(SECONDS * 10):
            start_failure = start_failure or diagnosis.start_failure(time.monotonic(), PENDING)
            if start_failure is None:
                reader.asked.acquire(timeout=0.1)
    finally:
        diagnosis.stop()
    assert start_failure is not None
    assert start_failure.cause is Cause.IMAGE_NEVER_PULLED


@pytest.mark.parametrize("outlook", [Outlook.FINAL, Outlook.STUCK, Outlook.MAY_HEAL])
def test_patience_depends_on_the_outlook(outlook: Outlook) -> None:
    """What waiting does not mend is given up at once, what may heal is given time."""
    patience = Patience()
    patience.note(10.0, finding(outlook))
    late = patience.seen(10.0 + PATIENCE[outlook])
    early = patience.seen(10.0 + PATIENCE[outlook] - 0.1)
    assert late is not None
    assert early is None
    assert PATIENCE[outlook] < 10


def test_help_on_its_way_is_waited_for() -> None:
    """While an autoscaler adds a node, only the end of the time ends the waiting."""
    patience = Patience()
    patience.note(0.0, finding(Outlook.HELPED))
    assert patience.seen(59.0) is None
    assert patience.seen(61.0, over=True) is not None


def test_a_cause_that_heals_is_forgotten() -> None:
    """A cause that went away and comes again has to last again."""
    patience = Patience()
    patience.note(0.0, finding(Outlook.MAY_HEAL))
    patience.note(5.0, None)
    patience.note(6.0, finding(Outlook.MAY_HEAL))
    assert patience.seen(6.0 + PATIENCE[Outlook.MAY_HEAL] - 0.1) is None


def test_another_cause_begins_anew() -> None:
    """The time of one cause does not count for the next."""
    patience = Patience()
    patience.note(0.0, finding(Outlook.MAY_HEAL))
    patience.note(9.0, finding(Outlook.MAY_HEAL, Cause.REGISTRY_UNREACHABLE))
    assert patience.seen(10.0) is None


def test_the_end_of_the_time_is_honest() -> None:
    """When nothing was found in time, the finding says so and shows the pod's state."""
    diagnosis = StartWatch(Recorded(healthy()), SUITE, 60.0, 0.0)
    start_failure = diagnosis.start_failure(61.0, RUNNING)
    assert start_failure is not None
    assert start_failure.cause is Cause.UNKNOWN
    assert start_failure.sentence == "nothing started within 60 s: pod suite-1 is running"


def test_only_what_concerns_the_job_is_named() -> None:
    """What is wrong beside the Job keeps no test from starting."""
    broken = pod("api-1", **NO_IMAGE)
    beside = Recorded(snapshot(jobs=[JOB], pods=[broken, pod("suite-1", JOB)]))
    assert diagnose_job(beside, SUITE) is None


def test_the_target_is_diagnosed_without_the_tests() -> None:
    """What is wrong with the service is told, what is wrong with a Job of tests is not."""
    both = [pod("api-1", **NO_IMAGE), pod("suite-1", JOB, **NO_IMAGE)]
    reader = Recorded(snapshot(jobs=[JOB], pods=both))
    api = Target((Workload("pod", "demo", "api-1", "said"),))
    found = diagnose_target(reader, Scope("demo", frozenset({"suite"}), api))
    assert [each.objects for each in found.findings] == [(Ref("Pod", "api-1"),)]


REFUSALS = [
    ('jobs.batch is forbidden: User "me" cannot create resource "jobs" in API group "batch"', 403),
    ('namespaces "demo" not found', 404),
    ('Job.batch "suite" is invalid: spec.template.spec.restartPolicy: Unsupported value', 422),
    ("jobs.batch is forbidden: unable to create new content in namespace demo because ...", 403),
    ('admission webhook "guard" denied the request: no team', 400),
    ("Unauthorized", 401),
    ("the API server https://server does not answer: connection refused", 0),
    ("something else", 500),
]
CAUSES = [
    Cause.NO_RIGHTS,
    Cause.NAMESPACE_MISSING,
    Cause.INVALID_MANIFEST,
    Cause.NAMESPACE_TERMINATING,
    Cause.ADMISSION_DENIED,
    Cause.CREDENTIALS,
    Cause.API_UNREACHABLE,
    Cause.POD_REFUSED,
]


@pytest.mark.parametrize(("refusal", "cause"), list(zip(REFUSALS, CAUSES, strict=True)))
def test_a_refused_job_is_explained(refusal: tuple[str, int], cause: Cause) -> None:
    """Whatever keeps the Job itself from being created has its cause."""
    reader = Recorded(healthy())
    found = explain_refusal(reader, "demo", "suite", ClusterError(*refusal))
    assert found.cause is cause


def test_rights_are_named_as_a_rule() -> None:
    """A missing right is told with the line of a Role that gives it."""
    text, status = REFUSALS[0]
    found = explain_refusal(Recorded(healthy()), "demo", "suite", ClusterError(text, status))
    assert found.remedy.startswith('- {apiGroups: ["batch"], resources: [jobs], verbs: [create]}')
