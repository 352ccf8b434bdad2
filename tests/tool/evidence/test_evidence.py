"""Evidence of failed tests, with a process as the pod and an API server that is played."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tool.conftest import Result, Side

# The target writes its log where the played API server reads it, one file a container.
DOUBLE = """\
import json, os, pathlib, time
from urllib.parse import urlsplit

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.testing.local_pod import LocalCluster

FOLDER = pathlib.Path(os.environ["PLAYED"])


class Played(LocalCluster):
    def read(self, path, accept):
        parts = urlsplit(path)
        name = parts.path.rpartition("/")[2]
        with (FOLDER / "asked").open("a") as asked:
            asked.write(path + "\\n")
        if name in os.environ.get("FORBIDDEN", "").split(","):
            raise ClusterError("the API server refused (403)", 403)
        if name == "log":
            pod = parts.path.split("/")[-2]
            suffix = ".previous" if "previous=true" in parts.query else ""
            file = FOLDER / (pod + suffix)
            return (file.read_bytes() if file.exists() else b""), time.time()
        file = FOLDER / (name + ".json")
        text = file.read_text() if file.exists() else '{"items": []}'
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return text.replace("NOW", now).encode(), time.time()


def pytest_k8s_job_cluster(config):
    return Played(pathlib.Path(os.environ["SUITE"]))
"""
SUITE = """\
import http.server, os, pathlib, threading, time
from datetime import datetime, timezone

import pytest
import requests

FOLDER = pathlib.Path(os.environ["PLAYED"])


def log(pod, text):
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    with (FOLDER / pod).open("a") as file:
        file.write(f"{now} {text}\\n")


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        trace = self.headers["traceparent"].split("-")[1]
        log("api-1", f"GET {self.path} authorization: Bearer of-the-log trace {trace}")
        log("api-1", "a line of somebody else")
        log("worker-1.previous", f"job started password=hunter-22 {trace}")
        self.send_response(200)
        self.send_header("Set-Cookie", "session=of-the-answer")
        self.end_headers()
        self.wfile.write(b"token tok-4711, a stored-value, a Y2FyZWZ1bA==")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def url():
    server = http.server.HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def get(url):
    headers = {"traceparent": os.environ["TRACEPARENT"], "Authorization": "Bearer of-the-test"}
    return requests.get(url + "/jobs", headers=headers, timeout=5)


def test_wait(url):
    assert get(url).status_code == 200
    pytest.fail("waited 5 s for the job; the last value seen: 'in progress'")


def test_plain(url):
    assert "tok-4711 and stored-value" == get(url).text


def test_fine(url):
    assert get(url).ok


@pytest.mark.parametrize("n", range(3))
def test_refused(n):
    requests.get("http://127.0.0.1:9/", timeout=5)
