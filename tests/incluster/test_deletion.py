"""Deleting jobs: what is deleted is gone with all that belongs to it, and nothing else is."""

from .client import Api, describe, expect, json_of, problem
from .jobs import DataSet, Jobs


def test_deletion_answers_204_without_a_body(api: Api, jobs: Jobs) -> None:
    """Deleting a job answers 204 and nothing more."""
    answer = expect(api.delete(f"/jobs/{jobs.submit()['id']}"), 204)
    assert answer.content == b"", describe(answer)


def test_a_deleted_job_is_gone_with_its_result_and_plot(api: Api, jobs: Jobs) -> None:
    """Record, result and plot of a deleted job are not found, nor is it listed."""
    job = jobs.submit()
    jobs.complete(job)
    api.delete(f"/jobs/{job['id']}")
    for path in ("/jobs", "/results", "/download"):
        problem(api.get(f"{path}/{job['id']}"), 404)
    assert job["id"] not in jobs.listed()


def test_a_job_can_be_deleted_only_once(api: Api, jobs: Jobs) -> None:
    """A second deletion finds nothing to delete."""
    job = jobs.submit()
    api.delete(f"/jobs/{job['id']}")
    problem(api.delete(f"/jobs/{job['id']}"), 404)


def test_deletion_leaves_other_jobs_alone(api: Api, jobs: Jobs) -> None:
    """The job beside a deleted one is still done and keeps its result."""
    gone, kept = jobs.submit(), jobs.submit()
    api.delete(f"/jobs/{gone['id']}")
    jobs.complete(kept)
    assert json_of(api.get(f"/results/{kept['id']}"))["id"] == kept["id"]


def test_a_job_deleted_in_the_queue_never_comes_back(api: Api, jobs: Jobs) -> None:
    """Jobs deleted while they are queued or worked on leave nothing behind later."""
    deleted = jobs.submit_queue(4)
    for job in deleted:
        api.delete(f"/jobs/{job['id']}")
    for job in jobs.submit_queue(2):  # the worker has passed the deleted ones when these are done
        jobs.complete(job)
    listed = jobs.listed()
    for job in deleted:
        assert job["id"] not in listed, f"{job['id']} came back: {listed[job['id']]}"
        for path in ("/jobs", "/results", "/download"):
            problem(api.get(f"{path}/{job['id']}"), 404)


def test_all_jobs_can_be_deleted_at_once(other: Api, data: DataSet) -> None:
    """Deleting all jobs of a data set tells how many there were and leaves none of them."""
    expect(other.post("/data"), 201)
    theirs = Jobs(other, data)
    made = {theirs.submit()["id"] for _ in range(3)}
    answer = other.delete("/jobs")
    assert json_of(answer) == {"deleted": 3}, describe(answer)
    assert not made & theirs.listed().keys(), "deleted jobs are still listed"
    for job_id in made:
        problem(other.get(f"/jobs/{job_id}"), 404)


def test_deleting_all_of_nothing_deletes_nothing(other: Api) -> None:
    """Deleting all jobs when there is none is no error and counts 0."""
    answer = other.delete("/jobs")
    assert json_of(answer) == {"deleted": 0}, describe(answer)
