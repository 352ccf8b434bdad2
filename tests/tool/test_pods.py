"""Pod objects as Kubernetes shows them, and when they mean that no test will start."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.pods import Phase, PodState, read_pod
from pytest_k8s_job.starting import StartWatch

SCHEDULED = {"type": "PodScheduled", "status": "True"}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}


def pod(state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """Return a pod object whose container `suite` has `state`."""
    containers = [{"name": "sidecar", "state": {"running": {}}}]
    if state is not None:
        containers.append({"name": "suite", "state": state})
    status = {"phase": "Pending", "conditions": [SCHEDULED], **status}
    return {"metadata": {"name": "p"}, "status": {**status, "containerStatuses": containers}}


STATES = [
    (pod(conditions=[]), Phase.CREATED, "", None),
    (pod(conditions=[UNSCHEDULABLE]), Phase.CREATED, "Unschedulable", None),
    (pod(), Phase.SCHEDULED, "", None),
    (pod({"waiting": {"reason": "ContainerCreating"}}), Phase.SCHEDULED, "ContainerCreating", None),
    (pod({"waiting": {"reason": "ErrImagePull"}}), Phase.SCHEDULED, "ErrImagePull", None),
    (pod({"running": {}}, phase="Running"), Phase.RUNNING, "", None),
    (pod({"terminated": {"exitCode": 0, "reason": "Completed"}}), Phase.TERMINATED, "Completed", 0),
    (
        pod({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        Phase.TERMINATED,
        "OOMKilled",
        137,
    ),
    (pod(phase="Failed", reason="Evicted"), Phase.TERMINATED, "Evicted", None),
]


@pytest.mark.parametrize(("obj", "phase", "reason", "code"), STATES)
def test_state_of_a_pod(obj: dict[str, Any], phase: Phase, reason: str, code: int | None) -> None:
    """Phase, reason and exit code are those of the container, not those of a sidecar."""
    state = read_pod(obj, "suite")
    assert (state.phase, state.reason, state.exit_code) == (phase, reason, code)


def test_failed_init_container_is_named() -> None:
    """A pod whose init container failed has ended, though its container never began."""
    init = {"name": "migrate", "state": {"terminated": {"exitCode": 4}}}
    state = read_pod(pod(phase="Failed", initContainerStatuses=[init]), "suite")
    assert state.phase is Phase.TERMINATED
    assert state.message == "init container migrate ended with exit code 4"


def test_termination_message_is_apart_from_the_cause() -> None:
    """What the container wrote is no cause; what kept it from starting is."""
    wrote = read_pod(
        pod({"terminated": {"exitCode": 1, "reason": "Error", "message": "{}"}}), "suite"
    )
    assert (wrote.termination_message, wrote.message) == ("{}", "")
    broken = {"exitCode": 128, "reason": "StartError", "message": "no such executable"}
    assert read_pod(pod({"terminated": broken}), "suite").message == "no such executable"


def waiting(reason: str, phase: Phase = Phase.SCHEDULED) -> PodState:
    """Return a pod that waits for `reason`."""
    return PodState("p", phase, reason, f"message of {reason}")


@pytest.mark.parametrize("reason", ["ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff"])
def test_terminal_reasons_are_given_up_within_seconds(reason: str) -> None:
    """A pod that waits for what will not come is given up in under 10 s, with the reason."""
    watch = StartWatch(0, 60)
    assert watch.given_up(0.5, waiting(reason), None) is None
    assert watch.given_up(10, waiting(reason), None) == f"{reason}: message of {reason}"


def test_image_pull_flips_between_two_reasons() -> None:
    """ErrImagePull and ImagePullBackOff take turns; together they are one cause."""
    watch = StartWatch(0, 60)
    assert watch.given_up(1, waiting("ErrImagePull"), None) is None
    assert watch.given_up(4, waiting("ImagePullBackOff"), None) is None
    assert watch.given_up(8, waiting("ErrImagePull"), None) is not None


def test_a_cause_that_heals_is_forgotten() -> None:
    """A pod that goes on after a bad moment is not given up for it."""
    watch = StartWatch(0, 60)
    assert watch.given_up(1, waiting("ErrImagePull"), None) is None
    assert watch.given_up(2, waiting("ContainerCreating"), None) is None
    assert watch.given_up(8, waiting("ErrImagePull"), None) is None


def test_a_job_without_pod_names_the_refusal() -> None:
    """Quota and Pod Security refuse the pod, not the Job; the Job's event says why."""
    watch = StartWatch(0, 60)
    refusal = "FailedCreate: exceeded quota: q"
    assert watch.given_up(0.2, None, refusal) is None
    assert watch.given_up(4, None, refusal) == f"the Job could not create its pod: {refusal}"


def test_unschedulable_waits_for_an_autoscaler() -> None:
    """A node may yet come: only the time-out ends the waiting, with the scheduler's words."""
    watch = StartWatch(0, 60)
    state = waiting("Unschedulable", Phase.CREATED)
    assert watch.given_up(59, state, None) is None
    cause = watch.given_up(61, state, None)
    assert cause == "nothing started within 60 s: Unschedulable: message of Unschedulable"


def test_a_stuck_volume_is_told_by_its_event() -> None:
    """A pod that creates its container for ever is explained by the last warning."""
    watch = StartWatch(0, 10)
    cause = watch.given_up(11, PodState("p", Phase.SCHEDULED), "FailedMount: secret not found")
    assert cause == "nothing started within 10 s: scheduled (FailedMount: secret not found)"
