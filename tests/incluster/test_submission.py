"""`POST /jobs`: what makes a job, and all that must not."""

import json
import secrets
import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from .client import LAST_REQUEST, Api, describe, json_of, problem
from .jobs import DataSet, Jobs

LIMIT = 64 * 1024
"""Bytes: the largest body that POST /jobs takes."""


def test_submission_is_accepted(jobs: Jobs, data: DataSet) -> None:
    """A good submission answers 202 with the job: id, status and period, and nothing else."""
    start, end = data.span(0, 10)
    answer = jobs.post(json={"start": start, "end": end})
    job = json_of(answer, 202)
    expected = {"id": job.get("id"), "status": "submitted", "start": start, "end": end}
    assert job == expected, describe(answer)


def test_submission_tells_where_the_job_is(api: Api, jobs: Jobs, data: DataSet) -> None:
    """The Location header of a submission leads to the job's record."""
    start, end = data.span(0, 10)
    answer = jobs.post(json={"start": start, "end": end})
    path = f"{api.base}/jobs/{answer.json()['id']}"
    location = answer.headers.get("Location", "")
    assert location.removeprefix(api.settings.url) == path, describe(answer)


def test_every_job_has_an_id_of_its_own(jobs: Jobs) -> None:
    """Two jobs for the same days are two jobs with two ids, each a UUID."""
    first, second = jobs.submit(), jobs.submit()
    assert uuid.UUID(first["id"]) != uuid.UUID(second["id"])


def test_a_single_day_is_a_period(jobs: Jobs, data: DataSet) -> None:
    """A job may begin and end on the same day."""
    job = jobs.submit(data.first, data.first)
    assert (job["start"], job["end"]) == (data.first, data.first)


