"""Posts a verdict to a URL: documented JSON, signed, tried again, bounded in time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import queue
import random
import threading
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.validation.events import verdict_text
from pytest_k8s_job.validation.record import Validation

__all__ = ["SIGNATURE", "TIMESTAMP", "VERSION", "check_url", "notice", "notify"]

VERSION = 1  # of the JSON; raised when a field changes its meaning or goes
TIMESTAMP = "X-K8s-Job-Timestamp"
SIGNATURE = "X-K8s-Job-Signature"
TRIES = 4
SECONDS = 10.0  # of silence that end one try
MOST_SECONDS = 60.0  # for all tries, names and TLS included; the caller goes on then
PAUSE = 1.0  # seconds at most before the second try; twice as long before each one after it
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that may be another one later


def notify(url: str, validation: Validation, secret: bytes | None) -> str:
    """Post the verdict; return "" or why that failed.

    It takes a minute at most, shows no credentials of the URL, and raises UsageError only for a URL
    that is none.
    """
    check_url(url)
    body = json.dumps(notice(validation)).encode()
    answers: queue.Queue[str] = queue.Queue()
    # A thread, because no time-out of a socket covers names that do not resolve and slow headers.
    work = threading.Thread(target=lambda: answers.put(_deliver(url, body, secret)), daemon=True)
    work.start()
    try:
        failed = answers.get(timeout=MOST_SECONDS)
    except queue.Empty:
        failed = f"no answer within {MOST_SECONDS:.0f} s"
    return f"{_shown(url)} was not notified: {failed}" if failed else ""


def notice(validation: Validation) -> dict[str, Any]:
    """Return what is posted: the verdict, with a line of text for people."""
    return {"version": VERSION, "text": verdict_text(validation), **validation.as_json()}


def check_url(url: str) -> None:
    """Raise UsageError for what is no URL of HTTP, without showing it."""
    remedy = "write it as https://hooks.example.com/path"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (raises for a port that is no number)
    except ValueError:
        raise UsageError(f"the URL to notify is none; {remedy}") from None
    wrong = any(char.isspace() or not char.isprintable() for char in url)
    if parts.scheme not in ("http", "https") or not parts.hostname or wrong:
        raise UsageError(f"the URL to notify is not one of HTTP; {remedy}")


def _deliver(url: str, body: bytes, secret: bytes | None) -> str:
    """Try until it is taken, refused, or tried often enough; return why it failed."""
    failed, pause = "", PAUSE
    for number in range(TRIES):
        if number:
            time.sleep(random.uniform(0, pause))  # noqa: S311 (spreads retries, keeps no secret)
            pause *= 2
        try:
            _post(url, body, secret)
        except urllib.error.HTTPError as error:
            failed = f"it answered {error.code}"
            error.close()
            if 300 <= error.code < 400:
                return f"{failed}, and redirects are not followed; name the final URL"
            if error.code not in AGAIN:
                return failed
        except Exception as error:  # whatever it is, no verdict waits for it
            failed = _reason(error)
        else:
            return ""
    return f"{failed}, {TRIES} times"


def _post(url: str, body: bytes, secret: bytes | None) -> None:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "pytest-k8s-job",
        "Idempotency-Key": hashlib.sha256(body).hexdigest()[:32],
        TIMESTAMP: str(int(time.time())),
    }
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if secret is not None:
        signed = headers[TIMESTAMP].encode() + b"." + body
        headers[SIGNATURE] = f"sha256={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"
    target = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    request = urllib.request.Request(target, body, headers, method="POST")  # noqa: S310 (checked)
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(request, timeout=SECONDS):
        return  # what the answer says is of no use here


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the answer: the verdict goes to the named host, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _reason(error: Exception) -> str:
    """Return why a try failed. The error's own text may hold the URL."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    if isinstance(cause, http.client.RemoteDisconnected | ConnectionResetError):
        return "it closed the connection without an answer"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause).__name__


def _shown(url: str) -> str:
    """Return scheme and host: the path of a webhook is its password."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"
