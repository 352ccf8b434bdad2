"""What counts as a change of the target while it is tested."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.target.state import Change, change_between, state_of
from pytest_k8s_job.verdict.verdict import Judgement, Verdict, void


def pod(
    name: str = "api-1-a",
    *,
    template: str = "1",
    image: str = "sha256:aa",
    restarts: int = 0,
    owner: str = "ReplicaSet",
    going: bool = False,
) -> dict[str, Any]:
    """Return a pod object of the Deployment api."""
    ended = {"lastState": {"terminated": {"reason": "OOMKilled"}}} if restarts else {}
    status = {"name": "web", "imageID": f"api@{image}", "restartCount": restarts, **ended}
    return {
        "metadata": {
            "name": name,
            "labels": {"pod-template-hash": template},
            "ownerReferences": [{"kind": owner, "name": f"api-{template}"}],
            **({"deletionTimestamp": "now"} if going else {}),
        },
        "status": {"containerStatuses": [status] if image else []},
    }


def change(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Change | None:
    """Return the change between two lists of pods."""
    return change_between(state_of(before), state_of(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([pod()], [pod()]),
        ([pod()], [pod(), pod("api-1-b")]),
        ([pod(image="")], [pod()]),
        ([pod(), pod("api-0-x", template="0", going=True)], [pod()]),
        ([pod(), pod("api-0-x", template="0")], [pod()]),
        ([pod(restarts=2)], [pod(restarts=2)]),
        ([pod()], [pod(), pod("test", template="9", owner="Job")]),
    ],
    ids=["same", "scaled", "started", "old pod goes", "rollout ends", "restarted before", "job"],
)
def test_these_are_no_change(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """More pods, pods that finish starting and what happened before leave the target the same."""
    assert change(before, after) is None


def test_another_template_or_image_is_another_version() -> None:
    """A rollout, also one that keeps the image, and a moved tag are told with both values."""
    rolled = change([pod()], [pod("api-2-a", template="2")])
    assert rolled == Change(
        "the pod template of deployment api became 2, it was 1, while it was tested", version=True
    )
    moved = change([pod()], [pod(image="sha256:bb")])
    assert moved is not None
    assert moved.version
    assert moved.sentence.startswith("the image of container web of deployment api became sha256:b")


def test_a_target_that_goes_away_is_told() -> None:
    """A Deployment that was deleted while it was tested has no results."""
    gone = change([pod()], [])
    assert gone == Change("deployment api went away while it was tested", version=True)


def test_a_restart_is_told_with_its_reason() -> None:
    """A container that ended and came back is the same version, but not without fault."""
    restarted = change([pod()], [pod(restarts=1)])
    text = "container web of pod api-1-a restarted while it was tested (OOMKilled)"
    assert restarted == Change(text, version=False)


def test_what_a_change_makes_of_a_verdict() -> None:
    """Another version voids success and failure, a restart only success; nothing heals a loss."""
    passed, failed = Judgement(Verdict.PASSED, 0), Judgement(Verdict.FAILED, 1)
    lost = Judgement(Verdict.INCOMPLETE, 11, "lost")
    assert void(passed, "why", version=True) == Judgement(Verdict.VOID, 12, "why")
    assert void(failed, "why", version=True).exit_code == 12
    assert void(passed, "why", version=False).exit_code == 12
    assert void(failed, "why", version=False) == failed
    assert void(lost, "why", version=True) == lost
