"""`/data`: the one state that all jobs share. Only this module changes it, and puts it back.

Every test borrows our own data set: afterwards it holds the days that it held before.
"""

from typing import Any

import pytest
import requests

from .client import LAST_REQUEST, Api, describe, json_of, problem
from .figures import COLUMNS, csv_of
from .jobs import DataSet, Jobs
from .png import read_png

KNOWN_DAYS: list[dict[str, Any]] = [
    dict(zip(COLUMNS, row, strict=True))
    for row in [
        ("2020-02-27", 0.0, 10.0, 2.0, 3.1, "sun"),
        ("2020-02-28", 5.5, 8.0, 4.0, 4.2, "rain"),
        ("2020-02-29", 1.2, 6.0, -2.0, 2.0, "snow"),
        ("2020-03-01", 0.0, 12.4, 0.0, 1.5, "rain"),
        ("2020-03-02", 10.3, 9.0, 5.0, 6.0, "fog"),
    ]
]
"""Days over a leap day, few enough to work out by hand what a job must find."""

EXTENT = {"rows": 5, "first": "2020-02-27", "last": "2020-03-02"}
SAMPLE = {"rows": 1461, "first": "2012-01-01", "last": "2015-12-31"}
CSV_LIMIT = 5_000_000
"""Bytes: the largest body that POST /data takes."""

pytestmark = pytest.mark.usefixtures("borrowed_data")


def load(api: Api, body: bytes, kind: str | None = "text/csv") -> requests.Response:
    """Send a data set with this content type."""
    return api.post("/data", data=body, headers={"Content-Type": kind})


def test_sample_is_loaded_when_nothing_is_sent(api: Api) -> None:
    """POST without a body loads the sample: four whole years."""
    answer = api.post("/data")
    assert json_of(answer, 201) == {**SAMPLE, "source": "sample"}, describe(answer)


def test_sample_can_be_returned(api: Api) -> None:
    """After the sample was loaded its days are returned, from the first to the last."""
    api.post("/data")
    answer = api.get("/data")
    body = json_of(answer)
    assert {key: body[key] for key in SAMPLE} == SAMPLE, describe(answer)
    dates = [day["date"] for day in body["days"]]
    assert (len(dates), dates[0], dates[-1]) == tuple(SAMPLE.values()), describe(answer)
    assert dates == sorted(set(dates)), "the days are not in order"


def test_loading_tells_what_was_loaded(api: Api) -> None:
    """POST of a CSV answers 201 with the number of days, the first and the last."""
    answer = load(api, csv_of(KNOWN_DAYS))
    assert json_of(answer, 201) == {**EXTENT, "source": "body"}, describe(answer)


def test_loaded_days_are_returned_as_sent(api: Api) -> None:
    """GET returns the very days that were sent, numbers as numbers."""
    load(api, csv_of(KNOWN_DAYS))
    answer = api.get("/data")
    assert json_of(answer) == {**EXTENT, "days": KNOWN_DAYS}, describe(answer)


def test_loading_replaces_what_was_loaded(api: Api) -> None:
    """A second data set takes the place of the first; nothing of the first remains."""
    load(api, csv_of(KNOWN_DAYS))
    load(api, csv_of(KNOWN_DAYS[2:4]))
    answer = api.get("/data")
    assert json_of(answer)["days"] == KNOWN_DAYS[2:4], describe(answer)


def test_deletion_tells_how_many_days_went(api: Api) -> None:
    """DELETE answers with the number of days; a second one finds none."""
    load(api, csv_of(KNOWN_DAYS))
    first, second = api.delete("/data"), api.delete("/data")
    assert json_of(first) == {"deleted": 5}, describe(first)
    assert json_of(second) == {"deleted": 0}, describe(second)


def test_deleted_data_is_gone(api: Api) -> None:
    """After a deletion there is no data set to return."""
    api.delete("/data")
    problem(api.get("/data"), 404)


def test_without_data_no_job_can_be_made(api: Api, jobs: Jobs) -> None:
    """While no data set is loaded a job is refused as a conflict."""
    api.delete("/data")
    problem(jobs.post(json={"start": "2020-02-28", "end": "2020-03-01"}), 409)


def test_period_is_checked_against_the_data_of_now(api: Api, jobs: Jobs) -> None:
    """A period of the data set that was replaced is refused, one of the new set accepted."""
    load(api, csv_of(KNOWN_DAYS))
    problem(jobs.post(json={"start": "2012-01-01", "end": "2012-01-31"}), 422)
    assert jobs.submit("2020-02-27", "2020-03-02")["status"] == "submitted"


