"""Checks a target from outside the cluster, through the API server's Service proxy."""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.diagnosis.rules.dependencies import read_host
from pytest_k8s_job.diagnosis.rules.target import PORTS
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.errors import ClusterError, UsageError
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["check_through_api", "place_of"]

PREFIX = re.compile(r"the API server refused \(\d+\): (?:error trying to reach service: )?")
# The API server's words when it does not reach the target -> stage and error of the result.
SIGNS = (
    # Also when there is no such Service, which the snapshot knows better.
    (
        r"no endpoints available|services \"[^\"]+\" not found|connection refused",
        "connect",
        "connection refused",
    ),
    (r"tls: |x509: |malformed HTTP response|server gave HTTP response", "tls", ""),
    (r"connection reset|EOF", "connect", "connection reset"),
    (r"i/o timeout|deadline exceeded|no route to host", "connect", "timeout"),
)


def place_of(url: str, namespace: str) -> tuple[str, str]:
    """Return Service and namespace of a URL, as seen from `namespace`."""
    name = urlsplit(url).hostname or ""
    inside = name.endswith((".svc", ".cluster.local"))
    parts = name.split(".")
    known = [{"metadata": {"name": parts[1]}}] if len(parts) == 2 and not inside else []
    host = read_host(name, Snapshot(namespace, objects={"namespaces": [*known]}))
    if host is None:
        raise UsageError(f"{url!r} does not name a Service, as http://NAME.NAMESPACE.svc/ does")
    return host.service, host.namespace


def check_through_api(reader: Reader, url: str, namespace: str) -> TargetCheckResult:
    """Request `url` once, through the proxy of its Service."""
    service, home = place_of(url, namespace)
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme, 80)
    scheme = "https:" if parts.scheme == "https" else ""
    path = f"/api/v1/namespaces/{home}/services/{scheme}{service}:{port}/proxy{parts.path or '/'}"
    began = time.monotonic()
    try:
        reader.read(path, "*/*")
    except ClusterError as error:
        return _result(url, error, time.monotonic() - began)
    return TargetCheckResult(url, "ok", status=200, source="api", seconds=time.monotonic() - began)


def _result(url: str, error: ClusterError, seconds: float) -> TargetCheckResult:
    text = PREFIX.sub("", str(error))
    ours = "error trying to reach service" in str(error) or "no endpoints available" in text
    if ours or error.status in (0, 404):
        for sign, stage, meaning in SIGNS:
            match = re.search(sign, text)
            if match is not None:
                return TargetCheckResult(url, stage, meaning or text, source="api", seconds=seconds)
    if error.status == 0:
        return TargetCheckResult(url, "connect", "timeout", source="api", seconds=seconds)
    return TargetCheckResult(url, "http", text, error.status, source="api", seconds=seconds)
