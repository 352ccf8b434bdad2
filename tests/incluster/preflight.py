"""Whether the service answers at all: one look, and a sentence about what was seen.

Forty tests against a service that is not there give forty errors and hide the one cause.
"""

import socket
import time
from collections.abc import Callable

import requests

from .client import Api
from .settings import Settings

PATIENCE = 3.0
"""Seconds of silent waiting; after them a reader wonders what goes on."""

INTERVAL = 0.5
"""Seconds between two tries."""


def wait_for_service(api: Api, say: Callable[[str], None]) -> str | None:
    """Wait until `GET /readyz` is 200 and return None, or a line that says why it never was."""
    settings = api.settings
    begin = time.monotonic()
    told = False
    while True:
        waited = time.monotonic() - begin
        seen = look(api)
        if seen is None:
            return None
        if waited >= settings.wait:
            return _refusal(settings, seen, waited)
        if waited >= PATIENCE and not told:
            say(f"waiting for {settings.url}/readyz, up to {settings.wait:g} s: {seen}")
            told = True
        time.sleep(min(INTERVAL, settings.wait - waited))


def look(api: Api) -> str | None:
    """Ask once whether the service is ready; None if it is, else what was seen instead."""
    try:
        answer = api.get("/readyz")
    except requests.Timeout:
        return f"no answer within {api.settings.timeout:g} s"
    except requests.ConnectionError as error:
        return _cause(error, api.settings.address[0])
    except requests.RequestException as error:
        return f"no usable answer ({error})"
    if answer.status_code == 200:
        return None
    return f"HTTP {answer.status_code}: {_detail(answer)}"


def _cause(error: BaseException, host: str) -> str:
    """The innermost reason of a failed connection, in words."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, socket.gaierror):
            return f"the name {host} is not resolved ({link.strerror})"
        if isinstance(link, ConnectionRefusedError):
            return "connection refused"
        if isinstance(link, OSError) and link.strerror:
            return link.strerror.lower()
        inner = link.args[0] if link.args else None
        reason = getattr(inner, "reason", None) or getattr(link, "reason", None) or inner
        link = link.__cause__ or (reason if isinstance(reason, BaseException) else None)
    return " ".join(str(error).split())


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.text.split())[:120] or "an empty body"


def _refusal(settings: Settings, seen: str, waited: float) -> str:
    remedy = (
        "start it with `make serve` in another terminal, or set API_URL"
        if settings.local
        else "is it deployed there, and its pods ready? API_URL names another address,"
        " API_WAIT=seconds waits longer"
    )
    time_waited = f"after {waited:.0f} s of waiting" if waited >= 1 else "at the first try"
    return f"no test was run: {settings.url}/readyz: {seen}, {time_waited}; {remedy}"
