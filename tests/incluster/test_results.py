"""`GET /results/<id>`: the figures of a job, and what is answered before they are there."""

import pytest

from .client import Api, describe, expect, json_of, problem
from .figures import figures
from .jobs import DataSet, Jobs

ROUNDING = 0.011
"""Results have 2 places; the sum of many floats may round to the neighbour."""


@pytest.mark.parametrize(("begin", "count"), [(0, 1), (0, 31), (10, 200)])
def test_result_agrees_with_the_days(
    api: Api, jobs: Jobs, data: DataSet, begin: int, count: int
) -> None:
    """The figures of a job are those that the days of its period give."""
    start, end = data.span(begin, count)
    job = jobs.submit(start, end)
    jobs.complete(job)
    answer = api.get(f"/results/{job['id']}")
    result = json_of(answer)
    expected = {"id": job["id"], **figures(data.days, start, end)}
    for part in ("temperature", "precipitation"):
        assert result.get(part) == pytest.approx(expected[part], abs=ROUNDING), describe(answer)
        expected[part] = result[part]
    assert result == expected, describe(answer)


def test_figures_have_two_places(api: Api, jobs: Jobs, data: DataSet) -> None:
    """Every figure is rounded to two places."""
    job = jobs.submit(data.first, data.last)
    jobs.complete(job)
    answer = api.get(f"/results/{job['id']}")
    result = json_of(answer)
    numbers = [*result["temperature"].values(), *result["precipitation"].values()]
    assert numbers == [round(number, 2) for number in numbers], describe(answer)


def test_each_job_has_its_own_result(api: Api, jobs: Jobs, data: DataSet) -> None:
    """Of two jobs for two periods each gets the result of its own."""
    periods = [data.span(0, 5), data.span(5, 9)]
    made = [jobs.submit(*period) for period in periods]
    for job in made:
        jobs.complete(job)
    for job, period in zip(made, periods, strict=True):
        answer = api.get(f"/results/{job['id']}")
        result = json_of(answer)
        shown = (result["id"], result["start"], result["end"], result["count"])
        assert shown == (job["id"], *period, figures(data.days, *period)["count"]), describe(answer)


def test_a_result_can_be_asked_for_again(api: Api, jobs: Jobs) -> None:
    """Reading a result does not use it up."""
    job = jobs.submit()
    jobs.complete(job)
    first, second = (json_of(api.get(f"/results/{job['id']}")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("path", ["/results", "/download"])
def test_nothing_is_shown_of_an_unfinished_job(jobs: Jobs, path: str) -> None:
    """Before a job is complete its result and plot answer 409 and tell the job's state."""
    error = problem(jobs.unfinished(path), 409)
    assert any(state in error["detail"] for state in ("submitted", "in progress")), error


@pytest.mark.parametrize("path", ["/results", "/download"])
def test_what_a_client_has_is_not_sent_again(api: Api, jobs: Jobs, path: str) -> None:
    """With the ETag of an earlier answer the next one is 304 without a body; with another, 200."""
    job = jobs.submit()
    jobs.complete(job)
    first = expect(api.get(f"{path}/{job['id']}"), 200)
    headers = {"If-None-Match": first.headers.get("ETag", "")}
    known = expect(api.get(f"{path}/{job['id']}", headers=headers), 304)
    assert not known.content, describe(known)
    expect(api.get(f"{path}/{job['id']}", headers={"If-None-Match": '"other"'}), 200)
