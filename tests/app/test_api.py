"""Every route: what it answers, and what it refuses."""

import dataclasses
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from app import jobs
from app.analysis import summarise
from app.api import create_app
from app.data import DataSet
from app.job_queue import JobQueue
from app.plot import draw
from app.settings import Settings
from app.store import Status, timestamp
from app.submission import Submission
from app.worker import analyse

UNKNOWN = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
JSON = {"Content-Type": "application/json"}
PERIOD = {"start": "2012-01-01", "end": "2012-01-10"}


@pytest.fixture
def worker(open_redis: Callable[..., Redis], settings: Settings) -> JobQueue:
    """A queue in the hands of a worker that acts only when told."""
    return JobQueue(open_redis(), settings, worker="w1")


def work(worker: JobQueue) -> None:
    """Do the next job as the worker does."""
    delivery = worker.claim(("start", "end"))
    assert delivery is not None
    worker.finish(delivery, Status.COMPLETE, analyse(worker.redis, delivery))


def submit(api: FlaskClient, **period: str) -> str:
    """Submit a job; returns its id."""
    response = api.post("/jobs", json=PERIOD | period)
    assert response.status_code == 202
    return str(response.get_json()["id"])


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem document of a refusal with that status."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = response.get_json()
    assert document["status"] == status
    assert document["instance"] == response.request.path
    assert document["request_id"] == response.headers["X-Request-ID"]
    assert {"type", "title", "detail"} <= document.keys()
    return document


def test_help_lists_every_route(api: FlaskClient) -> None:
    """/help names each method and path of the service, each with a sentence."""
    listed = api.get("/help").get_json()["routes"]
    of_one = {
        *(("GET", path) for path in ("/data", "/jobs", "/jobs/<id>", "/results/<id>")),
        ("GET", "/download/<id>"),
        *(("POST", path) for path in ("/data", "/jobs")),
        *(("DELETE", path) for path in ("/data", "/jobs", "/jobs/<id>")),
    }
    assert {(route["method"], route["path"]) for route in listed} == {
        *(("GET", path) for path in ("/", "/help", "/healthz", "/readyz", "/metrics")),
        *(("GET", path) for path in ("/openapi.json", "/datasets")),
        *((method, "/datasets/<name>") for method in ("GET", "PUT", "DELETE")),
        *of_one,
        *((method, f"/datasets/<name>{path}") for method, path in of_one),
    }
    assert all(re.fullmatch(r"[A-Z].{10,}\.", route["summary"]) for route in listed)


def test_the_probes_answer(api: FlaskClient) -> None:
    """The process is alive and Redis answers."""
    assert api.get("/healthz").get_json() == {"status": "ok"}
    assert api.get("/readyz").get_json() == {"status": "ready"}


def test_a_fresh_store_has_no_data(api: FlaskClient) -> None:
    """Nothing is loaded until somebody loads it."""
    assert "POST /data" in problem(api.get("/data"), 404)["detail"]
    assert api.delete("/data").get_json() == {"deleted": 0}


def test_the_sample_is_loaded_without_a_body(api: FlaskClient) -> None:
    """POST /data without body and content type loads four years of Seattle."""
    response = api.post("/data")
    assert response.status_code == 201
    extent = {"rows": 1461, "first": "2012-01-01", "last": "2015-12-31"}
    assert response.get_json() == extent | {"source": "sample"}
    document = api.get("/data").get_json()
    assert document["days"][0] == {
        "date": "2012-01-01",
        "precipitation": 0.0,
        "temp_max": 12.8,
        "temp_min": 5.0,
        "wind": 4.7,
        "weather": "drizzle",
    }
    assert {name: document[name] for name in extent} == extent
    assert len(document["days"]) == 1461


