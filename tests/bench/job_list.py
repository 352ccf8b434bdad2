"""GET /jobs with 100,000 jobs: the first byte, the memory, and how long others wait meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from redis import Redis

from app.store import DEFAULT
from tests.app.api_server import WORKERS, Server
from tests.app.processes import RedisServer
from tests.app.slow_clients import percentile, times
from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene
from tests.incluster.waiting import wait_until

__all__ = ["job_list"]

JOBS = 100_000
REQUESTS = 300
ASK = "import requests, sys\nwhile True: requests.get(sys.argv[1], timeout=60).raise_for_status()"


def job_list(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure the list of all jobs while other clients ask for /healthz."""
    first: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    more: list[float] = []
    for number in range(rounds):
        with served(scene.folder / f"list-{number}") as (server, redis):
            fill(redis, JOBS)
            before = memory(server)
            alone.append(percentile(times(server.port, REQUESTS, "/healthz"), 99))
            first.append(first_byte(server.port) * 1000)
            with lists(server.port):
                beside.append(percentile(times(server.port, REQUESTS, "/healthz"), 99))
            more.append(max(after - was for after, was in zip(memory(server), before, strict=True)))
    name = f"GET /jobs with {JOBS:,} jobs"
    yield size(f"{name}: first byte", first, "ms", 100)
    yield size(f"{name}: memory more in the process with the most", more, "MB", 10)
    yield ratio(f"{name}: p99 of GET /healthz meanwhile to that alone", beside, alone, 3)


@contextmanager
def served(folder: Path) -> Iterator[tuple[Server, Redis]]:
    """The API's server in front of a Redis, both of their own."""
    folder.mkdir()
    with ExitStack() as stack:
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.stop)
        server = Server(folder / "api.log", redis.url)
        stack.callback(server.end)
        wait_until(server.status, 60, "the server", until=lambda status: status == 200)
        wait_until(server.started, 60, "all workers", until=lambda started: started == WORKERS)
        yield server, redis.client


def fill(redis: Redis, count: int) -> None:
    """Save that many complete jobs."""
    for start in range(0, count, 10_000):
        pipe = redis.pipeline(transaction=False)
        for number in range(start, min(start + 10_000, count)):
            job_id = str(uuid.uuid4())
            record: dict[Any, Any] = {"id": job_id, "status": "complete", "start": "2012-01-01"}
            record["datetime"] = "2026-11-28T07:10:22.123+00:00"
            pipe.hset(DEFAULT.record(job_id), mapping=record)
            pipe.zadd(DEFAULT.index, {job_id: number})
        pipe.execute()


def first_byte(port: int) -> float:
    """Seconds until the first byte of the body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.monotonic()
    connection.request("GET", "/jobs")
    response = connection.getresponse()
    response.read(1)
    seconds = time.monotonic() - began
    response.read()
    connection.close()
    return seconds


@contextmanager
def lists(port: int) -> Iterator[None]:
    """A client that asks for the list again and again."""
    client = subprocess.Popen([sys.executable, "-c", ASK, f"http://127.0.0.1:{port}/jobs"])
    yield
    client.terminate()
    client.wait(60)


def memory(server: Server) -> list[float]:
    """MB that each process of the server has in memory, at most so far."""
    found = []
    for pid in server.children():
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        found.append(int(line.split()[1]) / 1024)
    return found
