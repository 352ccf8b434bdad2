"""Leases of real worker processes: kept by the living however busy, lost by the dead at once."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from tests.app.processes import RedisServer, WorkerProcess
from tests.app.test_worker import lines, status_of, submit, until_status
from tests.incluster.waiting import wait_until

Start = Callable[..., WorkerProcess]

pytestmark = pytest.mark.slow

RECOVERED = 6.0
"""Seconds after the death of a worker until another has its job."""

JOB = """\
import os, sys, time
from app import worker

def work(redis, delivery):
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        {loop}
    return {{"result": str(os.getpid())}}

worker.analyse = work
sys.exit(worker.main())
"""
COMPUTING = JOB.format(loop="sum(range(1000))")
SLEEPING = JOB.format(loop="time.sleep(0.01)")


@pytest.fixture
def start(redis_server: RedisServer, tmp_path: Path) -> Iterator[Start]:
    """Starts workers whose jobs take so many seconds; they have the default lease."""
    started: list[WorkerProcess] = []

    def start(seconds: float, source: str = SLEEPING, **environ: str) -> WorkerProcess:
        folder = tmp_path / f"worker-{len(started)}"
        folder.mkdir()
        known = {"REDIS_URL": redis_server.url, "QUEUE_BLOCK": "0.2"} | environ
        worker = WorkerProcess(folder, known, ("-c", source, str(seconds)))
        started.append(worker)
        wait_until(worker.ready, 30, "the worker's loop")
        return worker

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(20)


@pytest.fixture
def crowded() -> Iterator[None]:
    """Four other processes compute meanwhile, so that a worker has little of the processor."""
    loop = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(loop) for _ in range(4)]
    yield
    for other in others:
        other.kill()
        other.wait(20)


def result_of(api: FlaskClient, job_id: str) -> str:
    """The result, which is the number of the process that wrote it."""
    return str(api.get(f"/results/{job_id}").get_data(as_text=True))


def deliveries(redis: Redis, job_id: str) -> int:
    """How many workers have had the job."""
    count: Any = redis.hget(f"job:{job_id}", "deliveries")
    return int(count)


def test_a_job_of_a_killed_worker_goes_on_in_seconds(loaded: FlaskClient, start: Start) -> None:
    """After kill -9 another worker has the job in less than six seconds and completes it."""
    first = start(60)
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    second = start(0)
    killed = time.monotonic()
    first.end(signal.SIGKILL)
    until_status(loaded, job_id, "complete")
    assert time.monotonic() - killed < RECOVERED
    assert result_of(loaded, job_id) == str(second.process.pid)


@pytest.mark.usefixtures("crowded")
def test_a_long_job_on_a_busy_machine_keeps_its_lease(
    loaded: FlaskClient, start: Start, redis: Redis
) -> None:
    """A job that computes for five leases beside four other processes is handed out once."""
    busy = start(20, COMPUTING)
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    idle = start(0)
    until_status(loaded, job_id, "complete", timeout=60)
    assert result_of(loaded, job_id) == str(busy.process.pid)
    assert deliveries(redis, job_id) == 1
    assert "took over from a dead worker" not in idle.log.read_text()


def test_a_worker_that_wakes_up_late_writes_nothing(
    loaded: FlaskClient, start: Start, redis: Redis
) -> None:
    """A worker that stood still for longer than its lease finds its job done, and leaves it so."""
    paused = start(1, QUEUE_LEASE="1")
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    paused.process.send_signal(signal.SIGSTOP)
    other = start(0, QUEUE_LEASE="1")
    until_status(loaded, job_id, "complete")
    before: Any = redis.hgetall(f"job:{job_id}")
    assert before[b"result"].decode() == str(other.process.pid)
    paused.process.send_signal(signal.SIGCONT)
    dropped = "job result dropped: deleted or taken over"
    wait_until(lambda: dropped in [line["message"] for line in lines(paused.log)], 20, "its end")
    assert redis.hgetall(f"job:{job_id}") == before
    later = submit(loaded)
    until_status(loaded, later, "complete")


def test_the_job_in_hand_keeps_its_lease_after_sigterm(
    loaded: FlaskClient, start: Start, redis: Redis
) -> None:
    """A worker that was told to stop finishes a job of several leases, and no other takes it."""
    leaving = start(4, QUEUE_LEASE="1")
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    start(0, QUEUE_LEASE="1")
    assert leaving.end(signal.SIGTERM) == 0
    assert status_of(loaded, job_id) == "complete"
    assert result_of(loaded, job_id) == str(leaving.process.pid)
    assert deliveries(redis, job_id) == 1


def test_a_pause_of_redis_takes_no_job_from_the_living(
    loaded: FlaskClient, start: Start, redis: Redis, redis_server: RedisServer
) -> None:
    """Redis stands still for longer than a lease: no job goes to another worker for that."""
    short = {"QUEUE_LEASE": "1", "REDIS_TIMEOUT": "0.5"}
    working = start(6, **short)
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    for _ in range(3):
        start(0, **short)
    assert redis_server.process is not None
    redis_server.process.send_signal(signal.SIGSTOP)
    threading.Event().wait(2.5)
    redis_server.process.send_signal(signal.SIGCONT)
    until_status(loaded, job_id, "complete")
    assert result_of(loaded, job_id) == str(working.process.pid)
    assert deliveries(redis, job_id) == 1
