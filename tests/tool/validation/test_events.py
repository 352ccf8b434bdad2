"""What is written of a verdict, and that nothing about it stands in a verdict's way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.validation.events import (
    LABEL_LENGTH,
    MESSAGE_LENGTH,
    announce,
    label_value,
    verdict_text,
)
from pytest_k8s_job.verdict.verdict import Verdict
from tests.tool.validation.runs import run

TWO = (("deployment", "weather", "api"), ("statefulset", "store", "redis"))
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")  # as the API server checks it


class Recorder:
    """Keeps requests; refuses those whose method or path has an answer of its own."""

    def __init__(self, refusals: dict[str, Exception] | None = None) -> None:
        self.refusals = refusals or {}
        self.seen: list[tuple[str, str, Any]] = []

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Answer a request."""
        self.seen.append((method, path, body))
        for part, error in self.refusals.items():
            if part in f"{method} {path}":
                raise error
        return {"items": [{"metadata": {"uid": "u1"}}]} if method == "GET" else {}

    def events(self) -> list[dict[str, Any]]:
        """Return the Events."""
        return [body for method, _, body in self.seen if method == "POST"]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_passed_is_a_normal_event(verdict: Verdict) -> None:
    """Each verdict has a reason of its own; all but PASSED are warnings."""
    writer = Recorder()
    assert announce(writer, run(verdict)) == []
    (event,) = writer.events()
    words = {"NO_TESTS": "Missing", "NOT_RUN": "NotRun"}
    assert event["reason"] == "Tests" + words.get(verdict, verdict.capitalize())
    assert event["type"] == ("Normal" if verdict == "PASSED" else "Warning")
    assert event["message"].startswith(f"{verdict} 3f2a9c1e55 (")


def test_each_workload_has_its_event_in_its_namespace() -> None:
    """Events name their object with its uid, at the time when the run ended."""
    writer = Recorder()
    assert announce(writer, run("FAILED", workloads=TWO)) == []
    api, redis = writer.events()
    assert redis["involvedObject"] == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "namespace": "store",
        "name": "redis",
        "uid": "u1",
    }
    assert redis["metadata"]["namespace"] == "store"
    assert api["metadata"]["namespace"] == "weather"
    assert api["lastTimestamp"] == "2025-11-28T03:20:42Z"
    assert api["message"].endswith(": 1 of 168 tests failed: test_data.py::test_load")


def test_the_name_is_that_of_the_verdict() -> None:
    """The same verdict has the same Event; another run, verdict, note or workload another one."""

    def names(*runs: Any) -> list[str]:
        writer = Recorder()
        for each in runs:
            announce(writer, each)
        return [event["metadata"]["name"] for event in writer.events()]

    first, second = names(run(), run())
    assert first == second
    others = names(run(job="another"), run("VOID"), run(note="rolled back"), run(workloads=TWO[1:]))
    assert len({first, *others}) == 5


def test_what_is_refused_is_told_and_the_rest_is_written() -> None:
    """Without rights in one namespace the other workload and the Job have theirs."""
    forbidden = ClusterError("the API server refused (403): events is forbidden", 403)
    writer = Recorder({"POST /api/v1/namespaces/weather/events": forbidden, "GET": forbidden})
    (line,) = announce(writer, run(workloads=TWO))
    assert line.startswith(
        "no Event on deployment api in namespace weather: the API server refused"
    )
    assert "uid" not in writer.events()[1]["involvedObject"]
    assert [method for method, _, _ in writer.seen].count("PATCH") == 1


@pytest.mark.parametrize("status", [409, 404])
def test_what_is_there_or_never_was_is_no_failure(status: int) -> None:
    """An Event that exists, and a Job that a verdict never had, are told to nobody."""
    refusal = {409: ("POST", ClusterError("exists", 409)), 404: ("PATCH", GoneError("gone", 404))}
    part, error = refusal[status]
    assert announce(Recorder({part: error}), run()) == []


@pytest.mark.parametrize(
    "error", [ClusterError("no answer"), ValueError("HTML"), KeyError("items")]
)
@pytest.mark.parametrize(("method", "requests"), [("GET", 1), ("POST", 2)])
def test_without_an_answer_it_ends_at_once(method: str, requests: int, error: Exception) -> None:
    """The first request without an answer is the last: verdicts wait for no time-outs."""
    writer = Recorder({method: error})
    (line,) = announce(writer, run(workloads=TWO))
    assert line.startswith("the verdict is not shown on workloads and Job: ")
    assert len(writer.seen) == requests


def test_labels_without_an_answer_are_told() -> None:
    """The last request may be the one without an answer."""
    (line,) = announce(Recorder({"PATCH": ClusterError("no answer")}), run())
    assert line == "the verdict is not shown on workloads and Job: no answer"


def test_a_kind_of_others_has_its_event_too() -> None:
    """A workload of an unknown kind is named as it is."""
    writer = Recorder()
    assert announce(writer, run(workloads=(("gameserver", "games", "g1"),))) == []
    (event,) = writer.events()
    assert event["involvedObject"]["name"] == "g1"
    assert [method for method, _, _ in writer.seen] == ["POST", "PATCH"]


@given(st.text(max_size=100))
def test_labels_are_what_the_api_server_takes(text: str) -> None:
    """Any text becomes a label's value."""
    value = label_value(text)
    assert LABEL.fullmatch(value)
    assert len(value) <= LABEL_LENGTH
    if LABEL.fullmatch(text) and len(text) <= LABEL_LENGTH:
        assert value == text


def test_a_message_has_its_limit() -> None:
    """A first line of any length fits an Event, its begin kept, on one line."""
    writer = Recorder()
    announce(writer, run("FAILED", first_line="x\n" * 5000))
    message = writer.events()[0]["message"]
    assert len(message) <= MESSAGE_LENGTH
    assert message.startswith("FAILED 3f2a9c1e55")
    assert "\n" not in message


def test_the_line_of_a_verdict() -> None:
    """Verdict, revision, counts, run, first line, note; what is empty leaves no gap."""
    assert verdict_text(run()) == "PASSED 3f2a9c1e55 (168 passed in 42 s, run 0a1b2c3d4e)"
    not_run = run("NOT_RUN", run_id="", counts={}, first_line="no image", note="n")
    assert verdict_text(not_run) == "NOT_RUN 3f2a9c1e55 (no run): no image; n"
