"""The key of a rollout: the same for whoever reads the same, another one for another rollout."""

from __future__ import annotations

import json

from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.validation.key import KEY_LENGTH, rollout_key
from tests.tool.target.objects import (
    NEWER_IMAGE,
    Object,
    Server,
    pod,
    stateful,
    web,
)
from tests.tool.target.test_discovery import search


class Revisions(Server):
    """An API server that also lists ControllerRevisions."""

    def __init__(self, *objects: Object, numbers: dict[str, int] | None = None) -> None:
        super().__init__(objects)
        self.numbers = numbers or {}

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return the list that a path names."""
        if path.endswith("/controllerrevisions"):
            items = [{"metadata": {"name": k}, "revision": v} for k, v in self.numbers.items()]
            return json.dumps({"items": items or None}).encode(), 0.0
        return super().read(path, accept)


def key_of(*objects: Object, said: str = "deployment/web", **numbers: int) -> str:
    """Return the key of what these objects are."""
    server = Revisions(*objects, numbers={k.replace("_", "-"): v for k, v in numbers.items()})
    return rollout_key(server, find_target(server, search(said)))


def test_no_target_has_no_key() -> None:
    """Nothing can be validated then."""
    assert rollout_key(Server([]), Target()) == ""


def test_the_same_rollout_has_the_same_key() -> None:
    """Scaled, with pods made anew, with restarts, and in whatever order it is read."""
    key = key_of(*web())
    assert len(key) == KEY_LENGTH
    assert key_of(*web(pods=3)) == key
    assert key_of(*reversed(web())) == key
    restarted = web()
    restarted[-1]["status"]["containerStatuses"][0]["restartCount"] = 4
    restarted[-1]["metadata"]["name"] = "web-a1-zzzzz"
    assert key_of(*restarted) == key


def test_another_rollout_has_another_key() -> None:
    """Another number of the same content: back at an earlier revision; another image; made anew."""
    key = key_of(*web())
    assert key_of(*web(number=3)) != key
    other_image = web()
    other_image[-1]["status"]["containerStatuses"][0]["imageID"] = NEWER_IMAGE
    assert key_of(*other_image) != key
    made_anew = web()
    made_anew[0]["metadata"]["uid"] = "another"
    assert key_of(*made_anew) != key


def test_a_statefulset_counts_by_its_controller_revision() -> None:
    """Its own status names the revision alone, which is the same after a way back."""
    objects = (stateful(), pod("db-0", "StatefulSet/db", app="db"))
    first = key_of(*objects, said="statefulset/db", db_1=1)
    assert key_of(*objects, said="statefulset/db", db_1=1) == first
    assert key_of(*objects, said="statefulset/db", db_1=3) != first
    assert key_of(*objects, said="statefulset/db") != first


def test_all_parts_count() -> None:
    """The worker's rollout is one of the target."""
    worker = web(name="worker")
    for each in worker:
        each["metadata"]["labels"] = {**each["metadata"]["labels"], "app": "worker"}
    one = key_of(*web(), *worker)
    later = web(name="worker", number=2)
    assert key_of(*web(), *later) != one
