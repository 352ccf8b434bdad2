"""How fast one worker empties a queue of jobs that do nothing, against the workers of others."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.app.processes import RedisServer
from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene
from tests.checkout import CHECKOUT, inherited
from tests.incluster.waiting import wait_until

__all__ = ["drain"]

JOBS = 3_000
PACKAGES = CHECKOUT / "build" / "queues"
"""Where `make bench` installs the other queues, with the redis that they need, and hiredis."""

TICK = """
import itertools, os, time
JOBS, PORT = int(os.environ["JOBS"]), int(os.environ["PORT"])
URL = f"redis://127.0.0.1:{PORT}/0"
done = itertools.count(1)

def tick():
    if next(done) in (JOBS // 10, JOBS):
        with open("ticks", "a") as file:
            file.write(f"{time.monotonic()}\\n")
"""

OURS = """
from app import worker
from app.job_queue import JobQueue
from app.settings import Settings
from app.store import connect
from app.submission import Submission

def enqueue():
    settings = Settings(redis_url=URL)
    redis = connect(URL, timeout=5)
    submission = Submission(redis, JobQueue(redis, settings), settings)
    for _ in range(JOBS):
        submission.submit("2012-01-01", "2012-01-02", request_id="r", trace_id=None)

def work(redis, delivery):
    tick()
    return {"result": b"{}"}

worker.analyse = work
"""

HUEY = """
from huey import RedisHuey
huey = RedisHuey("bench", url=URL)

@huey.task()
def job(number):
    tick()
    return number

def enqueue():
    for number in range(JOBS):
        job(number)
"""

DRAMATIQ = """
import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)

@dramatiq.actor(store_results=True)
def job(number):
    tick()
    return number

def enqueue():
    for number in range(JOBS):
        job.send(number)
"""

CELERY = """
from celery import Celery
app = Celery("peer", broker=URL, backend=URL)
app.conf.task_acks_late = True

@app.task
def job(number):
    tick()
    return number

def enqueue():
    for number in range(JOBS):
        job.delay(number)
"""

RQ = """
from redis import Redis
from rq import Queue

def job(number):
    tick()
    return number

def enqueue():
    queue = Queue(connection=Redis(port=PORT))
    for number in range(JOBS):
        queue.enqueue(job, number)
"""


@dataclass(frozen=True)
class Queue:
    """A queue: its program, and the arguments of Python that start one worker of it."""

    name: str
    source: str
    worker: tuple[str, ...]
    ours: bool = False
    loses: bool = False
    """Whether the job that a killed worker had in hand is lost, which saves round trips."""


QUEUES = (
    Queue("this worker", OURS, ("-c", "import peer; peer.worker.main()"), ours=True),
    Queue(
        "Huey",
        HUEY,
        ("-m", "huey.bin.huey_consumer", "peer.huey", "--quiet", "--workers", "1"),
        loses=True,
    ),
    Queue("Dramatiq, 8 threads", DRAMATIQ, ("-m", "dramatiq", "peer", "--processes", "1")),
    Queue(
        "Celery, acks_late",
        CELERY,
        ("-m", "celery", "-A", "peer", "worker", "--concurrency", "1", "--loglevel", "WARNING"),
    ),
    Queue(
        "RQ, SimpleWorker",
        RQ,
        ("-m", "rq.cli", "worker", "--quiet", "--worker-class", "rq.SimpleWorker", "--url", "URL"),
    ),
)


def drain(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure every queue in each round: from a tenth of the jobs done to the last."""
    rates: dict[str, list[float]] = {queue.name: [] for queue in QUEUES}
    for number in range(rounds):
        for queue in QUEUES:
            folder = scene.folder / f"drain-{number}-{queue.name.split(',')[0].replace(' ', '-')}"
            rates[queue.name].append(_rate(queue, folder))
    for name, found in rates.items():
        yield size(f"jobs that do nothing, {name}", found, "jobs/s", None)
    for what, loses, limit in (("that loses no job", False, 0.4), ("that loses jobs", True, None)):
        peers = [queue.name for queue in QUEUES if queue.loses is loses and not queue.ours]
        fastest = max(peers, key=lambda name: statistics.median(rates[name]))
        seconds, best = ([1 / rate for rate in rates[name]] for name in (QUEUES[0].name, fastest))
        name = f"time of jobs that do nothing, one worker, to the fastest other {what}: {fastest}"
        yield ratio(name, seconds, best, limit)


def _rate(queue: Queue, folder: Path) -> float:
    """Jobs a second of one worker that finds them all waiting."""
    folder.mkdir()
    (folder / "peer.py").write_text(TICK + queue.source)
    redis = RedisServer(folder)
    redis.start()
    path = [str(folder), str(CHECKOUT) if queue.ours else str(PACKAGES)]
    environ = inherited() | {
        "JOBS": str(JOBS),
        "PORT": str(redis.port),
        "REDIS_URL": redis.url,
        "LOG_LEVEL": "WARNING",
        "HEARTBEAT_FILE": str(folder / "heartbeat"),
        "PYTHONPATH": os.pathsep.join(path),
    }
    fill = [sys.executable, "-c", "import peer; peer.enqueue()"]
    subprocess.run(fill, cwd=folder, env=environ, check=True)
    command = [sys.executable, *(redis.url if word == "URL" else word for word in queue.worker)]
    try:
        with (folder / "worker.log").open("w") as log:
            worker = subprocess.Popen(
                command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        try:
            times = wait_until(
                lambda: _ticks(folder), 120, "all jobs", until=lambda found: len(found) == 2
            )
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(20)
    finally:
        redis.stop()
    return (JOBS - JOBS // 10) / (times[1] - times[0])


def _ticks(folder: Path) -> list[float]:
    file = folder / "ticks"
    return [float(line) for line in file.read_text().split()] if file.exists() else []