"""


def pod(name: str, **status: Any) -> dict[str, Any]:
    """Return a pod of the target."""
    resources = {"limits": {"memory": "128Mi"}}
    owner = {"kind": "ReplicaSet", "name": name[:-2]}
    return {
        "metadata": {
            "name": name,
            "namespace": "local",
            "labels": {"app": "shop"},
            "ownerReferences": [owner],
        },
        "spec": {"containers": [{"name": "main", "resources": resources}]},
        "status": {
            "containerStatuses": [
                {"name": "main", "state": {"running": {"startedAt": "NOW"}}, **status}
            ]
        },
    }


KILLED = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "NOW"}}
EVENT = {
    "metadata": {"creationTimestamp": "NOW", "namespace": "local"},
    "involvedObject": {"kind": "Pod", "name": "worker-1"},
    "reason": "BackOff",
    "message": "Back-off restarting failed container",
}


@pytest.fixture
def played(remote: Side, tmp_path: Path) -> Side:
    """The tool, with an API server that has a target whose worker was killed."""
    folder = tmp_path / "played"
    folder.mkdir()
    (tmp_path / "near_double.py").write_text(DOUBLE)
    (remote.suite / "test_target.py").write_text(SUITE)
    pods = [pod("api-1"), pod("worker-1", restartCount=1, lastState=KILLED)]
    stored = base64.b64encode(b"stored-value").decode()
    objects = {
        "pods": pods,
        "events": [EVENT],
        "secrets": [{"metadata": {"name": "s"}, "data": {"key": stored, "short": "YWJj"}}],
    }
    for name, items in objects.items():
        (folder / f"{name}.json").write_text(json.dumps({"items": items}))
    remote.environment.update(PLAYED=str(folder))
    return remote


def run(side: Side, *arguments: str) -> Result:
    """Run the suite of this module."""
    return side.run("test_target.py", "--target=-l app", "--wait-rollout=0", *arguments)


def read_for_evidence(side: Side) -> str:
    """Return what the API server was asked that only evidence asks."""
    file = Path(side.environment["PLAYED"], "asked")
    lines = file.read_text().splitlines() if file.exists() else []
    return "\n".join(line for line in lines if re.search(r"/log|/secrets\?", line))


def test_a_failure_has_its_lines_events_and_exchanges(played: Side) -> None:
    """The terminal shows log lines of all pods, what happened, and the requests; so does JUnit."""
    result = run(played, "-k", "wait or fine")
    assert result.code == 1, result.stdout + result.stderr
    assert "api-1/main: GET /jobs" in result.stdout
    assert "worker-1/main (before its restart): job started" in result.stdout
    assert "Pod worker-1: BackOff: Back-off restarting failed container" in result.stdout
    assert "GET http://127.0.0.1:" in result.stdout
    assert "< 200 OK in " in result.stdout
    assert "a line of somebody else" not in result.stdout
    (failed,) = [case for case in result.junit if "failure" in str(case)]
    told = {tag: text for tag, _, text in failed["all"]}["system-out"]
    assert "api-1/main: GET /jobs" in told
    assert "HTTP exchanges" in told
    assert "exchanges.py" not in result.stdout
    assert "sinceSeconds=" in read_for_evidence(played)


def test_without_failures_nothing_is_asked(played: Side) -> None:
    """A run that passes reads nothing of the target."""
    assert run(played, "-k", "fine", "-o", "k8s_target_watch=false").code == 0
    assert not read_for_evidence(played)


def test_it_can_be_switched_off(played: Side) -> None:
    """With --k8s-evidence=no a failure is what it is without the tool, and nothing is asked."""
    result = run(played, "-k", "wait", "--k8s-evidence=no")
    assert result.code == 1
    assert not read_for_evidence(played)
    assert "HTTP exchanges" not in result.stdout
    assert "likely cause" not in result.stdout


def test_masked_values_appear_nowhere(played: Side) -> None:
    """Neither terminal, JUnit nor the report shows headers, Secrets or what --mask matches."""
    result = run(played, "--mask=tok-[0-9]+", "--mask", "hunter-..", "--report=report", "-rA")
    assert result.code == 1, result.stdout + result.stderr
    texts = {path.name: path.read_text() for path in (played.folder / "report").iterdir()}
    texts |= {"terminal": result.stdout, "junit": result.xml}
    assert {"index.html", "report.json", "summary.md", "terminal", "junit"} <= texts.keys()
    hidden = ("of-the-test", "of-the-answer", "of-the-log", "tok-4711", "hunter-22", "stored-value")
    for name, text in texts.items():
        for secret in hidden:
            assert secret not in text, f"{secret} in {name}"
    assert "[masked]" in texts["report.json"]
    assert "trace [" not in result.stdout


def test_what_is_not_masked_is_shown(played: Side) -> None:
    """The masks are what hides: without them and without the right to read Secrets, all is told."""
    played.environment["FORBIDDEN"] = "secrets"
    result = run(played)
    assert "tok-4711" in result.stdout
    assert "stored-value" in result.stdout
    assert "hunter-22" in result.stdout


def test_a_wrong_mask_is_told(played: Side) -> None:
    """A pattern that is no regex is a mistake of the user, in one line."""
    result = run(played, "--mask=(")
    assert result.code == 4
    assert "--mask: '(' is no regex" in result.stderr


def test_failures_of_one_cause_are_one_line(played: Side) -> None:
    """Three refused connections are one line of the summary, with the times."""
    result = run(played, "-k", "refused")
    line = r"^3 tests failed because 127\.0\.0\.1 refused connections (at|from) [0-9:to ]+ UTC$"
    assert re.search(line, result.stdout, re.M)
    assert result.stdout.count("likely cause -") == 3


def test_a_missing_right_is_told_once(played: Side) -> None:
    """Without the right to read logs the run goes on, and says which rule is missing."""
    played.environment["FORBIDDEN"] = "log,events"
    result = run(played)
    assert result.code == 1
    assert "5 failed, 1 passed" in result.stdout
    assert result.stdout.count('{apiGroups: [""], resources: [pods/log], verbs: [get]}') == 1
    assert '{apiGroups: [""], resources: [events], verbs: [list]}' in result.stdout
    assert "endpointslices]" not in result.stdout
