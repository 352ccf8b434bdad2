"""Which cause is named for a failure, and when none is; how sections are cut and joined."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pytest_k8s_job.cluster.text import epoch
from pytest_k8s_job.diagnosis.grouping import group_texts
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.evidence.likely_cause import likely_cause
from pytest_k8s_job.evidence.masking import Masks, secret_values
from pytest_k8s_job.evidence.target_reader import Log
from pytest_k8s_job.evidence.window import Line, Window, lines_with, shown, target_events
from tests.checkout import CHECKOUT

KILLED_AT = epoch(
    "2026-11-25T21:09:46Z"
)  # worker-6878fbf48d-2pk6s; the other at 21:09:09, 21:10:11
WORKER, OTHER = "worker-6878fbf48d-2pk6s", "worker-6878fbf48d-t47tc"
DURING = Window(KILLED_AT - 10.0, KILLED_AT + 5.4)
WAITED = "AssertionError: waited 30 s for job 17 to be complete; the last value seen: 'queued'"
REFUSED = (
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='api', port=80): Max retries"
    " exceeded with url: / (Caused by NewConnectionError('...: [Errno 111] Connection refused'))"
)
Objects = dict[str, list[dict[str, Any]]]


@pytest.fixture
def objects() -> Objects:
    """The objects of a real run whose workers had too little memory, without its own pods."""
    path = CHECKOUT / "tests" / "tool" / "recorded" / "oom_run.json"
    loaded: Objects = json.loads(path.read_text())
    loaded["pods"] = [p for p in loaded["pods"] if "test" not in p["metadata"]["name"]]
    for each in loaded["pods"]:
        each["spec"]["containers"][0]["resources"] = {"limits": {"memory": "128Mi"}}
    return loaded


def snapshot(objects: Objects) -> Snapshot:
    """Return the snapshot of them."""
    return Snapshot("weather", objects={name: [*objects[name]] for name in objects})


def line(pod: str, at: float, text: str = "job started") -> Line:
    """Return a line that carries the test's trace id."""
    return Line(at, pod, pod.partition("-")[0], True, text)


def test_the_container_that_worked_for_the_test_is_named(objects: Objects) -> None:
    """It had begun the test's job, was killed, and the test waited in vain."""
    said = likely_cause(WAITED, DURING, snapshot(objects), [line(WORKER, KILLED_AT - 1.5)])
    assert said == f"{WORKER} was OOM-killed (limit 128 MiB) 5 s before the failure"


@pytest.mark.parametrize(
    "said",
    ["AssertionError: assert 1 == 2", "ValueError: 12", "", "AssertionError: expected status 200"],
)
def test_an_assertion_of_another_kind_has_no_cause(objects: Objects, said: str) -> None:
    """A container that ended does not explain a wrong number."""
    lines = [line(WORKER, KILLED_AT - 1.5)]
    assert likely_cause(said, DURING, snapshot(objects), lines) == ""


def test_what_ended_at_another_time_is_not_named(objects: Objects) -> None:
    """Neither long before the test nor after it."""
    lines = [line(WORKER, KILLED_AT - 100)]
    for at in (KILLED_AT - 90, KILLED_AT + 100):
        window = Window(at - 5.0, at)
        assert likely_cause(WAITED, window, snapshot(objects), lines) == ""


def test_a_workload_that_is_down_is_named(objects: Objects) -> None:
    """No worker took the job, as none was there; with one that works, nothing is named."""
    said = likely_cause(WAITED, DURING, snapshot(objects), [])
    assert said.startswith(f"{WORKER} was OOM-killed")
    healthy = copy.deepcopy(objects["pods"][0])
    healthy["metadata"]["ownerReferences"] = objects["pods"][-1]["metadata"]["ownerReferences"]
    objects["pods"].append(healthy)
    assert likely_cause(WAITED, DURING, snapshot(objects), []) == ""


def test_two_workloads_that_ended_are_too_many(objects: Objects) -> None:
    """If api and worker both ended, and nothing links one to the test, none is named."""
    api = next(p for p in objects["pods"] if p["metadata"]["name"].startswith("api"))
    worker = next(p for p in objects["pods"] if p["metadata"]["name"] == WORKER)
    last = worker["status"]["containerStatuses"][0]["lastState"]
    api["status"]["containerStatuses"][0]["lastState"] = last
    assert likely_cause(WAITED, DURING, snapshot(objects), []) == ""


