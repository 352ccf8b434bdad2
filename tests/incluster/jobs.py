"""Jobs and the days they are about, as the tests make them: each test its own, none left."""

from dataclasses import dataclass
from typing import Any

import requests

from .client import Api, describe, json_of
from .figures import Day
from .waiting import wait_until

Json = dict[str, Any]

FINISHED = frozenset({"complete", "failed"})


@dataclass(frozen=True)
class DataSet:
    """The days that the service holds, in order; at least one."""

    days: list[Day]

    @property
    def first(self) -> str:
        """The first date, as YYYY-MM-DD."""
        return str(self.days[0]["date"])

    @property
    def last(self) -> str:
        """The last date, as YYYY-MM-DD."""
        return str(self.days[-1]["date"])

    def span(self, begin: int, count: int) -> tuple[str, str]:
        """First and last date of `count` days from the day with the index `begin`."""
        chosen = self.days[begin : begin + count]
        return str(chosen[0]["date"]), str(chosen[-1]["date"])


class Jobs:
    """Makes jobs and remembers them, so that none is left behind."""

    def __init__(self, api: Api, data: DataSet) -> None:
        self.api = api
        self.data = data
        self.made: list[str] = []

    def post(self, **options: Any) -> requests.Response:
        """Send `POST /jobs` with the options of requests; a job made by it is remembered."""
        answer = self.api.post("/jobs", **options)
        if answer.ok:
            self.made.append(json_of(answer, answer.status_code)["id"])
        return answer

    def submit(self, start: str | None = None, end: str | None = None) -> Json:
        """Submit a job, by default for the first 30 days, and return the answer's body.

        It takes any successful answer: whether a submission answers as it must is the
        question of one test, not of all.
        """
        default = self.data.span(0, 30)
        answer = self.post(json={"start": start or default[0], "end": end or default[1]})
        assert answer.ok, f"no job could be made: {describe(answer)}"
        job: Json = answer.json()
        return job

    def submit_queue(self, count: int) -> list[Json]:
        """Submit jobs of a year each, one after another, so that the last of them has to wait."""
        return [self.submit(*self.data.span(0, 365)) for _ in range(count)]

    def listed(self) -> dict[str, Json]:
        """All jobs that the service lists now, by id."""
        answer = self.api.get("/jobs")
        body = json_of(answer)
        assert isinstance(body, dict), f"the list has no ids: {describe(answer)}"
        return body

    def record(self, job: Json) -> Json:
        """The job's whole record as the service has it now."""
        record: Json = json_of(self.api.get(f"/jobs/{job['id']}"))
        return record

    def complete(self, job: Json) -> Json:
        """Wait until the job is complete and return its record; fail at once if it failed."""
        record = wait_until(
            lambda: self.record(job),
            self.api.settings.job_timeout,
            f"job {job['id']} to be complete",
            until=lambda seen: seen["status"] in FINISHED,
        )
        assert record["status"] == "complete", f"the job failed: {record}"
        return record

    def unfinished(self, path: str) -> requests.Response:
        """The answer of `GET path/<id>` for a job that is surely not finished.

        A job may finish between two requests. So the job's record is read after the answer: if
        the job was still unfinished then, it was so before. If not, the next job is tried.
        """

        def look() -> tuple[requests.Response, str]:
            job = self.submit_queue(3)[-1]
            answer = self.api.get(f"{path}/{job['id']}")
            return answer, self.record(job)["status"]

        answer, _ = wait_until(
            look,
            self.api.settings.job_timeout,
            "a job to be unfinished after it was asked for",
            until=lambda seen: seen[1] not in FINISHED,
        )
        return answer

    def clean_up(self) -> None:
        """Delete every job made here; a job that its test has deleted is gone already."""
        answers = [self.api.delete(f"/jobs/{job_id}") for job_id in reversed(self.made)]
        left = [describe(answer) for answer in answers if answer.status_code not in {204, 404}]
        assert not left, "jobs could not be deleted:\n" + "\n".join(left)
