"""Attaches the HTTP exchanges of a failed test to its report.

Only what the suite has imported itself is watched: `requests`. Standard library and pytest only:
this runs in the pod. What proves an identity is masked here and never leaves the pod.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

from pytest_k8s_job.wire.records import EXCHANGES_TITLE, MASK

__all__ = ["watch"]

KEPT = 3  # exchanges that a failed test shows: the last
BODY_LIMIT = 800  # characters of a body
VALUE_LIMIT = 200  # characters of a header's value
_SECRET = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def watch(config: pytest.Config) -> None:
    """Note the exchanges of each test, if the suite has imported `requests`."""
    if "requests.sessions" in sys.modules:
        log = _ExchangeLog(sys.modules["requests.sessions"].Session)
        config.pluginmanager.register(log, "k8s_job_exchanges")


class _ExchangeLog:
    """The plugin that keeps the last exchanges of the running test."""

    def __init__(self, session: Any) -> None:
        self._last: deque[Callable[[], str]] = deque(maxlen=KEPT)
        self._count = 0
        self._seen: object = None
        self._lock = threading.Lock()
        self._tap(session)

    def pytest_runtest_logstart(self) -> None:
        """Forget the exchanges of the test before."""
        self._last.clear()
        self._count, self._seen = 0, None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the exchanges to a failed report."""
        report = yield
        if report.failed and self._last:
            report.sections.append((EXCHANGES_TITLE, self._text()))
        return report

    def _text(self) -> str:
        shown = [describe() for describe in list(self._last)]
        left_out = self._count - len(shown)
        head = [f"[{left_out} earlier exchanges are not shown]"] if left_out > 0 else []
        return "\n\n".join([*head, *shown])

    def _tap(self, session: Any) -> None:
        send = session.send

        @functools.wraps(send)
        def noting(this: Any, request: Any, **options: Any) -> Any:
            __tracebackhide__ = True  # a failure looks as it would without us
            began = time.time()
            try:
                response = send(this, request, **options)
            except Exception as error:
                self._note(error, functools.partial(_failed, request, error, began))
                raise
            self._note(response, functools.partial(_answered, response, began))
            return response

        session.send = noting

    def _note(self, what: object, describe: Callable[[], str]) -> None:
        with self._lock:
            if what is self._seen:  # a redirect was followed: the last answer is the outer one's
                return
            self._seen = what
            self._count += 1
            self._last.append(describe)


def _failed(request: Any, error: Exception, began: float) -> str:
    return f"{_asked(request, began)}\n< {type(error).__name__}: {_cut(str(error), BODY_LIMIT)}"


def _answered(response: Any, began: float) -> str:
    # Reading `content` would consume a stream that is the test's; so look whether it was read.
    body = getattr(response, "_content", None)
    shown = _body(body, "<") if isinstance(body, bytes) else ["< (a stream)"]
    seconds = response.elapsed.total_seconds()
    status = f"< {response.status_code} {response.reason} in {seconds:.3f} s"
    return "\n".join(
        [_asked(response.request, began), status, *_headers(response.headers, "<"), *shown]
    )


def _asked(request: Any, began: float) -> str:
    clock = time.strftime("%H:%M:%S", time.gmtime(began))
    first = f"{clock} {request.method} {_USER.sub(MASK, str(request.url))}"
    body = request.body
    shown = _body(body, ">") if body is None or isinstance(body, str | bytes) else ["> (a stream)"]
    return "\n".join([first, *_headers(request.headers, ">"), *shown])


def _headers(headers: Mapping[str, Any], sign: str) -> list[str]:
    return [
        f"{sign} {name}: {MASK if _SECRET.search(str(name)) else _header_value(value)}"
        for name, value in headers.items()
    ]


def _header_value(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return _cut(text, VALUE_LIMIT)


def _body(body: str | bytes | None, sign: str) -> list[str]:
    if not body:
        return []
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if "\0" in text:
        return [f"{sign} ({len(body)} bytes that are no text)"]
    return [f"{sign} {line}" for line in _cut(text, BODY_LIMIT).splitlines()]


def _cut(text: str, limit: int) -> str:
    left_out = len(text) - limit
    return text if left_out <= 0 else f"{text[:limit]} [... {left_out} characters left out]"