def test_csv_of_a_spreadsheet_is_read(api: Api) -> None:
    """A byte order mark, lines that end in CR LF and quoted fields change nothing."""
    head, *rows = csv_of(KNOWN_DAYS).decode().splitlines()
    rows = [row.rpartition(",")[0] + f',"{row.rpartition(",")[2]}"' for row in rows]
    load(api, ("\ufeff" + "\r\n".join([head, *rows]) + "\r\n").encode())
    answer = api.get("/data")
    assert json_of(answer)["days"] == KNOWN_DAYS, describe(answer)


HEAD = ",".join(COLUMNS)
GOOD = "2020-01-01,0,9,1,2,sun"
MALFORMED = {
    "column-missing": ("date,precipitation,temp_max,temp_min,wind", 1, 6),
    "column-misnamed": (f"{HEAD.replace('temp_min', 'low')}\n{GOOD}", 1, 4),
    "no-header": (GOOD, 1, 1),
    "only-header": (HEAD, 2, 1),
    "field-missing": (f"{HEAD}\n{GOOD}\n2020-01-02,0,9,1,2", 3, 6),
    "field-too-many": (f"{HEAD}\n{GOOD},more", 2, 7),
    "word-for-number": (f"{HEAD}\n{GOOD}\n2020-01-02,much,9,1,2,sun", 3, 2),
    "empty-number": (f"{HEAD}\n2020-01-01,0,,1,2,sun", 2, 3),
    "not-a-number": (f"{HEAD}\n2020-01-01,0,9,nan,2,sun", 2, 4),
    "infinite": (f"{HEAD}\n2020-01-01,0,9,1,inf,sun", 2, 5),
    "overflow": (f"{HEAD}\n2020-01-01,1e999,9,1,2,sun", 2, 2),
    "no-such-day": (f"{HEAD}\n2020-02-30,0,9,1,2,sun", 2, 1),
    "american-date": (f"{HEAD}\n01/02/2020,0,9,1,2,sun", 2, 1),
    "same-day-twice": (f"{HEAD}\n{GOOD}\n{GOOD}", 3, 1),
    "day-before": (f"{HEAD}\n{GOOD}\n2019-12-31,0,9,1,2,sun", 3, 1),
    "colder-than-warmest": (f"{HEAD}\n2020-01-01,0,1,9,2,sun", 2, 4),
    "not-utf-8": (f"{HEAD}\n2020-01-01,0,9,1,2,s\udcfcd", 2, 6),
}
"""A name, the CSV, and the line and the column (number of the field) of its first error."""


@pytest.mark.parametrize(("text", "line", "column"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_csv_is_refused_with_its_place(
    api: Api, data: DataSet, text: str, line: int, column: int
) -> None:
    """Malformed CSV is refused with line and column, and the old days stay."""
    error = problem(load(api, text.encode(errors="surrogateescape")), 422)
    assert (error.get("line"), error.get("column")) == (line, column), error
    assert json_of(api.get("/data"))["days"] == data.days, "a refused CSV changed the data"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/csvx", None])
def test_data_of_another_content_type_is_refused(api: Api, data: DataSet, kind: str | None) -> None:
    """A body that does not call itself CSV is refused, although it is, and the old days stay."""
    problem(load(api, csv_of(KNOWN_DAYS), kind), 415)
    assert json_of(api.get("/data"))["days"] == data.days, "a refused body changed the data"


def test_data_over_the_limit_is_refused(api: Api, data: DataSet) -> None:
    """More than 5 MB is refused, and the old days stay."""
    body = csv_of(KNOWN_DAYS) + b"\n" * CSV_LIMIT
    headers = {"Content-Type": "text/csv", **LAST_REQUEST}
    problem(api.post("/data", data=body, headers=headers), 413)
    assert json_of(api.get("/data"))["days"] == data.days, "a refused body changed the data"


def test_chain_from_data_to_plot(api: Api, jobs: Jobs) -> None:
    """Data in, job, figures out: they are those that were worked out by hand, with a plot."""
    json_of(load(api, csv_of(KNOWN_DAYS)), 201)
    job = jobs.submit("2020-02-28", "2020-03-01")
    jobs.complete(job)

    answer = api.get(f"/results/{job['id']}")
    assert json_of(answer) == {
        "id": job["id"],
        "start": "2020-02-28",
        "end": "2020-03-01",
        "count": 3,
        "temperature": {"mean": 4.73, "min": -2.0, "max": 12.4},  # (6 + 2 + 6.2) / 3
        "precipitation": {"total": 6.7},
        "weather": {"rain": 2, "snow": 1},
        "units": {"temperature": "°C", "precipitation": "mm"},
    }, describe(answer)

    plot = api.get(f"/download/{job['id']}")
    assert read_png(plot.content).width > 0
    api.delete(f"/jobs/{job['id']}")
    problem(api.get(f"/results/{job['id']}"), 404)
