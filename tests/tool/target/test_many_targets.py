"""Many targets found by one reading: each is what it is when it is looked for alone."""

from __future__ import annotations

from pytest_k8s_job.target.discovery import Search, find_target, find_targets
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import CONFIGS, KINDS
from tests.tool.target.objects import (
    NAMESPACE,
    Server,
    endpoints,
    external,
    service,
    stateful,
    web,
    within,
)

OBJECTS = [
    *web(pods=2, labels={}),
    *web("b2", name="api", labels={}),
    service(),
    service("api", "api"),
    endpoints("web", "web-a1-0", "web-a1-1"),
    stateful(),
    external("far", "other.db.svc.cluster.local"),
    *within("db", *web("c3", name="other", labels={}), service("other", "other")),
]


def search(said: str) -> Search:
    """Return the search for what a template says."""
    return Search(NAMESPACE, (parse_said(said),))


SEARCHES = [
    *map(search, ("deployment/web", "deployment/api", "db/deployment/other", "service/far"))
]


def test_each_namespace_is_read_once() -> None:
    """Also the one to which a Service leads that only the last search names."""
    server = Server(OBJECTS)
    list(find_targets(server, SEARCHES))
    kinds = (KINDS | CONFIGS).values()
    assert sorted(server.paths) == sorted(
        path.format(namespace) for path in kinds for namespace in (NAMESPACE, "db")
    )


def test_each_target_is_the_one_that_is_found_alone() -> None:
    """What another search has read or found out is no part of it."""
    found = list(find_targets(Server(OBJECTS), SEARCHES))
    assert found == [find_target(Server(OBJECTS), each) for each in SEARCHES]
    assert found == list(reversed([*find_targets(Server(OBJECTS), reversed(SEARCHES))]))
    names = [[str(workload) for workload in each.workloads] for each in found]
    assert names == [["deployment/web"], ["deployment/api"], *[["deployment/other"]] * 2]
    assert [[each.name for each in one.services] for one in found[:2]] == [["web"], ["api"]]


def test_what_may_not_be_read_elsewhere_is_lacking_nowhere_else() -> None:
    """Each target tells of its own namespaces."""
    server = Server(OBJECTS, {"db/pods": 403})
    web_target, *_, other, _ = find_targets(server, SEARCHES)
    assert web_target.lacking == ()
    assert [namespace for namespace, _ in other.lacking] == ["db"]
