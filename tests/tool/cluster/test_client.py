"""The real client against a small HTTP server in the place of the API server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.cluster.pods import JobRef, Phase, pod_of


class ApiServer(ThreadingHTTPServer):
    """Answers every GET with `body` and keeps the requests."""

    body: Any = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, list[str]]]] = []
        self.authorizations: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ApiServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.seen.append((parts.path, parse_qs(parts.query)))
        self.server.authorizations.append(self.headers.get("Authorization"))
        body = json.dumps(self.server.body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """An API server."""
    with ApiServer() as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def kubeconfig(server: ApiServer, tmp_path: Path) -> str:
    """A kubeconfig that leads to it."""
    file = tmp_path / "kubeconfig"
    context = {"cluster": "it", "user": "me", "namespace": "mine"}
    content = {
        "current-context": "here",
        "clusters": [
            {"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [{"name": "here", "context": context}],
    }
    file.write_text(yaml.safe_dump(content))
    return str(file)


def pod(name: str, job: str, index: int | None, created: int, *, running: bool) -> dict[str, Any]:
    """Return a pod object."""
    labels = {"batch.kubernetes.io/job-name": job}
    if index is not None:
        labels["batch.kubernetes.io/job-completion-index"] = str(index)
    state = {"running": {}} if running else {"terminated": {"exitCode": 1}}
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "creationTimestamp": f"2026-01-01T00:00:0{created}Z",
        },
        "status": {"containerStatuses": [{"name": "suite", "state": state}]},
    }


def test_the_pods_of_all_shards_come_by_one_request(server: ApiServer, kubeconfig: str) -> None:
    """Each shard gets its own, of two the older, and none where there is none."""
    server.body = {
        "items": [
            pod("late", "job", 1, 5, running=True),
            pod("zero", "job", 0, 1, running=True),
            pod("one", "job", 1, 2, running=False),
            pod("again", "job-shard0-1", None, 4, running=True),
        ]
    }
    shards = [JobRef("ns", "job", "suite", number) for number in range(3)]
    replacement = JobRef("ns", "job-shard0-1", "suite")
    states = connect(kubeconfig).pods([*shards, replacement])
    assert {job: state.name for job, state in states.items()} == {
        shards[0]: "zero",
        shards[1]: "one",
        replacement: "again",
    }
    assert states[shards[1]].phase is Phase.TERMINATED
    selector = "batch.kubernetes.io/job-name in (job,job-shard0-1)"
    assert server.seen == [("/api/v1/namespaces/ns/pods", {"labelSelector": [selector]})]
    assert server.authorizations == ["Bearer secret"]


def test_a_job_of_one_pod_has_no_index(server: ApiServer, kubeconfig: str) -> None:
    """A pod is found by the name of its Job alone; without one there is no state."""
    cluster = connect(kubeconfig)
    server.body = {"items": [pod("p", "job", None, 1, running=True)]}
    found = pod_of(cluster, JobRef("ns", "job", "suite"))
    assert found is not None
    assert found.name == "p"
    assert pod_of(cluster, JobRef("ns", "other", "suite")) is None
