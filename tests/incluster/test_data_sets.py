"""Named data sets: made and deleted, and nothing of one is seen or touched through another."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from .client import Api, describe, expect, json_of, problem
from .conftest import LIFE, new_name, remove
from .figures import Day, csv_of
from .jobs import DataSet, Jobs


@pytest.fixture
def make(service: Api) -> Iterator[Callable[..., str]]:
    """Makes data sets with the query in its argument, and returns their names; deletes them all."""
    names: list[str] = []

    def made(query: str = f"?ttl={LIFE}") -> str:
        names.append(new_name())
        expect(service.put(f"/datasets/{names[-1]}{query}"), 201)
        return names[-1]

    yield made
    for name in names:
        if service.get(f"/datasets/{name}").status_code == 200:
            remove(service, name)


def load(api: Api, days: list[Day]) -> None:
    """Load these days into the data set of the session."""
    expect(api.post("/data", data=csv_of(days), headers={"Content-Type": "text/csv"}), 201)


def test_a_new_data_set_is_listed_and_empty(
    service: Api, other: Api, make: Callable[..., str]
) -> None:
    """A data set that was made is in the list, without days and jobs, beside the others."""
    name = make()
    listed = json_of(service.get("/datasets"))
    assert {name, other.base.rpartition("/")[2]} <= listed.keys(), listed
    assert (listed[name]["rows"], listed[name]["jobs"]) == (0, 0), listed[name]
    assert json_of(service.get(f"/datasets/{name}")) == listed[name]


def test_a_data_set_counts_its_days_and_jobs(service: Api, api: Api, jobs: Jobs) -> None:
    """The list tells how many days and jobs a data set has."""
    jobs.submit()
    summary = json_of(service.get(api.base))
    assert (summary["rows"], summary["jobs"]) == (len(jobs.data.days), len(jobs.listed())), summary


def test_a_time_to_live_is_kept_and_renewed(service: Api, make: Callable[..., str]) -> None:
    """A data set tells when it expires; made again it lives longer, keeps its days, answers 200."""
    name = make("?ttl=600")
    expect(service.post(f"/datasets/{name}/data"), 201)
    first = json_of(service.get(f"/datasets/{name}"))
    left = datetime.fromisoformat(first["expires"]) - datetime.now(UTC)
    assert abs(left - timedelta(minutes=10)) < timedelta(minutes=2), first
    again = json_of(service.put(f"/datasets/{name}?ttl=6000"), 200)
    assert again["expires"] > first["expires"], (first, again)
    assert again["rows"] == first["rows"] > 0, (first, again)


@pytest.mark.parametrize("ttl", ["0", "-1", "soon", "", "1.5", "2592001"])
def test_a_time_to_live_out_of_range_is_refused(service: Api, ttl: str) -> None:
    """A time to live is a whole number of seconds up to 30 days, and nothing is made without."""
    name = new_name()
    error = problem(service.put(f"/datasets/{name}?ttl={ttl}"), 422)
    assert [item["field"] for item in error["errors"]] == ["ttl"], error
    problem(service.get(f"/datasets/{name}"), 404)


@pytest.mark.parametrize("name", ["UPPER", "a_b", "-a", "a-", "a" * 64, "a.b", "%2A", "a%20b"])
def test_a_bad_name_is_refused(service: Api, name: str) -> None:
    """A name that Kubernetes would refuse is refused here too, and is not found."""
    error = problem(service.put(f"/datasets/{name}?ttl=60"), 422)
    assert [item["field"] for item in error["errors"]] == ["name"], error
    problem(service.get(f"/datasets/{name}"), 404)
    problem(service.delete(f"/datasets/{name}"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("GET", "/data"), ("POST", "/data"), ("DELETE", "/data"),
     ("GET", "/jobs"), ("POST", "/jobs"), ("DELETE", "/jobs")],
)  # fmt: skip
def test_an_unknown_data_set_is_not_found(service: Api, method: str, path: str) -> None:
    """No route of a data set that was never made does anything, and the answer names it."""
    name = new_name()
    error = problem(service.request(method, f"/datasets/{name}{path}"), 404)
    assert name in error["detail"], error
    assert name not in json_of(service.get("/datasets"))


@pytest.mark.usefixtures("borrowed_data")
def test_each_data_set_has_its_own_days(api: Api, other: Api, data: DataSet) -> None:
    """Days that are loaded into one set or unloaded from it change nothing in another."""
    problem(other.get("/data"), 404)
    load(other, data.days[:3])
    assert json_of(other.get("/data"))["days"] == data.days[:3]
    assert json_of(api.get("/data"))["days"] == data.days
    expect(other.delete("/data"), 200)
    assert json_of(api.get("/data"))["days"] == data.days


def test_a_job_is_not_seen_in_another_data_set(service: Api, other: Api, jobs: Jobs) -> None:
    """A job is listed and found in its own data set alone: not in another, not in the default."""
    job = jobs.submit()
    jobs.complete(job)
    for session in (other, service):
        assert job["id"] not in json_of(session.get("/jobs")), f"it leaks into {session.base}/jobs"
        for path in ("/jobs", "/results", "/download"):
            problem(session.get(f"{path}/{job['id']}"), 404)


def test_a_job_is_not_deleted_through_another_data_set(other: Api, jobs: Jobs) -> None:
    """Whoever deletes in one data set, one job or all, deletes nothing in another."""
    job = jobs.submit()
    problem(other.delete(f"/jobs/{job['id']}"), 404)
    answer = other.delete("/jobs")
    assert json_of(answer) == {"deleted": 0}, describe(answer)
    assert job["id"] in jobs.listed()


@pytest.mark.usefixtures("borrowed_data")
def test_a_job_works_on_the_days_of_its_own_data_set(other: Api, data: DataSet) -> None:
    """The worker takes the days of the set that the job is of."""
    load(other, data.days[10:13])
    theirs = Jobs(other, DataSet(data.days[10:13]))
    job = theirs.submit(*data.span(10, 3))
    theirs.complete(job)
    assert json_of(other.get(f"/results/{job['id']}"))["count"] == 3


def test_a_deleted_data_set_is_gone_with_its_jobs(service: Api, make: Callable[..., str]) -> None:
    """A deleted set is not found, and made again it has neither days nor jobs."""
    name = make()
    with service.of_data_set(name) as session:
        expect(session.post("/data"), 201)
        job = Jobs(session, DataSet(json_of(session.get("/data"))["days"])).submit()
        expect(service.delete(f"/datasets/{name}"), 204)
        problem(session.get(f"/jobs/{job['id']}"), 404)
        problem(service.delete(f"/datasets/{name}"), 404)
        assert name not in json_of(service.get("/datasets"))
        expect(service.put(f"/datasets/{name}?ttl={LIFE}"), 201)
        assert json_of(session.get("/jobs")) == {}
        problem(session.get("/data"), 404)


def test_deleting_a_data_set_leaves_the_others_alone(
    service: Api, api: Api, data: DataSet, jobs: Jobs, make: Callable[..., str]
) -> None:
    """After a data set is deleted, the default one and ours hold what they held before."""
    job = jobs.submit()
    name = make()
    expect(service.post(f"/datasets/{name}/data"), 201)
    remove(service, name)
    assert json_of(api.get("/data"))["days"] == data.days
    assert job["id"] in jobs.listed()
