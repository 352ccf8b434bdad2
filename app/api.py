"""The HTTP API: the application and the routes about the service itself.

A plain WSGI application; `python -m app.server` serves it.
"""

from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request

from app import edge
from app.data_sets import DataSets
from app.intake import check_query
from app.job_queue import JobQueue
from app.jobs import Jobs
from app.routes import Services, of_all, of_one, services
from app.settings import Settings
from app.store import connect
from app.telemetry import configure_logging

HERE = Path(__file__).parent

PARAMETERS = {"list_jobs": ("limit", "cursor", "status"), "put_data_set": ("ttl",)}
"""The query parameters of the views that take any."""

of_service = Blueprint("service", __name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; `settings` None means those of the environment.

    Raises SettingsError. Does not connect: Redis may come later.
    """
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_level)
    redis = connect(settings.redis_url, timeout=settings.redis_timeout)
    queue = JobQueue(redis, settings)
    app = Flask("app", static_folder=str(HERE / "web"), static_url_path="/web")
    app.extensions["weather"] = Services(settings, redis, queue, DataSets(redis, queue, settings))
    edge.install(app)
    app.before_request(refuse_unknown_parameters)
    for blueprint in (of_service, of_one, of_all):
        app.register_blueprint(blueprint)
    app.register_blueprint(of_one, name="named", url_prefix="/datasets/<name>")
    return app


def refuse_unknown_parameters() -> None:
    """Refuse a query that would be ignored, which looks like an answer to it."""
    if request.blueprint is not None:
        view = (request.endpoint or "").rpartition(".")[2]
        check_query(PARAMETERS.get(view, ()))


@of_service.get("/")
def page() -> Response:
    """The web page: load data, submit jobs, see results."""
    return current_app.send_static_file("index.html")


@of_service.get("/help")
def show_help() -> dict[str, object]:
    """Every route with its method and a line about it."""
    return {"routes": describe_routes(current_app)}


@of_service.get("/openapi.json")
def openapi() -> Response:
    """The description of this API in the OpenAPI format."""
    return Response((HERE / "openapi.json").read_bytes(), mimetype="application/json")


@of_service.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process answers; looks at nothing else."""
    return {"status": "ok"}


@of_service.get("/readyz")
def readyz() -> dict[str, str]:
    """Whether Redis answers, so that requests make sense."""
    services().redis.ping()
    return {"status": "ready"}


@of_service.get("/metrics")
def metrics() -> Response:
    """Totals and gauges in the Prometheus text format, counted in Redis for all processes."""
    totals = Jobs(services().redis).totals()
    gauges = {
        "queue_length": len(services().queue),
        "jobs_in_progress": services().queue.in_progress(),
    }
    text = render_metrics(totals, gauges)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


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