def test_a_refused_connection_names_its_peer(objects: Objects) -> None:
    """Without more, the peer and the time; with an ended container behind the Service, that."""
    said = likely_cause(REFUSED, DURING, snapshot(objects), [])
    assert said == "api refused connections at 21:09:51 UTC"
    api = next(p for p in objects["pods"] if p["metadata"]["name"].startswith("api"))
    name = api["metadata"]["name"]
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-11-25T21:09:50Z", "reason": "Error"}}
    api["status"]["containerStatuses"][0]["lastState"] = ended
    assert likely_cause(REFUSED, DURING, snapshot(objects), []) == said  # behind no Service yet
    behind = {
        "metadata": {"name": "api-x", "labels": {"kubernetes.io/service-name": "api"}},
        "endpoints": [{"targetRef": {"name": name}}],
    }
    objects["endpointslices"] = [behind]
    said = likely_cause(REFUSED, DURING, snapshot(objects), [])
    assert said == f"container api of {name} ended with exit code 1 within 2 s before the failure"


def test_an_error_logged_for_the_test_explains_a_500(objects: Objects) -> None:
    """The exception that the target logged under the test's trace id is named."""
    text = json.dumps(
        {"level": "ERROR", "message": "unexpected error", "exc_info": "Trace\nKeyError: 'day'"}
    )
    lines = [line("api-1", KILLED_AT, '{"level":"INFO"}'), line("api-1", KILLED_AT, text)]
    failed = "AssertionError: expected status 200: GET http://api/jobs answered 500"
    said = likely_cause(failed, DURING, snapshot(objects), lines)
    assert said == "api logged for this test: unexpected error: KeyError: 'day'"
    assert likely_cause(failed, DURING, snapshot(objects), lines[:1]) == ""


def test_what_happened_is_that_of_the_window(objects: Objects) -> None:
    """Events, kills and readiness, in time order; not those of the tests' own pods."""
    told = target_events(snapshot(objects), DURING)
    waits = f"afterwards: container worker of {WORKER} waits: CrashLoopBackOff, after OOMKilled"
    assert told.pop() == waits
    assert f"21:09:46 {WORKER} was OOM-killed (limit 128 MiB)" in told
    assert f"21:09:47 {WORKER} is not ready any more" in told
    assert told == sorted(told, key=lambda each: each[:8])
    assert not [each for each in told if "integration-test" in each]
    assert target_events(snapshot(objects), Window(1.0, 2.0)) == [waits]


def test_lines_come_in_time_order_and_once() -> None:
    """The same line of two readings is one; lines without the mark are left out."""
    late = "2026-11-25T21:09:46.900000001Z late abc\n"
    logs = [
        Log("b", "c", False, late + "2026-11-25T21:09:46.950Z other\n"),
        Log("a", "c", False, "2026-11-25T21:09:46.1Z early abc\n2026-11-25T21:09:47+00:00 end abc"),
        Log("b", "c", True, late),
    ]
    assert [each.text for each in lines_with(logs, ["abc"])] == ["early abc", "late abc", "end abc"]
    assert lines_with(logs, ["xyz"]) == []


def test_what_is_cut_is_said() -> None:
    """A long line and a long section keep their ends, and tell how much is missing."""
    assert shown(["x" * 1500]).endswith("x [... 500 characters left out]")
    text = shown([f"line {n} " + "y" * 90 for n in range(1000)])
    assert len(text) < 17_000
    assert text.startswith("line 0 ")
    assert "line 999 " in text
    left_out = int(text.partition("\n[... ")[2].partition(" lines left out]")[0])
    assert text.count("line ") + left_out == 1000


def test_causes_that_differ_in_numbers_are_one() -> None:
    """Times of day span the group; the largest group comes first."""
    refused = [(f"api refused connections at 12:01:0{n} UTC", f"t{n}") for n in (5, 3, 9)]
    groups = group_texts([("worker-7 was OOM-killed 3 s before the failure", "x"), *refused])
    assert groups == [
        ("api refused connections from 12:01:03 to 12:01:09 UTC", ["t5", "t3", "t9"]),
        ("worker-7 was OOM-killed 3 s before the failure", ["x"]),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-1",
        "> Cookie: a=s3cr3t-1; b=s3cr3t-2",
        '{"set-cookie": "id=s3cr3t-1; Path=/", "x": 1}',
        "{'Authorization': 'Basic s3cr3t-1'}",
        'got {\\"authorization\\":\\"s3cr3t-1\\"}',
        "sent bearer s3cr3t-1, as told",
    ],
)
def test_headers_that_prove_an_identity_are_masked(text: str) -> None:
    """However a log writes them."""
    assert "s3cr3t" not in Masks([]).evidence(text)
    assert "[masked]" in Masks([]).evidence(text)
    assert Masks([]).evidence("author: me, cookies are fine") == "author: me, cookies are fine"


def test_short_values_of_secrets_are_no_secrets() -> None:
    """What is shorter than six characters, no text or a large file is left as it is."""
    data = {"a": "dHJ1ZQ==", "b": "bG9uZy1lbm91Z2g=", "c": "/////////w==", "d": None}
    assert secret_values([{"data": data}, {}]) == {"long-enough", "bG9uZy1lbm91Z2g="}
