"""Pod objects as Kubernetes shows them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.cluster.pods import Phase, read_pod

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
