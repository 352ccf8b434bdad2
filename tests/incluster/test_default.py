"""The routes of the course, on the data set that everybody uses: read, and one job of our own.

Everything else is tried on a data set of our own, where nobody can be harmed.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .client import Api, describe, expect, json_of, problem
from .figures import figures
from .jobs import DataSet, Jobs
from .png import read_png


@pytest.fixture
def default_jobs(service: Api) -> Iterator[Jobs]:
    """A maker of jobs of the default data set, which deletes what it made and nothing else."""
    made = Jobs(service, DataSet([]))
    yield made
    made.clean_up()


def check_list(answer: requests.Response) -> dict[str, Any]:
    """The list of jobs in an answer that must be one; it may be empty."""
    body = json_of(answer)
    assert isinstance(body, dict), describe(answer)
    for element in body.values():
        assert isinstance(element, dict), f"{element!r} in {describe(answer)}"
        kinds = {key: type(value) for key, value in element.items()}
        assert kinds == {"datetime": str, "status": str}, f"{element!r} in {describe(answer)}"
    return body


def test_default_job_list_is_a_dictionary_of_dictionaries_with_two_keys(service: Api) -> None:
    """`GET /jobs` answers 200, a dictionary; each element a dictionary of two strings."""
    check_list(service.get("/jobs"))


def test_default_data_is_whole_or_absent(service: Api) -> None:
    """`GET /data` answers with as many days as it says, in order, or 404 when none is loaded."""
    answer = service.get("/data")
    if answer.status_code == 404:
        problem(answer, 404)
        return
    body = json_of(answer)
    dates = [day["date"] for day in body["days"]]
    assert (len(dates), dates[0], dates[-1]) == (body["rows"], body["first"], body["last"])
    assert dates == sorted(set(dates)), "the days are not in order"


def test_chain_on_the_default_routes(service: Api, default_jobs: Jobs) -> None:
    """`POST /jobs`, its result and plot, and its deletion; without data a conflict and no job."""
    held = service.get("/data")
    if held.status_code == 404:
        problem(default_jobs.post(json={"start": "2012-01-01", "end": "2012-01-01"}), 409)
        return
    days = json_of(held)["days"]
    period = days[0]["date"], days[min(9, len(days) - 1)]["date"]
    answer = default_jobs.post(json=dict(zip(("start", "end"), period, strict=True)))
    job = json_of(answer, 202)
    location = answer.headers.get("Location", "").removeprefix(service.settings.url)
    assert location == f"/jobs/{job['id']}", describe(answer)
    default_jobs.complete(job)
    assert job["id"] in check_list(service.get("/jobs"))
    result = json_of(service.get(f"/results/{job['id']}"))
    assert result["count"] == figures(days, *period)["count"], result
    assert read_png(service.get(f"/download/{job['id']}").content).width > 0
    expect(service.delete(f"/jobs/{job['id']}"), 204)
    problem(service.get(f"/jobs/{job['id']}"), 404)
