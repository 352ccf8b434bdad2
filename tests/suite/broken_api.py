"""The real API with one fault: what the suite must notice. Each fault is a small function.

`BROKEN=<name> python -m app.server --app tests.suite.broken_api:create_app` serves one.
"""

import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from app.api import create_app as create_healthy_app
from tests.suite.broken_data_sets import DATA_SET_FAULTS
from tests.suite.fault import Api, Fault, asks, base, changed, each_listed


def healthy(request: Request, api: Api) -> Response:
    """No fault: what the suite must pass."""
    return api.answer(request)


def wrong_status_code(request: Request, api: Api) -> Response:
    """A submission answers 200 instead of 202."""
    response = api.answer(request)
    if response.status_code == 202:
        response.status_code = 200
    return response


def list_instead_of_object(request: Request, api: Api) -> Response:
    """`GET /jobs` is a list of the jobs without their ids."""
    response = api.answer(request)
    if asks(request, "GET", "/jobs"):
        return changed(response, lambda jobs: list(jobs.values()))
    return response


def three_keys(request: Request, api: Api) -> Response:
    """Each listed job has a key too many."""
    return each_listed(request, api, lambda job: {**job, "worker": "w1"})


def integer_status(request: Request, api: Api) -> Response:
    """Each listed job has a number for its status."""
    return each_listed(request, api, lambda job: {**job, "status": 2})


def html_errors(request: Request, api: Api) -> Response:
    """Every error is a page of HTML, as a framework makes it by itself."""
    response = api.answer(request)
    if response.status_code >= 400:
        response.set_data(f"<!doctype html><title>{response.status}</title>")
        response.content_type = "text/html; charset=utf-8"
    return response


def job_never_completes(request: Request, api: Api) -> Response:
    """Jobs go to a queue that no worker looks at: see QUEUES."""
    return api.answer(request)


def result_of_another_job(request: Request, api: Api) -> Response:
    """Every result is that of the newest job, under the id that was asked for."""
    response = api.answer(request)
    if asks(request, "POST", "/jobs") and response.status_code == 202:
        api.memory["newest"] = json.loads(response.get_data())["id"]
    if asks(request, "GET", "/results/.*") and response.status_code == 200:
        other = api.ask("GET", f"{base(request)}/results/{api.memory['newest']}")
        if other.status_code == 200:
            result = json.loads(other.get_data())
            return changed(response, lambda own: {**result, "id": own["id"]})
    return response


def truncated_png(request: Request, api: Api) -> Response:
    """The last bytes of every plot are missing, and its length says so."""
    response = api.answer(request)
    if response.content_type == "image/png":
        response.set_data(response.get_data()[:-40])
    return response


def delete_that_does_not(request: Request, api: Api) -> Response:
    """Deleting a job answers 204 and does nothing."""
    if asks(request, "DELETE", "/jobs/.+") and api.ask("GET", request.path).status_code == 200:
        return Response(status=204, headers={"X-Request-ID": "none"})
    return api.answer(request)


def data_not_replaced(request: Request, api: Api) -> Response:
    """A data set that is sent while another is loaded is acknowledged and thrown away."""
    path = f"{base(request)}/data"
    loaded = api.ask("GET", path)
    response = api.answer(request)
    if asks(request, "POST", "/data") and response.status_code == 201 and loaded.status_code == 200:
        days = json.loads(loaded.get_data())["days"]
        columns = list(days[0])
        lines = [",".join(columns), *(",".join(str(day[key]) for key in columns) for day in days)]
        api.ask("POST", path, data="\n".join(lines), content_type="text/csv")
    return response


def time_without_zone(request: Request, api: Api) -> Response:
    """Times do not say that they are UTC."""
    response = api.answer(request)
    response.set_data(response.get_data().replace(b"+00:00", b""))
    return response


def wrong_mean(request: Request, api: Api) -> Response:
    """The mean temperature is the middle between the extremes, not the mean of the days."""

    def middle(result: Any) -> Any:
        temperature = result["temperature"]
        temperature["mean"] = round((temperature["min"] + temperature["max"]) / 2, 2)
        return result

    response = api.answer(request)
    has_body = asks(request, "GET", "/results/.*") and response.status_code == 200
    return changed(response, middle) if has_body else response


def page_loses_a_job(request: Request, api: Api) -> Response:
    """Every page but the first lacks its first job."""
    response = api.answer(request)
    if asks(request, "GET", "/jobs") and "cursor" in request.args:
        return changed(response, lambda jobs: dict(list(jobs.items())[1:]))
    return response


def refused_job_is_made(request: Request, api: Api) -> Response:
    """A submission with a bad date is refused, and a job is made of it all the same."""
    response = api.answer(request)
    if asks(request, "POST", "/jobs") and response.status_code == 422:
        extent = json.loads(api.ask("GET", f"{base(request)}/data").get_data())
        body = {"start": extent["first"], "end": extent["first"]}
        headers = {"X-Request-ID": request.headers.get("X-Request-ID", "")}
        api.ask("POST", f"{base(request)}/jobs", json=body, headers=headers)
    return response


def query_is_ignored(request: Request, api: Api) -> Response:
    """Only the parameters of paging are read, all others are ignored."""
    kept = {key: request.args[key] for key in ("limit", "cursor") if key in request.args}
    request.environ["QUERY_STRING"] = urlencode(kept)
    return api.answer(request)


def last_key_wins(request: Request, api: Api) -> Response:
    """A key that is there twice has its last value."""
    if asks(request, "POST", "/jobs"):
        with suppress(ValueError):
            sent = request.get_data()
            body = json.dumps(json.loads(sent)).encode().ljust(len(sent))
            request.environ["wsgi.input"] = io.BytesIO(body)
            request.environ["CONTENT_LENGTH"] = str(len(body))
    return api.answer(request)


def etag_is_ignored(request: Request, api: Api) -> Response:
    """What the client has is sent again."""
    request.environ.pop("HTTP_IF_NONE_MATCH", None)
    return api.answer(request)


def key_is_ignored(request: Request, api: Api) -> Response:
    """A submission that is sent again makes another job."""
    request.environ.pop("HTTP_IDEMPOTENCY_KEY", None)
    return api.answer(request)


def trace_is_lost(request: Request, api: Api) -> Response:
    """The trace header of the caller does not reach the application."""
    request.environ.pop("HTTP_TRACEPARENT", None)
    return api.answer(request)


def malformed_csv_wipes_the_data(request: Request, api: Api) -> Response:
    """A refused CSV takes the loaded data set with it."""
    response = api.answer(request)
    if asks(request, "POST", "/data") and response.status_code == 422:
        api.ask("DELETE", f"{base(request)}/data")
    return response


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        healthy,
        wrong_status_code,
        list_instead_of_object,
        three_keys,
        integer_status,
        html_errors,
        job_never_completes,
        result_of_another_job,
        truncated_png,
        delete_that_does_not,
        data_not_replaced,
        time_without_zone,
        wrong_mean,
        page_loses_a_job,
        refused_job_is_made,
        query_is_ignored,
        last_key_wins,
        etag_is_ignored,
        key_is_ignored,
        trace_is_lost,
        malformed_csv_wipes_the_data,
        *DATA_SET_FAULTS,
    )
}

QUEUES = {"job_never_completes": "nobody"}
"""The queue of a variant, where it is not the worker's."""


def create_app() -> WSGIApplication:
    """The API with the fault that the environment variable BROKEN names."""
    fault = FAULTS[os.environ["BROKEN"]]
    api = Api(create_healthy_app())

    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return fault(Request(environ), api)(environ, start_response)

    return broken
