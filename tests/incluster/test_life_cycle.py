"""What becomes of a job between its submission and its end, one alone and twenty at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from .client import Api, expect, json_of
from .jobs import FINISHED, Jobs
from .waiting import wait_until

ORDER = ["submitted", "in progress", "complete"]

RECORD_KEYS = {
    "id", "status", "start", "end", "datetime", "started", "finished", "worker", "reason",
    "request_id", "trace_id",
}  # fmt: skip

BURST = 20
"""Jobs at once: far more than any worker does at a time."""


def test_a_job_goes_from_submitted_through_in_progress_to_complete(jobs: Jobs) -> None:
    """Each job only moves forward through the states, and work on it can be watched.

    "in progress" lasts some tenths of a second. So a queue of jobs is watched, where at almost
    any moment one of them is being worked on; should all slip by, another batch is queued.
    """
    seen: dict[str, list[str]] = {}

    def watch_a_batch() -> set[str]:
        batch = jobs.submit_queue(4)
        seen.update({job["id"]: [job["status"]] for job in batch})

        def look() -> list[str]:
            for job in batch:
                states = seen[job["id"]]
                status = jobs.record(job)["status"]
                if status != states[-1]:
                    states.append(status)
            return [seen[job["id"]][-1] for job in batch]

        wait_until(
            look,
            jobs.api.settings.job_timeout,
            "four jobs to finish",
            until=FINISHED.issuperset,
        )
        return {status for states in seen.values() for status in states}

    wait_until(
        watch_a_batch,
        jobs.api.settings.job_timeout,
        "a job to be seen in progress",
        until=lambda states: "in progress" in states,
    )
    for job_id, states in seen.items():
        assert states == [state for state in ORDER if state in states], f"{job_id}: {states}"
        assert states[-1] == "complete", f"{job_id}: {states}"


def test_a_new_job_has_a_record_without_an_end(jobs: Jobs) -> None:
    """The record of a job has all its fields from the beginning; what is not known is null."""
    record = jobs.record(jobs.submit_queue(3)[-1])
    assert set(record) == RECORD_KEYS, record
    if record["status"] == "submitted":
        unknown = [record[key] for key in ("started", "finished", "worker", "reason")]
        assert unknown == [None] * 4, record


def test_a_complete_job_tells_when_and_by_whom_it_was_done(jobs: Jobs) -> None:
    """A complete record names its worker and its three times, in order, and no reason."""
    record = jobs.complete(jobs.submit())
    assert set(record) == RECORD_KEYS, record
    times = [datetime.fromisoformat(record[key]) for key in ("datetime", "started", "finished")]
    assert times == sorted(times), record
    assert record["worker"], record
    assert record["reason"] is None, record


def test_a_record_keeps_what_was_asked_for(jobs: Jobs) -> None:
    """The record shows the id and the period that were submitted."""
    job = jobs.submit()
    record = jobs.record(job)
    assert {key: record[key] for key in ("id", "start", "end")} == {
        key: job[key] for key in ("id", "start", "end")
    }


def test_twenty_jobs_at_once_are_all_done_each_with_its_own_result(api: Api, jobs: Jobs) -> None:
    """Twenty jobs, sent at the same time for twenty periods, all end with their own result."""
    periods = [jobs.data.span(number, 10 + number) for number in range(BURST)]
    with ThreadPoolExecutor(BURST) as pool:
        made = list(pool.map(lambda period: jobs.submit(*period), periods))
    assert len({job["id"] for job in made}) == BURST, made

    for job in made:
        jobs.complete(job)
    for job, period in zip(made, periods, strict=True):
        result = json_of(expect(api.get(f"/results/{job['id']}"), 200))
        assert (result["start"], result["end"]) == period, result
