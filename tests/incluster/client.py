"""The session that every test speaks through, and the checks that explain a wrong answer."""

import os
import secrets
from collections import deque
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from .settings import Settings

EXCERPT = 600
"""Characters of a body that a failure shows: a problem fits whole, a page does not."""

CONNECTIONS = 20
"""Connections kept open: as many as the burst test uses at once."""

REMEMBERED = 8
"""Exchanges that a failure lists: enough to see what a test did before it failed."""

LAST_REQUEST = {"Connection": "close"}
"""Headers for a body that will be refused unread: the server closes such a connection, and the
next request must not meet it while it does."""

PROBLEM_KEYS = {"type", "title", "status", "detail", "instance", "request_id"}


class Trace:
    """The trace id of a test, and the last requests that were sent under it."""

    def __init__(self) -> None:
        self.trace_id = secrets.token_hex(16)
        self._exchanges: deque[tuple[str, int, str]] = deque(maxlen=REMEMBERED)

    def begin(self) -> None:
        """Give the requests that follow a trace id of their own, and forget those before."""
        self.trace_id = secrets.token_hex(16)
        self._exchanges.clear()

    def header(self) -> str:
        """The W3C trace header: the one set from outside for this test, else our own."""
        return os.environ.get("TRACEPARENT") or f"00-{self.trace_id}-{secrets.token_hex(8)}-01"

    def remember(self, what: str, detail: str) -> None:
        """Keep an exchange for the history."""
        times = 1
        if self._exchanges and self._exchanges[-1][0] == what:
            times += self._exchanges.pop()[1]
        self._exchanges.append((what, times, detail))

    def history(self) -> str:
        """The last requests of this test and its trace id; a repeated one stands there once."""
        lines = [
            f"{what}{f', {times} times, the last' if times > 1 else ''} {detail}"
            for what, times, detail in self._exchanges
        ]
        return "\n".join([*lines, f"trace id {self.header().split('-')[1]}"])


class Api(requests.Session):
    """A session with base address, time-out and trace header.

    Redirects are not followed: what the service answers is what a test sees.
    """

    def __init__(self, settings: Settings, base: str = "", trace: Trace | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.base = base
        self.trace = trace or Trace()
        self.trust_env = False  # a proxy of the environment does not know the cluster's names
        self.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))

    def of_data_set(self, name: str) -> "Api":
        """A session for the routes of the data set of this name, with the same trace."""
        return Api(self.settings, f"/datasets/{name}", self.trace)

    def request(  # type: ignore[override]
        self, method: str, path: str, **options: Any
    ) -> requests.Response:
        """Send one request; `path` starts with a slash and is below the base address."""
        path = self.base + path
        options["headers"] = {"traceparent": self.trace.header()} | (options.get("headers") or {})
        options.setdefault("timeout", self.settings.timeout)
        options.setdefault("allow_redirects", False)
        try:
            answer = super().request(method, self.settings.url + path, **options)
        except requests.RequestException as error:
            self.trace.remember(f"{method} {path}: {type(error).__name__}", str(error))
            raise
        request_id = answer.headers.get("X-Request-ID", "missing")
        seconds = answer.elapsed.total_seconds()
        self.trace.remember(
            f"{method} {path}: {answer.status_code}", f"in {seconds:.3f} s, request id {request_id}"
        )
        return answer


def describe(answer: requests.Response) -> str:
    """All that a reader of a failure needs: question, status, ids to look up, body."""
    request = answer.request
    headers = answer.headers
    body = answer.text
    if len(body) > EXCERPT:
        body = f"{body[:EXCERPT]} ... ({len(answer.content)} bytes in all)"
    return (
        f"{request.method} {request.url} answered {answer.status_code} {answer.reason},"
        f" {headers.get('Content-Type', 'no content type')}\n"
        f"request id {headers.get('X-Request-ID', 'missing')},"
        f" traceparent {request.headers.get('traceparent')}\n"
        f"body: {body or '(empty)'}"
    )


def expect(answer: requests.Response, status: int) -> requests.Response:
    """Return the answer if it has this status, else fail with its description."""
    __tracebackhide__ = True
    if answer.status_code != status:
        raise AssertionError(f"expected status {status}: {describe(answer)}")
    return answer


def json_of(answer: requests.Response, status: int = 200) -> Any:
    """Return the decoded body of an answer that has this status and is JSON."""
    __tracebackhide__ = True
    expect(answer, status)
    try:
        return answer.json()
    except requests.JSONDecodeError as error:
        raise AssertionError(f"the body is not JSON ({error}): {describe(answer)}") from None


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    """Return the error of an answer that must be a problem (RFC 9457) with this status."""
    __tracebackhide__ = True
    body = json_of(answer, status)
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if kind != "application/problem+json":
        raise AssertionError(f"an error must be application/problem+json: {describe(answer)}")
    if not isinstance(body, dict) or not body.keys() >= PROBLEM_KEYS:
        raise AssertionError(f"a problem has {sorted(PROBLEM_KEYS)}: {describe(answer)}")
    if body["status"] != status or body["request_id"] != answer.headers.get("X-Request-ID"):
        raise AssertionError(f"the problem contradicts its own answer: {describe(answer)}")
    return body
