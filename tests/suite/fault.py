"""What faults are made of: the healthy API behind them, and ways to change its answers."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response


@dataclass
class Api:
    """The healthy application behind a fault."""

    app: WSGIApplication
    memory: dict[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        """What the healthy application answers to this request."""
        return Response.from_app(self.app, request.environ, buffered=True)

    def ask(self, method: str, path: str, **options: Any) -> Response:
        """What the healthy application answers to a request of the fault's own."""
        return Client(self.app, Response).open(path, method=method, **options)


NAMED = "/datasets/[^/]+"
"""The paths of a named data set begin like this."""

Fault = Callable[[Request, Api], Response]


def changed(response: Response, change: Callable[[Any], Any]) -> Response:
    """The response with its JSON changed; errors stay as they are."""
    if response.status_code < 400:
        response.set_data(json.dumps(change(json.loads(response.get_data()))))
    return response


def asks(request: Request, method: str, pattern: str) -> bool:
    """Whether the request is of this method and its path in a data set matches as a whole."""
    return (
        request.method == method and re.fullmatch(f"({NAMED})?{pattern}", request.path) is not None
    )


def base(request: Request) -> str:
    """What the path of the request begins with: that of a named data set, or nothing."""
    found = re.match(NAMED, request.path)
    return found[0] if found else ""


def each_listed(request: Request, api: Api, change: Callable[[Any], Any]) -> Response:
    """The healthy answer, with each job of `GET /jobs` changed."""
    response = api.answer(request)
    if not asks(request, "GET", "/jobs"):
        return response
    return changed(response, lambda jobs: {key: change(job) for key, job in jobs.items()})
