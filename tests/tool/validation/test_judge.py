"""Whether a run's results are of what was deployed when its Job was created."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.run import target_watch
from pytest_k8s_job.target.discovery import Search
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.validation.judge import change_during
from tests.tool.target.objects import BEGIN, NAMESPACE, Object, Server, at, target, web
from tests.tool.target.test_change import rolled

SEARCH = Search(NAMESPACE, (parse_said("deployment/web"),))
SECONDS = 10.0  # that the tests take


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_watch, "PAUSE_SECONDS", 0)


def report(began: float = BEGIN) -> dict[str, Any]:
    """Return what the session left."""
    return {"tests": [{"started": began, "duration": SECONDS}] if began else []}


def change(after: Server, before: Target | None = None, began: float = BEGIN) -> tuple[str, bool]:
    """Return sentence and kind of the change, nothing without one."""
    found = change_during(after, SEARCH, before or target(*web()), report(began))
    return (found.sentence, found.version) if found is not None else ("", False)


def rolled_at(seconds: float, number: int = 2) -> list[Object]:
    """Return the Deployment after a rollout at a time after the first test began."""
    objects = rolled(number=number)
    for each in objects:
        each["metadata"]["creationTimestamp"] = at(seconds)
    objects[0]["status"]["conditions"][0]["lastUpdateTime"] = at(seconds + 1)
    return objects


def test_nothing_changed() -> None:
    """The reading after the tests shows the same."""
    assert change(Server(web())) == ("", False)
    assert change(Server(web(pods=3))) == ("", False)


def test_a_rollout_in_mid_run() -> None:
    """Results of two revisions are of neither."""
    sentence, version = change(Server(rolled_at(SECONDS / 2)))
    assert "was rolled out while it was tested" in sentence
    assert version


def test_a_rollout_before_the_first_test() -> None:
    """All tests saw one revision: not the one that the Job is named for."""
    sentence, version = change(Server(rolled_at(-20)))
    assert sentence == "deployment/web was rolled out before the first test"
    assert version


def test_a_rollout_after_the_last_test() -> None:
    """One that is surely later changes nothing; of two, one may have been earlier."""
    assert change(Server(rolled_at(SECONDS + 60))) == ("", False)
    assert change(Server(rolled_at(SECONDS + 60, number=3)))[1]


@pytest.mark.parametrize("resource", ["pods", "deployments", "replicasets", "services"])
def test_what_cannot_be_read_afterwards(resource: str) -> None:
    """Nobody knows then whether the target stayed the same."""
    sentence, _ = change(Server(web(), {resource: 500}))
    assert f"after the tests: namespace shop: {resource} could not be read (HTTP 500)" in sentence


def test_the_target_went_away() -> None:
    """It was tested while it went, maybe."""
    assert change(Server(())) == ("deployment/web went away while it was tested", True)


def test_a_restart_in_mid_run() -> None:
    """Also one of which the reading before the tests knew nothing."""
    objects = web()
    status = objects[2]["status"]["containerStatuses"][0]
    status |= {"restartCount": 1}
    status["lastState"] = {"terminated": {"reason": "OOMKilled", "finishedAt": at(5)}}
    sentence, version = change(Server(objects), target(*objects))
    assert "restarted while it was tested (OOMKilled)" in sentence
    assert not version


def test_no_test_has_run() -> None:
    """There is no result to doubt."""
    assert change(Server(rolled_at(5)), began=0) == ("", False)
