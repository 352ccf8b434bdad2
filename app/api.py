"""The HTTP API: every route in a few lines, the work in `jobs`, `data` and the queue.

A plain WSGI application; `python -m app.server` serves it.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from redis import Redis

from app import edge
from app.data import SAMPLE, DataSet, read_csv
from app.errors import Problem
from app.intake import (
    check_inside,
    check_query,
    read_body,
    read_choice,
    read_key,
    read_number,
    read_period,
)
from app.job_queue import JobQueue
from app.jobs import Jobs
from app.settings import Settings
from app.store import Status, connect
from app.submission import Submission
from app.telemetry import configure_logging

HERE = Path(__file__).parent
LARGEST_PAGE = 1000
"""Jobs on a page of GET /jobs; about 100 kB."""

PARAMETERS = {"api.list_jobs": ("limit", "cursor", "status")}
"""The query parameters of the endpoints that take any."""

routes = Blueprint("api", __name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need, made once by `create_app`."""

    settings: Settings
    redis: Redis
    queue: JobQueue
    jobs: Jobs
    submission: Submission
    data: DataSet


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; `settings` None means those of the environment.

    Raises SettingsError. Does not connect: Redis may come later.
    """
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_level)
    redis = connect(settings.redis_url, timeout=settings.redis_timeout)
    queue = JobQueue(redis, settings)
    app = Flask("app", static_folder=str(HERE / "web"), static_url_path="/web")
    app.extensions["weather"] = Services(
        settings,
        redis,
        queue,
        Jobs(redis),
        Submission(redis, queue, settings),
        DataSet(redis),
    )
    edge.install(app)
    app.register_blueprint(routes)
    return app


def services() -> Services:
    """The services of the application that handles this request."""
    return cast("Services", current_app.extensions["weather"])


@routes.before_request
def refuse_unknown_parameters() -> None:
    """Refuse a query that would be ignored, which looks like an answer to it."""
    check_query(PARAMETERS.get(request.endpoint or "", ()))


@routes.get("/")
def page() -> Response:
    """The web page: load data, submit jobs, see results."""
    return current_app.send_static_file("index.html")


@routes.get("/help")
def show_help() -> dict[str, object]:
    """Every route with its method and a line about it."""
    return {"routes": describe_routes(current_app)}


@routes.get("/openapi.json")
def openapi() -> Response:
    """The description of this API in the OpenAPI format."""
    return Response((HERE / "openapi.json").read_bytes(), mimetype="application/json")


@routes.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process answers; looks at nothing else."""
    return {"status": "ok"}


@routes.get("/readyz")
def readyz() -> dict[str, str]:
    """Whether Redis answers, so that requests make sense."""
    services().redis.ping()
    return {"status": "ready"}


@routes.get("/metrics")
def metrics() -> Response:
    """Totals and gauges in the Prometheus text format, counted in Redis for all processes."""
    totals = services().jobs.totals()
    gauges = {
        "queue_length": len(services().queue),
        "jobs_in_progress": services().queue.in_progress(),
    }
    text = render_metrics(totals, gauges)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


@routes.post("/data")
def load_data() -> tuple[dict[str, object], int]:
    """Load a data set: the CSV body, or without a body the sample that comes with the service."""
    body, source = read_body(services().settings.max_csv_bytes), "body"
    if not body and not request.content_type:
        body, source = SAMPLE.read_bytes(), "sample"
    elif request.mimetype != "text/csv":
        raise Problem(415, "the body must be text/csv; no body at all loads the sample")
    extent = services().data.replace(read_csv(body))
    return asdict(extent) | {"source": source}, 201


@routes.get("/data")
def show_data() -> dict[str, object]:
    """The loaded data set with all its days."""
    return services().data.document()


@routes.delete("/data")
def unload_data() -> dict[str, int]:
    """Unload the data set."""
    return {"deleted": services().data.delete()}


@routes.post("/jobs")
def submit_job() -> tuple[dict[str, str], int, dict[str, str]]:
    """Submit a job for the days from start to end."""
    start, end = read_period(services().settings.max_json_bytes)
    submission, key = services().submission, read_key()
    job = submission.earlier(key, start, end)
    if job is None:
        check_inside(start, end, services().data.extent())
        ids = {"request_id": g.request_id, "trace_id": g.trace_id}
        job = submission.submit(start, end, key=key, **ids)
    g.job_id = job["id"]
    return job, 202, {"Location": f"/jobs/{job['id']}"}


@routes.get("/jobs")
def list_jobs() -> Response:
    """Every job by id, or those with a status; limit and cursor give pages."""
    status = read_choice("status", tuple(Status))
    if not request.args.keys() & {"limit", "cursor"}:
        return jsonify(services().jobs.all(status))
    limit, after = read_number("limit", 1, LARGEST_PAGE, 100), read_number("cursor", 0, 2**53, 0)
    found, more = services().jobs.page(limit, after, status)
    response = jsonify(found)
    if more is not None:
        query = {"limit": limit, "cursor": more} | ({"status": status} if status else {})
        response.headers["Link"] = f'</jobs?{urlencode(query)}>; rel="next"'
    return response


@routes.delete("/jobs")
def delete_jobs() -> dict[str, int]:
    """Delete every job with its result and plot."""
    return {"deleted": services().jobs.delete_all()}


@routes.get("/jobs/<id>")
def show_job(id: str) -> dict[str, str | None]:
    """The whole record of a job."""
    return services().jobs.get(id)


@routes.delete("/jobs/<id>")
def delete_job(id: str) -> tuple[str, int]:
    """Delete a job with its result and plot; it does not come back."""
    services().jobs.delete(id)
    return "", 204


@routes.get("/results/<id>")
def show_result(id: str) -> Response:
    """The figures that a job computed."""
    return unless_known(Response(services().jobs.result(id), mimetype="application/json"))


@routes.get("/download/<id>")
def download_plot(id: str) -> Response:
    """The plot that a job drew, as PNG."""
    image, name = services().jobs.plot(id)
    response = Response(image, mimetype="image/png")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return unless_known(response)


def unless_known(response: Response) -> Response:
    """The response with its ETag, or 304 if If-None-Match says that the client has it."""
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"  # kept, but asked for each time
    response.make_conditional(request)
    return response


def describe_routes(app: Flask) -> list[dict[str, str]]:
    """Method, path and summary of each route, from the URL map and the docstrings of the views."""
    return [
        {"method": method, "path": rule.rule, "summary": summary.strip().partition("\n")[0]}
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if rule.endpoint != "static"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        for summary in [app.view_functions[rule.endpoint].__doc__ or ""]
    ]


def render_metrics(totals: dict[str, int], gauges: dict[str, int]) -> str:
    """The Prometheus text for counters `weather_jobs_<name>_total` and gauges `weather_<name>`."""
    lines = []
    for name, value in totals.items():
        metric = f"weather_jobs_{ {'complete': 'completed'}.get(name, name) }_total"
        lines += [f"# TYPE {metric} counter", f"{metric} {value}"]
    for name, value in gauges.items():
        lines += [f"# TYPE weather_{name} gauge", f"weather_{name} {value}"]
    return "\n".join(lines) + "\n"
