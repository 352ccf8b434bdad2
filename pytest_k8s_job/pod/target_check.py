"""Requests the target once from inside the pod, before the first test.

Forty tests against a service that is not there give forty errors and hide the one cause. Off
unless the ini value `k8s_target_url` is set. Standard library and pytest only: this runs in the
pod. What was seen travels as the message with which pytest is left.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["NOT_RUN", "TargetCheck", "request_target"]

NOT_RUN = 10  # exit code of a run whose tests never started
SECONDS = 5.0  # for one try
INTERVAL = 0.5  # seconds between two tries
PORTS = {"http": 80, "https": 443}


class TargetCheck:
    """The plugin that leaves pytest if the target does not answer in time."""

    def __init__(self, config: pytest.Config) -> None:
        base = os.path.expandvars(str(config.getini("k8s_target_url"))).rstrip("/")
        path = str(config.getini("k8s_target_ready"))
        self.url = f"{base}/{path.lstrip('/')}" if base else ""
        self._wait = float(config.getini("k8s_target_wait"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Leave pytest before the first test if the target does not answer in time."""
        if not self.url or not session.items or session.config.option.collectonly:
            return
        end = time.monotonic() + self._wait
        while (result := request_target(self.url)).stage != "ok":
            if time.monotonic() >= end:
                pytest.exit(result.encode(), returncode=NOT_RUN)
            time.sleep(INTERVAL)


def request_target(url: str) -> TargetCheckResult:
    """Try once: resolve, connect, shake hands, GET; return how far that came."""
    parts = urlsplit(url)
    began = time.monotonic()
    seen: dict[str, Any] = {"url": url, "stage": "resolve", "error": "", "status": 0}
    try:
        port = parts.port or PORTS.get(parts.scheme, 80)
        address = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0]
        seen["stage"] = "connect"
        with socket.create_connection((str(address[4][0]), port), SECONDS) as plain:
            seen["stage"] = "tls" if parts.scheme == "https" else "answer"
            with _secured(plain, parts.hostname or "", parts.scheme) as channel:
                seen["stage"] = "answer"
                seen |= _ask(channel, parts.netloc, parts.path or "/")
    except (OSError, http.client.HTTPException) as error:
        seen["error"] = _words(error)
    seconds = round(time.monotonic() - began, 2)
    return TargetCheckResult(**seen, pod=socket.gethostname(), seconds=seconds)


def _secured(plain: socket.socket, host: str, scheme: str) -> socket.socket:
    if scheme != "https":
        return plain
    context = ssl.create_default_context()
    # The tests may trust an authority that we do not know: only the handshake is tried.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


def _ask(channel: socket.socket, host: str, path: str) -> dict[str, Any]:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    channel.sendall(request.encode("ascii", "replace"))
    answer = http.client.HTTPResponse(channel)
    answer.begin()
    body = answer.read(300).decode("utf-8", "replace")
    if answer.status < 400:
        return {"stage": "ok", "status": answer.status}
    return {"stage": "http", "status": answer.status, "error": " ".join(body.split())}


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed"
    return str(error)