def test_a_content_type_may_name_its_charset(jobs: Jobs, data: DataSet) -> None:
    """A content type with a charset is JSON as well."""
    start, end = data.span(0, 5)
    answer = jobs.post(
        data=f'{{"start": "{start}", "end": "{end}"}}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.ok, describe(answer)


BODIES: dict[str, tuple[Any, list[str]]] = {
    "empty-object": ({}, ["end", "start"]),
    "null-for-start": ({"start": None}, ["start"]),
    "null-for-end": ({"end": None}, ["end"]),
    "unknown-field": ({"until": "2012-01-31"}, ["until"]),
    "number-for-date": ({"start": 20120101}, ["start"]),
    "list-for-date": ({"end": ["2012-01-31"]}, ["end"]),
    "truth-for-date": ({"start": True}, ["start"]),
    "empty-date": ({"start": ""}, ["start"]),
    "one-digit-month": ({"start": "2012-1-01"}, ["start"]),
    "compact-date": ({"start": "20120101"}, ["start"]),
    "week-date": ({"start": "2012-W01-1"}, ["start"]),
    "time-of-day": ({"end": "2012-01-31T00:00:00"}, ["end"]),
    "space-before-date": ({"start": " 2012-01-01"}, ["start"]),
    "line-after-date": ({"end": "2012-01-31\n"}, ["end"]),
    "digits-of-another-script": ({"start": "\u0662\u0660\u0661\u0662-01-01"}, ["start"]),
    "no-such-day": ({"end": "2012-02-30"}, ["end"]),
    "month-13": ({"end": "2012-13-01"}, ["end"]),
    "words": ({"start": "yesterday"}, ["start"]),
}
"""A name, what differs from a good body, and the fields that the answer must name."""


@pytest.mark.parametrize(("change", "fields"), BODIES.values(), ids=BODIES)
def test_a_bad_field_is_refused_by_name(
    jobs: Jobs, data: DataSet, change: dict[str, Any], fields: list[str]
) -> None:
    """A missing, unknown, wrong-typed or unreadable field is named, not merely refused."""
    good = dict(zip(("start", "end"), data.span(0, 30), strict=True))
    error = problem(jobs.post(json={**good, **change} if change else {}), 422)
    assert sorted(item["field"] for item in error["errors"]) == fields, error
    assert all(item["message"] for item in error["errors"]), error


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_missing_field_is_refused_by_name(jobs: Jobs, data: DataSet, field: str) -> None:
    """A job needs both ends of its period."""
    good = dict(zip(("start", "end"), data.span(0, 30), strict=True))
    del good[field]
    error = problem(jobs.post(json=good), 422)
    assert [item["field"] for item in error["errors"]] == [field], error


def test_a_period_that_ends_before_it_starts_is_refused(jobs: Jobs, data: DataSet) -> None:
    """A start later than the end is refused."""
    first, second = data.span(0, 2)
    assert problem(jobs.post(json={"start": second, "end": first}), 422)["errors"]


@pytest.mark.parametrize("side", ["start", "end"])
def test_a_period_outside_the_data_is_refused(jobs: Jobs, data: DataSet, side: str) -> None:
    """A period that reaches one day beyond the data set is refused, at either side."""
    step = timedelta(days=-1 if side == "start" else 1)
    beyond = date.fromisoformat(data.first if side == "start" else data.last) + step
    body = {"start": data.first, "end": data.last, side: beyond.isoformat()}
    error = problem(jobs.post(json=body), 422)
    assert side in {item["field"] for item in error["errors"]}, error


def test_a_submission_with_a_key_makes_one_job(jobs: Jobs, data: DataSet) -> None:
    """Sent again with its Idempotency-Key a submission gives the same job, another a conflict."""
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    start, end = data.span(0, 10)
    first = json_of(jobs.post(json={"start": start, "end": end}, headers=headers), 202)
    again = json_of(jobs.post(json={"start": start, "end": end}, headers=headers), 202)
    assert again == first
    other = jobs.post(json={"start": start, "end": start}, headers=headers)
    assert first["id"] in problem(other, 409)["detail"]


NOT_OBJECTS = {
    "torn": b'{"start": "2012-01-01", "end"',
    "empty": b"",
    "array": b'["2012-01-01", "2012-01-31"]',
    "string": b'"2012-01-01"',
    "null": b"null",
    "not-utf-8": b'{"start": "\xff"}',
}


@pytest.mark.parametrize("body", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_a_body_that_is_no_json_object_is_refused(jobs: Jobs, body: bytes) -> None:
    """A submission whose body is not a JSON object is a bad request."""
    problem(jobs.post(data=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_key_that_is_there_twice_is_refused_by_name(
    jobs: Jobs, data: DataSet, field: str
) -> None:
    """Of two values for a field nobody can know which is meant, so the body is refused."""
    start, end = data.span(0, 30)
    body = f'{{"{field}": "{start}", "start": "{start}", "end": "{end}"}}'
    answer = jobs.post(data=body, headers={"Content-Type": "application/json"})
    assert [item["field"] for item in problem(answer, 400)["errors"]] == [field]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused(jobs: Jobs, data: DataSet, kind: str | None) -> None:
    """A submission that does not call itself JSON is refused, whatever it holds."""
    start, end = data.span(0, 30)
    body = f'{{"start": "{start}", "end": "{end}"}}'.encode()
    problem(jobs.post(data=body, headers={"Content-Type": kind}), 415)


def test_a_body_over_the_limit_is_refused(jobs: Jobs, data: DataSet) -> None:
    """A submission of more than 64 KiB is refused, although it would be good JSON."""
    start, end = data.span(0, 30)
    body = f'{{"start": "{start}", "end": "{end}"{" " * LIMIT}}}'
    headers = {"Content-Type": "application/json", **LAST_REQUEST}
    problem(jobs.post(data=body, headers=headers), 413)


def test_a_refused_submission_makes_no_job(jobs: Jobs, data: DataSet) -> None:
    """None of the refused submissions leaves a job behind."""
    good = dict(zip(("start", "end"), data.span(0, 30), strict=True))
    bodies = [json.dumps({**good, **change}).encode() for change, _ in BODIES.values() if change]
    bodies += [*NOT_OBJECTS.values(), b"{}", json.dumps(good).encode() + b" " * LIMIT]
    before = jobs.listed().keys()
    for body in bodies:
        headers = {"Content-Type": "application/json", **LAST_REQUEST}
        answer = jobs.post(data=body, headers=headers)
        assert not answer.ok, f"{body[:100]!r} was accepted: {describe(answer)}"
    made = jobs.listed().keys() - before
    assert not made, f"refused submissions made jobs: {made}"
