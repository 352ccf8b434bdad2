"""The routes of a data set and of the list of them: a few lines each.

Those of one data set are there twice: at the root for the default one, and below
`/datasets/<name>` for each named one.
"""

from dataclasses import asdict, dataclass
from typing import Any, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, g, jsonify, request
from redis import Redis

from app.data import SAMPLE, DataSet, read_csv
from app.data_sets import LONGEST_LIFE, DataSets
from app.errors import FieldError, Problem
from app.intake import (
    check_inside,
    read_body,
    read_choice,
    read_key,
    read_number,
    read_period,
    refuse_if,
)
from app.job_queue import JobQueue
from app.jobs import Jobs
from app.settings import Settings
from app.store import NAME_RULE, Keys, Status, is_name
from app.submission import Submission

LARGEST_PAGE = 1000
"""Jobs on a page of GET /jobs; about 100 kB."""

of_one = Blueprint("data_set", __name__)
of_all = Blueprint("data_sets", __name__, url_prefix="/datasets")


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need, made once for the application."""

    settings: Settings
    redis: Redis
    queue: JobQueue
    data_sets: DataSets


def services() -> Services:
    """The services of the application that handles this request."""
    return cast("Services", current_app.extensions["weather"])


def jobs() -> Jobs:
    """The jobs of the data set that this request is about."""
    return Jobs(services().redis, g.keys)


def data() -> DataSet:
    """The data set that this request is about."""
    return DataSet(services().redis, g.keys)


@of_one.url_value_preprocessor
def take_name(_: str | None, values: dict[str, Any] | None) -> None:
    """Keep the data set's name for the request, so that the views need not know of it."""
    g.keys = Keys((values or {}).pop("name", ""))


@of_one.before_request
def check_name() -> None:
    """Refuse a named data set that there is not."""
    if g.keys.name:
        services().data_sets.check(g.keys.name)


@of_all.get("")
def list_data_sets() -> dict[str, dict[str, object]]:
    """Every named data set: when it expires, how many days and jobs it has."""
    return services().data_sets.all()


@of_all.put("/<name>")
def put_data_set(name: str) -> tuple[dict[str, object], int]:
    """Make a named data set, or give it a new time to live: ttl seconds, without it no end."""
    if not is_name(name):
        refuse_if([FieldError("name", NAME_RULE)])
    ttl = read_number("ttl", 1, LONGEST_LIFE, 1) if "ttl" in request.args else 0
    new = services().data_sets.put(name, ttl)
    return services().data_sets.get(name), 201 if new else 200


@of_all.get("/<name>")
def show_data_set(name: str) -> dict[str, object]:
    """When a named data set expires, how many days and jobs it has."""
    return services().data_sets.get(name)


@of_all.delete("/<name>")
def delete_data_set(name: str) -> tuple[str, int]:
    """Delete a named data set with its jobs, results and plots; no job of it comes back."""
    services().data_sets.check(name)
    services().data_sets.delete(name)
    return "", 204


@of_one.post("/data")
def load_data() -> tuple[dict[str, object], int]:
    """Load a data set: the CSV body, or without a body the sample that comes with the service."""
    body, source = read_body(services().settings.max_csv_bytes), "body"
    if not body and not request.content_type:
        body, source = SAMPLE.read_bytes(), "sample"
    elif request.mimetype != "text/csv":
        raise Problem(415, "the body must be text/csv; no body at all loads the sample")
    extent = data().replace(read_csv(body))
    return asdict(extent) | {"source": source}, 201


@of_one.get("/data")
def show_data() -> dict[str, object]:
    """The loaded data set with all its days."""
    return data().document()


@of_one.delete("/data")
def unload_data() -> dict[str, int]:
    """Unload the data set."""
    return {"deleted": data().delete()}


@of_one.post("/jobs")
def submit_job() -> tuple[dict[str, str], int, dict[str, str]]:
    """Submit a job for the days from start to end."""
    start, end = read_period(services().settings.max_json_bytes)
    submission = Submission(services().redis, services().queue, services().settings, g.keys)
    key = read_key()
    job = submission.earlier(key, start, end)
    if job is None:
        check_inside(start, end, data().extent(), g.keys)
        ids = {"request_id": g.request_id, "trace_id": g.trace_id}
        job = submission.submit(start, end, key=key, **ids)
    g.job_id = job["id"]
    return job, 202, {"Location": f"{g.keys.path}/jobs/{job['id']}"}


@of_one.get("/jobs")
def list_jobs() -> Response:
    """Every job by id, or those with a status; limit and cursor give pages."""
    status = read_choice("status", tuple(Status))
    if not request.args.keys() & {"limit", "cursor"}:
        return Response(jobs().all(status), mimetype="application/json")
    limit, after = read_number("limit", 1, LARGEST_PAGE, 100), read_number("cursor", 0, 2**53, 0)
    found, more = jobs().page(limit, after, status)
    response = jsonify(found)
    if more is not None:
        query = {"limit": limit, "cursor": more} | ({"status": status} if status else {})
        response.headers["Link"] = f'<{g.keys.path}/jobs?{urlencode(query)}>; rel="next"'
    return response


@of_one.delete("/jobs")
def delete_jobs() -> dict[str, int]:
    """Delete every job with its result and plot."""
    return {"deleted": jobs().delete_all()}


@of_one.get("/jobs/<id>")
def show_job(id: str) -> dict[str, str | None]:
    """The whole record of a job."""
    return jobs().get(id)


@of_one.delete("/jobs/<id>")
def delete_job(id: str) -> tuple[str, int]:
    """Delete a job with its result and plot; it does not come back."""
    jobs().delete(id)
    return "", 204


@of_one.get("/results/<id>")
def show_result(id: str) -> Response:
    """The figures that a job computed."""
    return unless_known(Response(jobs().result(id), mimetype="application/json"))


@of_one.get("/download/<id>")
def download_plot(id: str) -> Response:
    """The plot that a job drew, as PNG."""
    image, name = jobs().plot(id)
    response = Response(image, mimetype="image/png")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return unless_known(response)


def unless_known(response: Response) -> Response:
    """The response with its ETag, or 304 if If-None-Match says that the client has it."""
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"  # kept, but asked for each time
    response.make_conditional(request)
    return response
