"""Requests to an API server, and its refusals as errors of this package."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import urllib3

from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError

__all__ = ["Connection", "cluster_error"]

# Added because the API server names `get` alone, and no verb where `create` is missing.
EXEC_RIGHTS = " (a command in a pod needs the verbs get and create of pods/exec)"


@dataclass(frozen=True)
class Connection:
    """An API server and what a request to it needs; `authorization` may renew its token."""

    server: str
    context: str
    namespace: str
    pool: urllib3.PoolManager
    authorization: Callable[[], str | None]

    def request(
        self,
        method: str,
        path: str,
        seconds: float | tuple[float, float],
        body: object = None,
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer of the API server, with its body not yet read."""
        connect, read = seconds if isinstance(seconds, tuple) else (None, None)
        total = None if isinstance(seconds, tuple) else seconds
        sent = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": accept, "Content-Type": sent}
        with self.errors():
            if token := self.authorization():
                headers["Authorization"] = token
            answer = self.pool.request(
                method,
                self.server + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(total, connect, read),
                preload_content=False,
            )
            if not 200 <= answer.status < 300:
                raise cluster_error(answer.status, answer.data, answer.reason)
        return answer

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the exceptions of urllib3 into ours."""
        try:
            yield
        except urllib3.exceptions.SSLError as error:  # the TLS handshake failed
            raise cluster_error(0, None, f"SSLError\n{error}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            text = f"the API server {self.server} does not answer: {error}"
            raise ClusterError(text) from error


def cluster_error(status: int | None, body: object, reason: object) -> ClusterError:
    """Return the error that a refusal of the API server stands for."""
    more = ""
    if not status:
        status, told = _read_handshake(str(reason))
        body = told or body
        more = EXEC_RIGHTS if status == HTTPStatus.FORBIDDEN else ""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        message = json.loads(str(text))["message"]
    except (TypeError, ValueError, KeyError):
        message = text or reason or "no reason given"
    said = f"the API server refused ({status}): {str(message).strip()}{more}"
    if status == 404:
        return GoneError(said, 404)
    if status == 400:
        return NotReadyError(said, 400)
    return ClusterError(said, status)


def _read_handshake(reason: str) -> tuple[int, str]:
    """Return status and body of a refused websocket, which the client puts into a text."""
    match = re.match(r"Handshake status (\d{3})", reason)
    return (int(match[1]), reason.rpartition(" -+-+- ")[2]) if match else (0, "")
