"""Faults of named data sets: something of one is seen, changed or deleted through another."""

import io
import json
import re

from werkzeug.wrappers import Request, Response

from tests.suite.fault import NAMED, Api, Fault, asks, base, changed


def named_deletion_takes_the_default(request: Request, api: Api) -> Response:
    """Deleting a named data set unloads the default one too."""
    response = api.answer(request)
    if request.method == "DELETE" and re.fullmatch(NAMED, request.path):
        api.ask("DELETE", "/data")
    return response


def bases(api: Api) -> list[str]:
    """What the paths of every data set begin with, of the default one too."""
    return ["", *(f"/datasets/{name}" for name in json.loads(api.ask("GET", "/datasets").data))]


def lists_hold_jobs_of_all_sets(request: Request, api: Api) -> Response:
    """Whichever data set is asked, its list has the jobs of all."""
    response = api.answer(request)
    if asks(request, "GET", "/jobs"):
        lists = [json.loads(api.ask("GET", f"{each}/jobs").data) for each in bases(api)]
        return changed(response, lambda own: own | {key: one[key] for one in lists for key in one})
    return response


def jobs_are_found_in_all_sets(request: Request, api: Api) -> Response:
    """A job's id is enough: in whichever data set it is asked for, it is shown or deleted."""
    response = api.answer(request)
    if re.search("/(jobs|results|download)/.+", request.path) and response.status_code == 404:
        path = request.path.removeprefix(base(request))
        tried = [api.ask(request.method, each + path) for each in bases(api)]
        return next((found for found in tried if found.status_code != 404), response)
    return response


def deleting_all_jobs_takes_those_of_all_sets(request: Request, api: Api) -> Response:
    """`DELETE` of the jobs of one named data set deletes those of the other named ones."""
    response = api.answer(request)
    if request.method == "DELETE" and re.fullmatch(f"{NAMED}/jobs", request.path):
        for each in bases(api)[1:]:
            api.ask("DELETE", f"{each}/jobs")
    return response


def sets_share_their_days(request: Request, api: Api) -> Response:
    """What is loaded into one named data set is loaded into all of them."""
    sent = request.get_data()
    request.environ["wsgi.input"] = io.BytesIO(sent)
    response = api.answer(request)
    if asks(request, "POST", "/data") and base(request) and response.status_code == 201:
        for each in bases(api)[1:]:
            api.ask("POST", f"{each}/data", data=sent, content_type=request.content_type)
    return response


def time_to_live_is_ignored(request: Request, api: Api) -> Response:
    """A data set that is to expire lives for ever."""
    if request.method == "PUT" and re.fullmatch("[1-9][0-9]{0,5}", request.args.get("ttl", "")):
        return api.ask("PUT", request.path)
    return api.answer(request)


def deleted_set_is_only_hidden(request: Request, api: Api) -> Response:
    """A data set that was deleted has its days again when it is made again."""
    if request.method == "DELETE" and re.fullmatch(NAMED, request.path):
        api.memory[request.path] = api.ask("GET", f"{request.path}/data").get_data(as_text=True)
    response = api.answer(request)
    if request.method == "PUT" and response.status_code == 201 and request.path in api.memory:
        api.ask("POST", f"{request.path}/data")
    return response


DATA_SET_FAULTS: tuple[Fault, ...] = (
    named_deletion_takes_the_default,
    lists_hold_jobs_of_all_sets,
    jobs_are_found_in_all_sets,
    deleting_all_jobs_takes_those_of_all_sets,
    sets_share_their_days,
    time_to_live_is_ignored,
    deleted_set_is_only_hidden,
)