def test_a_body_replaces_the_data(loaded: FlaskClient) -> None:
    """POST /data with CSV puts exactly that data set in place of the old one."""
    body = "date,precipitation,temp_max,temp_min,wind,weather\n2020-05-01,0,9,3,2,sun\n"
    response = loaded.post("/data", data=body, content_type="text/csv; charset=utf-8")
    assert response.status_code == 201
    extent = {"rows": 1, "first": "2020-05-01", "last": "2020-05-01"}
    assert response.get_json() == extent | {"source": "body"}
    assert [day["date"] for day in loaded.get("/data").get_json()["days"]] == ["2020-05-01"]
    assert loaded.delete("/data").get_json() == {"deleted": 1}
    problem(loaded.get("/data"), 404)


def test_malformed_data_changes_nothing(loaded: FlaskClient) -> None:
    """A CSV with an error is refused with line and column, and the old data stay."""
    body = "date,precipitation,temp_max,temp_min,wind,weather\n2020-05-01,0,warm,3,2,sun\n"
    refused = problem(loaded.post("/data", data=body, content_type="text/csv"), 422)
    assert (refused["line"], refused["column"]) == (2, 3)
    assert loaded.get("/data").get_json()["rows"] == 1461


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"date", None, 415),
        (b"", "application/json", 415),
        (b"", "text/csv", 422),
        (b"x" * 5_000_001, "text/csv", 413),
    ],
)
def test_data_that_is_refused(
    loaded: FlaskClient, body: bytes, content_type: str | None, status: int
) -> None:
    """Another content type, an empty or an oversized body is refused, and the old data stay."""
    problem(loaded.post("/data", data=body, content_type=content_type), status)
    assert loaded.get("/data").get_json()["rows"] == 1461


def test_a_chunked_body_over_the_limit_is_refused_whole(loaded: FlaskClient) -> None:
    """A body without a length is not cut at the limit, where it could still look like a CSV."""

    def days() -> Iterator[bytes]:
        yield b"date,precipitation,temp_max,temp_min,wind,weather\n"
        for year in range(1, 9999):
            yield b"".join(b"%04d-01-%02d,0,9,3,2,sun\n" % (year, day) for day in range(1, 29))

    body = b"".join(days())
    assert len(body) > 5_000_000
    response = loaded.post(
        "/data",
        input_stream=io.BytesIO(body),
        content_type="text/csv",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert "more than 5000000 bytes" in problem(response, 413)["detail"]
    assert loaded.get("/data").get_json()["rows"] == 1461


def test_a_body_that_is_cut_off_changes_nothing(loaded: FlaskClient) -> None:
    """A client that dies in the middle of a CSV leaves the old data, also if a line just ended."""
    body = b"date,precipitation,temp_max,temp_min,wind,weather\n2020-05-01,0,9,3,2,sun\n"
    response = loaded.post(
        "/data",
        input_stream=io.BytesIO(body),
        content_type="text/csv",
        environ_overrides={"CONTENT_LENGTH": "1000", "wsgi.input_terminated": True},
    )
    assert "ended before" in problem(response, 400)["detail"]
    assert loaded.get("/data").get_json()["rows"] == 1461


def test_a_job_is_submitted(loaded: FlaskClient, redis: Redis) -> None:
    """A job is answered with 202, its place, and exactly four members, and is queued once."""
    response = loaded.post("/jobs", json=PERIOD)
    job = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/jobs/{job['id']}"
    assert str(uuid.UUID(job.pop("id"))) in response.headers["Location"]
    assert job == {"status": "submitted"} | PERIOD
    assert redis.llen("hotqueue:jobs") == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["start", "end"]),
        ({"start": "2012-01-01"}, ["end"]),
        (PERIOD | {"city": "Seattle"}, ["city"]),
        (PERIOD | {"start": 20120101}, ["start"]),
        (PERIOD | {"start": None}, ["start"]),
        (PERIOD | {"start": ["2012-01-01"]}, ["start"]),
        (PERIOD | {"end": ""}, ["end"]),
        (PERIOD | {"end": "2012-1-1"}, ["end"]),
        (PERIOD | {"end": "2013-02-29"}, ["end"]),
        (PERIOD | {"end": "2012-01-01T00:00:00"}, ["end"]),
        (PERIOD | {"end": " 2012-01-01"}, ["end"]),
        (PERIOD | {"start": "2012-01-11"}, ["start"]),
        (PERIOD | {"start": "2011-12-31"}, ["start"]),
        (PERIOD | {"end": "2016-01-01"}, ["end"]),
        ({"start": "1999-01-01", "end": "1999-12-31"}, ["start", "end"]),
    ],
)
def test_a_wrong_period_names_its_fields(
    loaded: FlaskClient, redis: Redis, body: dict[str, object], fields: list[str]
) -> None:
    """Missing, extra and wrong fields are named one by one, and no job is made."""
    refused = problem(loaded.post("/jobs", json=body), 422)
    assert [error["field"] for error in refused["errors"]] == fields
    assert all(error["message"] for error in refused["errors"])
    assert loaded.get("/jobs").get_json() == {}
    assert redis.llen("hotqueue:jobs") == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"start=2012", "application/x-www-form-urlencoded", 415),
        (b"{}", None, 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"start": NaN}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"2012-01-01"', "application/json", 400),
        (b"null", "application/json", 400),
        (b"[" * 1020 + b"]" * 1020, "application/json", 400),
        (b'{"x":"%s"}' % (b"x" * 65536), "application/json", 413),
    ],
)
def test_a_body_that_is_no_job(
    loaded: FlaskClient, body: bytes, content_type: str | None, status: int
) -> None:
    """Another content type, broken JSON, no object, too large: each has its status, and no job."""
    problem(loaded.post("/jobs", data=body, content_type=content_type), status)
    assert loaded.get("/jobs").get_json() == {}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"start": "2012-01-01", "start": "2013-01-01", "end": "2013-12-31"}', "start"),
        ('{"start": "2012-01-01", "end": {"a": 1, "b": 2, "\\u0061": 3}}', "a"),
    ],
)
def test_a_key_that_is_there_twice_is_named(loaded: FlaskClient, body: str, name: str) -> None:
    """Which of two values is meant nobody can know, so the body is refused."""
    refused = problem(loaded.post("/jobs", data=body, content_type="application/json"), 400)
    assert refused["errors"] == [{"field": name, "message": "is there twice"}]
    assert loaded.get("/jobs").get_json() == {}


