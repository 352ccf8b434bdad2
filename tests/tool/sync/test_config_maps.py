"""ConfigMaps of a run are created, given to its Job, and never left behind."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.sync.config_maps import ConfigMaps, is_unused
from pytest_k8s_job.sync.job_volumes import Part

JOB = JobRef("shop", "tests-1", "tests", uid="u-1")
PARTS = [Part("one-0", "files.000", b"a"), Part("one-1", "files.001", b"b")]
TODAY = datetime.now(UTC).date().isoformat()


class Server:
    """The ConfigMaps of a namespace; `refuse` maps a method to the error that it meets."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.refuse: dict[str, BaseException] = {}

    def read(self, _path: str, _accept: str) -> tuple[bytes, float]:
        self._check("GET")
        return json.dumps({"items": list(self.there.values())}).encode(), 0.0

    def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        name = path.rpartition("/")[2] if method != "POST" else body["metadata"]["name"]
        self.calls.append(f"{method} {name}")
        self._check(f"{method} {name}")
        self._check(method)
        if method == "POST":
            if name in self.there:
                raise ClusterError("already exists", 409)
            self.there[name] = body
        elif name not in self.there:
            raise GoneError("not found", 404)
        elif method == "DELETE":
            del self.there[name]
        else:
            for key, value in body["metadata"].items():
                found = self.there[name]["metadata"]
                found[key] = {**found[key], **value} if isinstance(value, dict) else value
        return {}

    def _check(self, call: str) -> None:
        if call in self.refuse:
            raise self.refuse[call]


@pytest.fixture
def server() -> Server:
    """A namespace without ConfigMaps."""
    return Server()


def test_the_job_becomes_the_owner(server: Server) -> None:
    """Immutable, with its content, named as the owner's by uid."""
    assert ConfigMaps(server, "shop").create_owned(PARTS, "r1", lambda: JOB) == JOB
    assert set(server.there) == {"one-0", "one-1"}
    first = server.there["one-0"]
    assert first["immutable"] is True
    assert base64.b64decode(first["binaryData"]["files.000"]) == b"a"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "tests-1", "uid": "u-1"}
    assert all(each["metadata"]["ownerReferences"] == [owner] for each in server.there.values())


@pytest.mark.parametrize("call", ["POST one-1", "PATCH one-1"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ClusterError("quota", 403)])
def test_whatever_stops_it_nothing_is_left(call: str, error: BaseException, server: Server) -> None:
    """Ctrl-C and a refusal delete what was created before."""
    server.refuse[call] = error
    with pytest.raises(type(error)):
        ConfigMaps(server, "shop").create_owned(PARTS, "r1", lambda: JOB)
    assert server.there == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ClusterError("no Job today", 403)])
def test_without_a_job_nothing_is_left(error: BaseException, server: Server) -> None:
    """A Job that is refused had its files already."""

    def refuse() -> JobRef:
        raise error

    with pytest.raises(type(error)):
        ConfigMaps(server, "shop").create_owned(PARTS, "r1", refuse)
    assert server.there == {}


def test_shared_ones_are_used_again(server: Server) -> None:
    """What is there is not sent a second time, and its day of use is noted once."""
    config_maps = ConfigMaps(server, "shop")
    config_maps.share(PARTS)
    assert server.calls == ["POST one-0", "POST one-1"]
    config_maps.share(PARTS)
    assert len(server.calls) == 2
    note = server.there["one-0"]["metadata"]["annotations"]
    note["pytest-k8s-job/used"] = "2020-01-01"
    config_maps.share(PARTS)
    assert server.calls[2:] == ["PATCH one-0"]
    assert note != server.there["one-0"]["metadata"]["annotations"]


def test_two_users_may_share_at_once(server: Server) -> None:
    """Somebody else's is as good: its name is the digest of its content."""
    config_maps = ConfigMaps(server, "shop")
    config_maps.share(PARTS)
    server.refuse["GET"] = ClusterError("may not list", 403)
    config_maps.share(PARTS)
    assert set(server.there) == {"one-0", "one-1"}


def test_another_refusal_is_not_swallowed(server: Server) -> None:
    """Without the right to create, the run cannot start."""
    server.refuse["POST"] = ClusterError("forbidden", 403)
    with pytest.raises(ClusterError, match="forbidden"):
        ConfigMaps(server, "shop").share(PARTS)


@pytest.mark.parametrize(("days", "unused"), [(0, False), (6, False), (8, True)])
def test_a_week_without_use_is_enough(days: int, unused: bool) -> None:
    """The day of the last use counts, else that of its creation; a Job's own stays."""
    now = datetime.now(UTC)
    day = (now - timedelta(days=days)).date().isoformat()
    old = "2020-01-01T00:00:00Z"
    noted = {"pytest-k8s-job/used": day}
    found = {"metadata": {"name": "d-1", "annotations": noted, "creationTimestamp": old}}
    assert is_unused(found, [], now) is unused
    created = {"metadata": {"name": "d-1", "creationTimestamp": f"{day}T00:00:00Z"}}
    assert is_unused(created, [], now) is unused
    volume = {"projected": {"sources": [{"configMap": {"name": "d-1"}}]}}
    job = {"spec": {"template": {"spec": {"volumes": [volume]}}}}
    assert is_unused(found, [job], now) is False
