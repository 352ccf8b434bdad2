"""What those who run the service need: health, metrics, ids that lead to the logs."""

import re
import secrets

import pytest

from .client import Api, describe, expect, json_of
from .jobs import Jobs


def test_service_is_alive(service: Api) -> None:
    """The process says that it is alive."""
    answer = service.get("/healthz")
    assert json_of(answer) == {"status": "ok"}, describe(answer)


def test_service_is_ready(service: Api) -> None:
    """The service says that it is ready, that is, its store answers."""
    answer = service.get("/readyz")
    assert json_of(answer) == {"status": "ready"}, describe(answer)


def test_page_is_html(service: Api) -> None:
    """The root of the service is a web page."""
    answer = expect(service.get("/"), 200)
    assert answer.headers["Content-Type"].startswith("text/html"), describe(answer)
    assert answer.text.lower().startswith("<!doctype html>"), describe(answer)


def test_metrics_are_in_the_format_of_prometheus(service: Api) -> None:
    """Every line of the metrics is a comment or a name with a number."""
    answer = expect(service.get("/metrics"), 200)
    assert answer.headers["Content-Type"].startswith("text/plain"), describe(answer)
    samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert samples, describe(answer)
    for line in samples:
        assert re.fullmatch(r"[a-zA-Z_:][\w:]*(\{[^}]*\})? -?[\d.e+]+", line), line


def counter(service: Api, name: str) -> float:
    """The sum of the samples whose name contains `name`."""
    text = expect(service.get("/metrics"), 200).text
    found = re.findall(rf"^\w*{name}\w*(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    assert found, f"GET /metrics has no {name}: {text}"
    return sum(map(float, found))


def test_metrics_count_jobs(service: Api, jobs: Jobs) -> None:
    """A job that is done has been counted, when submitted and when completed."""
    names = ("submitted_total", "completed_total")
    before = [counter(service, name) for name in names]
    jobs.complete(jobs.submit())
    after = [counter(service, name) for name in names]
    assert all(new >= old + 1 for new, old in zip(after, before, strict=True)), (before, after)


def test_every_answer_has_a_request_id(service: Api) -> None:
    """Good and bad answers alike carry an id, a new one each, to find them in the logs."""
    ids = [service.get(path).headers.get("X-Request-ID") for path in ("/help", "/help", "/nothing")]
    assert all(ids), ids
    assert len(set(ids)) == len(ids), ids


def test_request_id_of_the_caller_is_kept(service: Api) -> None:
    """A caller's own sane request id comes back, and stands in the job that it made."""
    mine = f"suite-{secrets.token_hex(8)}"
    answer = service.get("/help", headers={"X-Request-ID": mine})
    assert answer.headers["X-Request-ID"] == mine, describe(answer)


@pytest.mark.parametrize("bad", ["x" * 5000, "a b\tc", "<script>", "{}"])
def test_request_id_that_is_not_sane_is_replaced(service: Api, bad: str) -> None:
    """An id that could spoil a log line is not taken over."""
    answer = expect(service.get("/help", headers={"X-Request-ID": bad}), 200)
    assert answer.headers["X-Request-ID"] not in {bad, ""}, describe(answer)


def test_job_keeps_the_ids_of_its_request(jobs: Jobs) -> None:
    """The record of a job names the request and the trace that made it."""
    start, end = jobs.data.span(0, 5)
    mark, trace = f"suite-{secrets.token_hex(8)}", secrets.token_hex(16)
    headers = {"X-Request-ID": mark, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    record = jobs.record(jobs.post(json={"start": start, "end": end}, headers=headers).json())
    assert (record["request_id"], record["trace_id"]) == (mark, trace), record


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"])
def test_a_bad_trace_header_does_no_harm(jobs: Jobs, header: str) -> None:
    """A job with an unreadable trace header is made all the same, without that trace."""
    start, end = jobs.data.span(0, 5)
    answer = jobs.post(json={"start": start, "end": end}, headers={"traceparent": header})
    assert answer.ok, describe(answer)
    record = jobs.record(answer.json())
    assert record["trace_id"] != "0" * 32, record