def test_a_job_needs_data(api: FlaskClient) -> None:
    """Without a data set a job is refused as a conflict."""
    assert "POST /data" in problem(api.post("/jobs", json=PERIOD), 409)["detail"]
    assert api.get("/jobs").get_json() == {}


def test_the_list_has_two_strings_a_job(loaded: FlaskClient) -> None:
    """GET /jobs is an object by job id, each value exactly datetime and status, in order."""
    assert loaded.get("/jobs").get_json() == {}
    ids = [submit(loaded) for _ in range(3)]
    listed = loaded.get("/jobs").get_json()
    assert sorted(listed) == sorted(ids)
    assert re.findall(r'"([0-9a-f-]{36})":', loaded.get("/jobs").text) == ids
    for job in listed.values():
        assert job.keys() == {"datetime", "status"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", job["datetime"])
        assert job["status"] == "submitted"


def test_pages_cover_the_list_once(loaded: FlaskClient) -> None:
    """Following the links gives every job once, also when one is deleted in between."""
    ids = [submit(loaded) for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/jobs?limit=2"
    while path:
        response = loaded.get(path)
        seen += response.get_json()
        link = response.headers.get("Link", "")
        if len(seen) == 2:
            loaded.delete(f"/jobs/{ids[1]}")
        path = link.removeprefix("<").removesuffix('>; rel="next"') or None
    assert sorted(seen) == sorted(ids)


def test_the_list_of_a_status(loaded: FlaskClient, worker: JobQueue) -> None:
    """With a status the list and its pages hold the jobs that have it, and no other."""
    ids = [submit(loaded) for _ in range(5)]
    for _ in range(3):
        work(worker)
    assert list(loaded.get("/jobs?status=complete").get_json()) == ids[:3]
    assert list(loaded.get("/jobs?status=submitted").get_json()) == ids[3:]
    assert loaded.get("/jobs?status=in+progress").get_json() == {}
    first = loaded.get("/jobs?status=complete&limit=2")
    assert list(first.get_json()) == ids[:2]
    following = first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    second = loaded.get(following)
    assert (list(second.get_json()), second.headers.get("Link")) == (ids[2:3], None)


def test_pages_of_a_rare_status_are_full(
    loaded: FlaskClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is filled from as many jobs as it takes."""
    monkeypatch.setattr(jobs, "BATCH", 2)
    ids = [submit(loaded) for _ in range(9)]
    rare = [ids[0], ids[4], ids[8]]
    for job_id in rare:
        redis.hset(f"job:{job_id}", "status", "failed")
    page = loaded.get("/jobs?status=failed&limit=2")
    assert list(page.get_json()) == rare[:2]
    assert "cursor=5&status=failed" in page.headers["Link"]


def test_an_unknown_status_is_refused(api: FlaskClient) -> None:
    """A status that no job has is refused, with those there are."""
    (error,) = problem(api.get("/jobs?status=done"), 422)["errors"]
    assert error["field"] == "status"
    assert "submitted, in progress, complete, failed" in error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/help", "/openapi.json", "/healthz", "/readyz")),
        *(("GET", path) for path in ("/metrics", "/data", f"/jobs/{UNKNOWN}")),
        *(("GET", path) for path in (f"/results/{UNKNOWN}", f"/download/{UNKNOWN}")),
        *(("POST", path) for path in ("/data", "/jobs")),
        *(("DELETE", path) for path in ("/data", "/jobs", f"/jobs/{UNKNOWN}")),
    ],
)
def test_an_unknown_parameter_is_refused(api: FlaskClient, method: str, path: str) -> None:
    """A parameter that would be ignored is refused by name, on every route."""
    refused = problem(api.open(f"{path}?colour=red", method=method), 400)
    takes = "this route takes none"
    assert refused["errors"] == [{"field": "colour", "message": f"is not a parameter; {takes}"}]


def test_the_known_parameters_are_told(api: FlaskClient) -> None:
    """The refusal of a parameter names those that there are; one given twice is refused too."""
    detail = problem(api.get("/jobs?state=complete"), 400)["detail"]
    assert detail == "state is not a parameter; this route takes limit, cursor, status"
    (error,) = problem(api.get("/jobs?limit=1&limit=2"), 400)["errors"]
    assert error == {"field": "limit", "message": "is given 2 times"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/jobs", {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}),
        ("/help", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_are_told_without_a_body(api: FlaskClient, path: str, allowed: set[str]) -> None:
    """OPTIONS answers 204 with the methods of the path."""
    response = api.options(path)
    assert (response.status_code, response.data) == (204, b"")
    assert set(response.headers["Allow"].split(", ")) == allowed
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("path", ["//jobs", "/jobs//", "/jobs//x", "///"])
def test_two_slashes_are_not_one(api: FlaskClient, path: str) -> None:
    """A path with an empty part is no other path."""
    problem(api.get("/jobs", environ_overrides={"PATH_INFO": path}), 404)


def test_an_id_in_capitals_is_the_same(loaded: FlaskClient, worker: JobQueue) -> None:
    """UUIDs compare without case, on every route that takes one."""
    job_id = submit(loaded)
    work(worker)
    capitals = job_id.upper()
    assert loaded.get(f"/jobs/{capitals}").get_json()["id"] == job_id
    assert loaded.get(f"/results/{capitals}").get_json()["id"] == job_id
    assert loaded.get(f"/download/{capitals}").status_code == 200
    assert loaded.delete(f"/jobs/{capitals}").status_code == 204
    assert loaded.get("/jobs").get_json() == {}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=", "limit=-1"])
def test_a_bad_page_is_refused(api: FlaskClient, query: str) -> None:
    """A limit outside 1 to 1000 is refused by name."""
    (error,) = problem(api.get(f"/jobs?{query}"), 422)["errors"]
    assert error["field"] == "limit"


def test_a_bad_cursor_is_refused(api: FlaskClient) -> None:
    """A cursor that no page gave is refused by name."""
    for cursor in ("x", "-1", "٣", "9" * 17):
        (error,) = problem(api.get("/jobs", query_string={"cursor": cursor}), 422)["errors"]
        assert error["field"] == "cursor"


def test_a_job_from_submission_to_result(loaded: FlaskClient, worker: JobQueue) -> None:
    """The record follows the job, and result and plot are those of its days."""
    job_id = submit(loaded)
    record = loaded.get(f"/jobs/{job_id}").get_json()
    nothing_yet = dict.fromkeys(("started", "finished", "worker", "reason", "trace_id"))
    assert record == {"id": job_id, "status": "submitted"} | PERIOD | nothing_yet | {
        name: record[name] for name in ("datetime", "request_id")
    }
    work(worker)
    record = loaded.get(f"/jobs/{job_id}").get_json()
    assert (record["status"], record["worker"], record["reason"]) == ("complete", "w1", None)
    assert record["datetime"] <= record["started"] <= record["finished"]
    days = DataSet(worker.redis).days(PERIOD["start"], PERIOD["end"])
    result = loaded.get(f"/results/{job_id}")
    assert result.content_type == "application/json"
    assert result.get_json() == {"id": job_id} | PERIOD | summarise(days)
    plot = loaded.get(f"/download/{job_id}")
    assert plot.content_type == "image/png"
    name = 'inline; filename="weather-2012-01-01-2012-01-10.png"'
    assert plot.headers["Content-Disposition"] == name
    assert plot.data == draw(days)


@pytest.mark.parametrize("route", ["results", "download"])
def test_what_a_client_has_is_not_sent_again(
    loaded: FlaskClient, worker: JobQueue, route: str
) -> None:
    """With the ETag of an earlier answer the next one is 304 without a body; with another, 200."""
    path = f"/{route}/{submit(loaded)}"
    work(worker)
    first = loaded.get(path)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    known = loaded.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", etag)
    changed = loaded.get(path, headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.data) == (200, first.data)


@pytest.mark.parametrize("route", ["results", "download"])
def test_no_product_before_the_end(loaded: FlaskClient, worker: JobQueue, route: str) -> None:
    """Until the job is complete its products are a conflict, and the detail names the status."""
    job_id = submit(loaded)
    assert "submitted" in problem(loaded.get(f"/{route}/{job_id}"), 409)["detail"]
    delivery = worker.claim(())
    assert delivery is not None
    assert "in progress" in problem(loaded.get(f"/{route}/{job_id}"), 409)["detail"]
    worker.finish(delivery, Status.FAILED, {"reason": "LookupError: no day"})
    detail = problem(loaded.get(f"/{route}/{job_id}"), 409)["detail"]
    assert detail.endswith("it is failed: LookupError: no day")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/{}"),
        ("DELETE", "/jobs/{}"),
        ("GET", "/results/{}"),
        ("GET", "/download/{}"),
    ],
)
@pytest.mark.parametrize(
    ("job_id", "why"),
    [
        (UNKNOWN, f"there is no job {UNKNOWN}"),
        (UNKNOWN.upper(), f"there is no job {UNKNOWN}"),
        (UNKNOWN.replace("-", ""), "is not a job id"),
        (f"{{{UNKNOWN}}}", "is not a job id"),
        ("1", "is not a job id"),
        ("ä€", "is not a job id"),
    ],
)
def test_unknown_jobs(api: FlaskClient, method: str, path: str, job_id: str, why: str) -> None:
    """An unknown id and one that is no UUID are both 404, and the detail tells them apart."""
    assert why in problem(api.open(path.format(job_id), method=method), 404)["detail"]


def test_a_deleted_job_is_gone(loaded: FlaskClient, worker: JobQueue, redis: Redis) -> None:
    """Record, result and plot go together; the other job stays."""
    gone, stays = submit(loaded), submit(loaded)
    work(worker)
    assert loaded.get(f"/download/{gone}").status_code == 200
    response = loaded.delete(f"/jobs/{gone}")
    assert (response.status_code, response.data) == (204, b"")
    for path in (f"/jobs/{gone}", f"/results/{gone}", f"/download/{gone}"):
        problem(loaded.get(path), 404)
    problem(loaded.delete(f"/jobs/{gone}"), 404)
    assert list(loaded.get("/jobs").get_json()) == [stays]
    assert (redis.exists(f"job:{gone}"), redis.zscore("jobs", gone)) == (0, None)


def test_a_job_deleted_in_progress_stays_deleted(loaded: FlaskClient, worker: JobQueue) -> None:
    """What the worker finishes afterwards does not bring the job back."""
    job_id = submit(loaded)
    delivery = worker.claim(("start", "end"))
    assert delivery is not None
    loaded.delete(f"/jobs/{job_id}")
    worker.finish(delivery, Status.COMPLETE, analyse(worker.redis, delivery))
    assert loaded.get("/jobs").get_json() == {}
    problem(loaded.get(f"/jobs/{job_id}"), 404)


def test_all_jobs_are_deleted_at_once(loaded: FlaskClient, redis: Redis) -> None:
    """DELETE /jobs says how many there were and leaves none."""
    for _ in range(3):
        submit(loaded)
    assert loaded.delete("/jobs").get_json() == {"deleted": 3}
    assert loaded.get("/jobs").get_json() == {}
    assert redis.keys("job:*") == []
    assert loaded.delete("/jobs").get_json() == {"deleted": 0}


def test_the_list_skips_a_job_that_goes_meanwhile(loaded: FlaskClient, redis: Redis) -> None:
    """A job deleted while the list is read is not in it; the others are."""
    gone, stays = submit(loaded), submit(loaded)
    redis.delete(f"job:{gone}")
    assert list(loaded.get("/jobs").get_json()) == [stays]


def test_metrics_count_jobs(loaded: FlaskClient, worker: JobQueue) -> None:
    """Totals and gauges follow the jobs, in the Prometheus text format."""
    for _ in range(4):
        submit(loaded)
    work(worker)
    failing = worker.claim(())
    assert failing is not None
    worker.finish(failing, Status.FAILED, {"reason": "x"})
    worker.claim(())
    response = loaded.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    samples = [line for line in response.text.splitlines() if not line.startswith("#")]
    assert samples == [
        "weather_jobs_submitted_total 4",
        "weather_jobs_completed_total 1",
        "weather_jobs_failed_total 1",
        "weather_queue_length 1",
        "weather_jobs_in_progress 1",
    ]
    types = [line.split()[2:] for line in response.text.splitlines() if line.startswith("# TYPE")]
    assert types == [
        [sample.split()[0], "counter" if "_total " in sample else "gauge"] for sample in samples
    ]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", {"GET", "POST", "DELETE"}),
        ("POST", f"/jobs/{UNKNOWN}", {"GET", "DELETE"}),
        ("PATCH", "/data", {"GET", "POST", "DELETE"}),
        ("POST", "/help", {"GET"}),
        ("DELETE", "/", {"GET"}),
        ("POST", f"/results/{UNKNOWN}", {"GET"}),
    ],
)
def test_a_wrong_method_names_the_right_ones(
    api: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    """405 comes with the methods that the path takes."""
    response = api.open(path, method=method)
    problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


def test_an_unknown_path(api: FlaskClient) -> None:
    """A path that does not exist is a 404 that shows the way."""
    assert "GET /help" in problem(api.get("/nope"), 404)["detail"]


def test_a_key_makes_one_job(loaded: FlaskClient, redis: Redis) -> None:
    """The same key and period give the same job, whatever became of it, and queue it once."""
    headers = {"Idempotency-Key": "order-4711"}
    first = loaded.post("/jobs", json=PERIOD, headers=headers)
    loaded.delete("/data")  # the answer does not depend on what is now
    again = loaded.post("/jobs", data=json.dumps(PERIOD, indent=4), headers=headers | JSON)
    assert (again.status_code, again.get_json()) == (202, first.get_json())
    assert again.headers["Location"] == first.headers["Location"]
    assert redis.llen("hotqueue:jobs") == 1
    assert 0 < int(redis.ttl("request:order-4711")) <= 24 * 3600


def test_a_key_is_for_one_period(loaded: FlaskClient, redis: Redis) -> None:
    """The same key with another period is a conflict; another key makes another job."""
    headers = {"Idempotency-Key": "order-4711"}
    job = loaded.post("/jobs", json=PERIOD, headers=headers).get_json()
    refused = loaded.post("/jobs", json=PERIOD | {"end": "2012-01-11"}, headers=headers)
    assert job["id"] in problem(refused, 409)["detail"]
    other = loaded.post("/jobs", json=PERIOD, headers={"Idempotency-Key": "order-4712"})
    assert other.get_json()["id"] != job["id"]
    assert redis.llen("hotqueue:jobs") == 2


def test_two_requests_with_a_key_at_once_make_one_job(
    loaded: FlaskClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when both found no job of the key before, the second gets that of the first."""
    monkeypatch.setattr(Submission, "earlier", lambda *_: None)
    headers = {"Idempotency-Key": "k"}
    first, second = (loaded.post("/jobs", json=PERIOD, headers=headers) for _ in range(2))
    assert first.get_json() == second.get_json()
    problem(loaded.post("/jobs", json=PERIOD | {"end": "2012-01-11"}, headers=headers), 409)
    assert redis.llen("hotqueue:jobs") == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 129, "\u00e4"])
def test_a_key_that_is_none_is_refused(loaded: FlaskClient, key: str) -> None:
    """A key is a short visible text."""
    refused = loaded.post("/jobs", json=PERIOD, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in problem(refused, 400)["detail"]
    assert loaded.get("/jobs").get_json() == {}


@pytest.fixture
def small(settings: Settings) -> Iterator[FlaskClient]:
    """A client of an API whose queue holds two jobs, for at most a minute."""
    app = create_app(dataclasses.replace(settings, queue_max_length=2, queue_max_age=60.0))
    client = app.test_client()
    assert client.post("/data").status_code == 201
    yield client
    app.extensions["weather"].redis.connection_pool.disconnect()


def test_a_full_queue_takes_no_job(small: FlaskClient, worker: JobQueue) -> None:
    """Above its length the queue refuses, says when to come back, and takes jobs again then."""
    headers = {"Idempotency-Key": "k"}
    first = small.post("/jobs", json=PERIOD, headers=headers)
    submit(small)
    refused = small.post("/jobs", json=PERIOD)
    assert "2 jobs are waiting" in problem(refused, 429)["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    assert small.post("/jobs", json=PERIOD, headers=headers).get_json() == first.get_json()
    assert len(small.get("/jobs").get_json()) == 2
    work(worker)
    submit(small)


def test_a_slow_queue_takes_no_job(small: FlaskClient, worker: JobQueue, redis: Redis) -> None:
    """When the oldest job has waited too long, more of them would only wait longer."""
    job_id = submit(small)
    redis.hset(f"job:{job_id}", "datetime", timestamp(61.0))
    refused = small.post("/jobs", json=PERIOD)
    assert "has waited since" in problem(refused, 429)["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    work(worker)
    submit(small)


@pytest.mark.parametrize("message", [b"no json", b"[]", b'{"id": 7}', b'{"id": "gone"}'])
def test_a_foreign_message_does_not_stop_submission(
    small: FlaskClient, redis: Redis, message: bytes
) -> None:
    """What another producer or a deleted job left at the head has no age."""
    redis.lpush("hotqueue:jobs", message)
    submit(small)


def test_a_repeated_submission_makes_one_job(
    loaded: FlaskClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library repeats a command whose reply was lost: still one job, queued once."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(UNKNOWN))
    submit(loaded)
    redis.hset(f"job:{UNKNOWN}", "status", "complete")
    submit(loaded)
    assert (redis.llen("hotqueue:jobs"), redis.zcard("jobs")) == (1, 1)
    assert loaded.get(f"/jobs/{UNKNOWN}").get_json()["status"] == "complete"
