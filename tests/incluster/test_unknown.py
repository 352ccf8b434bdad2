"""What is not there and what may not be done: 404 and 405, each explained."""

import uuid

import pytest

from .client import Api, describe, expect, json_of, problem
from .jobs import Jobs

ABOUT_ONE_JOB = [
    ("GET", "/jobs"),
    ("DELETE", "/jobs"),
    ("GET", "/results"),
    ("GET", "/download"),
]


@pytest.mark.parametrize(("method", "path"), ABOUT_ONE_JOB)
def test_an_unknown_job_is_not_found(api: Api, method: str, path: str) -> None:
    """A job that was never made is not found, and the answer names it."""
    unknown = str(uuid.uuid4())
    error = problem(api.request(method, f"{path}/{unknown}"), 404)
    assert unknown in error["detail"], error


@pytest.mark.parametrize("job_id", ["1", "not-a-uuid", "%00", "g" * 36, "a" * 2000])
@pytest.mark.parametrize(("method", "path"), ABOUT_ONE_JOB)
def test_what_is_no_id_is_not_found(api: Api, method: str, path: str, job_id: str) -> None:
    """Something that is no UUID is not found either, and the answer says so."""
    error = problem(api.request(method, f"{path}/{job_id}"), 404)
    assert "UUID" in error["detail"], error


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/jobs/", "/help/me", "/results", "/download", "/jobs//", "/help//", "/x//jobs"],
)
def test_an_unknown_path_is_not_found(service: Api, path: str) -> None:
    """A path that is not in the help is not found."""
    problem(service.get(path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/help",
        "/healthz",
        "/readyz",
        "/metrics",
        "/data",
        "/jobs",
        "/openapi.json",
        "/datasets",
    ],
)
def test_an_unknown_parameter_is_refused_by_name(service: Api, path: str) -> None:
    """A parameter that would be ignored is refused, and those that there are are told."""
    error = problem(service.get(f"{path}?colour=red"), 400)
    assert [item["field"] for item in error["errors"]] == ["colour"], error
    if path == "/jobs":
        assert all(name in error["detail"] for name in ("limit", "cursor", "status")), error


def test_options_tell_the_methods(api: Api) -> None:
    """OPTIONS answers without a body with the methods of the path."""
    answer = expect(api.options("/jobs"), 204)
    told = {name.strip() for name in answer.headers.get("Allow", "").split(",")}
    assert told >= {"GET", "POST", "DELETE"}, describe(answer)
    assert not answer.content, describe(answer)


def test_an_id_in_capitals_is_the_same(api: Api, jobs: Jobs) -> None:
    """UUIDs compare without case: a job is found under its id in capitals."""
    job = jobs.submit()
    record = json_of(api.get(f"/jobs/{job['id'].upper()}"))
    assert record["id"] == job["id"], record


NOT_ALLOWED = [
    ("PUT", "/jobs", {"GET", "POST", "DELETE"}),
    ("PATCH", "/jobs", {"GET", "POST", "DELETE"}),
    ("PUT", "/data", {"GET", "POST", "DELETE"}),
    ("POST", "/datasets", {"GET"}),
    ("POST", "/datasets/none", {"GET", "PUT", "DELETE"}),
    ("PUT", "/datasets/none/jobs", {"GET", "POST", "DELETE"}),
    ("POST", "/jobs/00000000-0000-4000-8000-000000000000", {"GET", "DELETE"}),
    ("DELETE", "/results/00000000-0000-4000-8000-000000000000", {"GET"}),
    ("POST", "/download/00000000-0000-4000-8000-000000000000", {"GET"}),
    ("POST", "/help", {"GET"}),
    ("DELETE", "/healthz", {"GET"}),
    ("POST", "/readyz", {"GET"}),
    ("PUT", "/metrics", {"GET"}),
]


@pytest.mark.parametrize(("method", "path", "allowed"), NOT_ALLOWED)
def test_a_wrong_method_is_refused(service: Api, method: str, path: str, allowed: set[str]) -> None:
    """A method that a path does not have answers 405 and tells those that it has."""
    answer = service.request(method, path)
    problem(answer, 405)
    told = {name.strip() for name in answer.headers.get("Allow", "").split(",")}
    assert told - {"HEAD", "OPTIONS"} == allowed, describe(answer)
