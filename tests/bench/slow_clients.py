"""How long others wait for the API while 600 clients hold connections and give nothing back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import requests

from tests.app.processes import free_port
from tests.app.slow_clients import crowd, percentile, times
from tests.bench.figures import Figure, ratio
from tests.bench.scene import Scene
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until

__all__ = ["slow_clients"]

CROWD = 200
REQUESTS = 300


def slow_clients(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare the p99 of GET /readyz beside 200 slow clients of each of three kinds and alone."""
    alone: list[float] = []
    beside: list[float] = []
    log = scene.folder / "serve.log"
    for _ in range(rounds):
        port = free_port()
        command = [sys.executable, "-m", "app.serve", "--port", str(port)]
        with log.open("w") as output:
            served = subprocess.Popen(
                command, cwd=CHECKOUT, env=os.environ, stdout=output, stderr=output
            )
        try:
            wait_until(log.read_text, 60, "the service", until=lambda text: "ready: http" in text)
            requests.post(f"http://127.0.0.1:{port}/data", timeout=30).raise_for_status()
            alone.append(percentile(times(port, REQUESTS), 99))
            with crowd(port, CROWD):
                beside.append(percentile(times(port, REQUESTS), 99))
        finally:
            served.terminate()
            served.wait(60)
    name = f"p99 of GET /readyz beside {3 * CROWD} slow clients to that without any"
    yield ratio(name, beside, alone, 3)
