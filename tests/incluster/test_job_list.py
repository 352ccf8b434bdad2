"""The course page's six properties of `GET /jobs`, one test each, and paging.

Every test makes a job first: of an empty list all of this would be true.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from .client import Api, describe, expect, json_of, problem
from .jobs import Jobs

STATES = {"submitted", "in progress", "complete", "failed"}


@pytest.fixture
def listing(api: Api, jobs: Jobs) -> requests.Response:
    """The answer of `GET /jobs` while at least one job exists."""
    jobs.submit()
    return api.get("/jobs")


def elements_of(listing: requests.Response) -> list[Any]:
    """The listed jobs, at least one, whatever kind of container they came in."""
    body = json_of(listing)
    elements = list(body.values()) if isinstance(body, dict) else list(body)
    assert elements, f"a job exists and none is listed: {describe(listing)}"
    return elements


def test_job_list_answers_200(listing: requests.Response) -> None:
    """The list of jobs answers with status 200."""
    expect(listing, 200)


def test_job_list_is_valid_json(listing: requests.Response) -> None:
    """The list of jobs is JSON and says so in its content type."""
    json_of(listing, listing.status_code)
    assert listing.headers["Content-Type"] == "application/json", describe(listing)


def test_job_list_is_a_dictionary(listing: requests.Response) -> None:
    """The list of jobs decodes to a dictionary."""
    assert isinstance(json_of(listing), dict), describe(listing)


def test_every_listed_job_is_a_dictionary(listing: requests.Response) -> None:
    """Every element of the list is a dictionary."""
    for element in elements_of(listing):
        assert isinstance(element, dict), f"{element!r} in {describe(listing)}"


def test_every_listed_job_has_exactly_two_keys(listing: requests.Response) -> None:
    """Every element has the keys datetime and status, and no other."""
    for element in elements_of(listing):
        assert sorted(element) == ["datetime", "status"], f"{element!r} in {describe(listing)}"


def test_every_listed_job_has_values_of_the_right_types(listing: requests.Response) -> None:
    """Datetime and status of every element are strings."""
    for element in elements_of(listing):
        kinds = {key: type(element[key]) for key in ("datetime", "status")}
        assert kinds == {"datetime": str, "status": str}, f"{element!r} in {describe(listing)}"


def test_a_submitted_job_is_listed_under_its_id(jobs: Jobs) -> None:
    """A job stands in the list under its id, with a known state and its time of submission."""
    job = jobs.submit()
    listed = jobs.listed()
    assert job["id"] in listed, f"{job['id']} is not among {list(listed)}"
    element = listed[job["id"]]
    assert element["status"] in STATES, element
    assert element["datetime"] == jobs.record(job)["datetime"], element


def test_time_of_submission_is_utc(jobs: Jobs) -> None:
    """The time of submission is ISO 8601 in UTC."""
    record = jobs.record(jobs.submit())
    assert datetime.fromisoformat(record["datetime"]).utcoffset() == timedelta(0), record


def test_pages_together_hold_every_job_once(api: Api, jobs: Jobs) -> None:
    """Whoever follows the links from page to page sees each job exactly once."""
    mine = {jobs.submit()["id"] for _ in range(3)}
    seen: list[str] = []
    begin = f"{api.base}/jobs"
    path: str | None = f"{begin}?limit=2"
    while path is not None:
        page = api.get(path.removeprefix(api.base))
        ids = list(json_of(page))
        assert len(ids) <= 2, describe(page)
        seen += ids
        following = page.links.get("next", {}).get("url")
        assert following != path, f"the link leads nowhere: {describe(page)}"
        path = following
        if path is not None:
            path = path.removeprefix(api.settings.url)
            assert path.startswith(f"{begin}?"), f"the link leaves the list: {describe(page)}"
    assert mine <= set(seen), f"missing from the pages: {mine - set(seen)}"
    assert len(seen) == len(set(seen)), f"listed more than once: {sorted(seen)}"


def test_list_of_a_status_has_no_other(api: Api, jobs: Jobs) -> None:
    """With a status the list holds the jobs that have it: a complete one in one list alone."""
    job = jobs.submit()
    jobs.complete(job)
    complete = json_of(api.get("/jobs?status=complete"))
    assert job["id"] in complete, f"{job['id']} is not among {list(complete)}"
    assert {element["status"] for element in complete.values()} == {"complete"}, complete
    assert job["id"] not in json_of(api.get("/jobs?status=failed"))


def test_an_unknown_status_is_refused(api: Api) -> None:
    """A status that no job can have is refused, with those there are."""
    detail = problem(api.get("/jobs?status=done"), 422)["detail"]
    assert all(status in detail for status in STATES), detail


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", ""])
def test_a_page_size_out_of_range_is_refused(api: Api, limit: str) -> None:
    """A page holds 1 to 1000 jobs; any other limit is refused."""
    problem(api.get(f"/jobs?limit={limit}"), 422)
