"""How requests to the API server are named in their count."""

from __future__ import annotations

import pytest

from tests.bench.request_count import kind_of

PODS = "/api/v1/namespaces/demo/pods"


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("GET", f"{PODS}?labelSelector=a%3Db", "list pods"),
        ("GET", f"{PODS}?labelSelector=a%3Db&watch=true", "watch pods"),
        ("GET", f"{PODS}?watch=false", "list pods"),
        ("GET", f"{PODS}/suite-1", "get pods"),
        ("GET", f"{PODS}/suite-1/log?follow=true", "get pods/log"),
        ("POST", "/apis/batch/v1/namespaces/demo/jobs", "create jobs"),
        ("DELETE", "/apis/batch/v1/namespaces/demo/jobs/suite", "delete jobs"),
        ("PATCH", "/apis/batch/v1/namespaces/demo/jobs/suite", "patch jobs"),
        ("GET", "/api/v1/nodes", "list nodes"),
        ("GET", "/api/v1/namespaces/demo", "get namespaces"),
        ("GET", "/version", "get /version"),
    ],
)
def test_a_request_is_named_by_verb_and_resource(method: str, url: str, kind: str) -> None:
    """The names are those of Kubernetes' own rights."""
    assert kind_of(method, url) == kind
