"""Runs `k8s-job` and writes down each request that it sends, but not those of its children.

`python -m tests.deploys.counted FILE watch ...` appends a line to FILE for each: `list pods`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import urllib3

from pytest_k8s_job.cli.main import main
from tests.bench.request_count import kind_of

__all__ = ["count_requests"]


def count_requests(name: str) -> None:
    """Count the requests where urllib3 sends them, below the Kubernetes client."""
    send = urllib3.HTTPConnectionPool.urlopen
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def counted(pool: urllib3.HTTPConnectionPool, method: str, url: str, **more: Any) -> Any:
        os.write(file, f"{kind_of(method, url)}\n".encode())
        return send(pool, method, url, **more)

    urllib3.HTTPConnectionPool.urlopen = counted  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    count_requests(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
