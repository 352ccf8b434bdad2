"""The service's worker: plots, round trips to Redis, recovery after kill -9, several workers."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing
from redis import Redis

from app.data import SAMPLE, DataSet, read_csv
from app.job_queue import JobQueue
from app.plot import draw
from app.settings import Settings
from app.store import DEFAULT
from app.submission import Submission
from tests.app.processes import RedisServer, WorkerProcess
from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene
from tests.incluster.waiting import wait_until

__all__ = ["plots", "recovery", "round_trips", "several_workers"]

YEAR = ("2012-01-01", "2012-12-31")
PLOTS = 40
NOTHING = 2_000
NAPS = 300

JOB = """\
import time
from app import worker

def work(redis, delivery):
    {work}
    return {{"result": b"{{}}"}}

worker.analyse = work
worker.main()
"""


class Service:
    """A Redis of its own with the sample loaded, and workers in front of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._redis = RedisServer(folder)
        self._redis.start()
        self.redis: Redis = self._redis.client
        self.workers: list[WorkerProcess] = []
        DataSet(self.redis).replace(read_csv(SAMPLE.read_bytes()))

    def submit(self, count: int) -> list[str]:
        """Submit that many jobs of a year; returns their ids."""
        settings = Settings()
        submission = Submission(self.redis, JobQueue(self.redis, settings), settings)
        jobs = [submission.submit(*YEAR, request_id="r", trace_id=None) for _ in range(count)]
        return [job["id"] for job in jobs]

    def start(self, work: str | None = None) -> WorkerProcess:
        """Start a worker, which does `work` instead of analysing, and wait for its loop."""
        folder = self._folder / f"worker-{len(self.workers)}"
        folder.mkdir()
        command = ("-m", "app.worker") if work is None else ("-c", JOB.format(work=work))
        self.workers.append(WorkerProcess(folder, {"REDIS_URL": self._redis.url}, command))
        wait_until(self.workers[-1].ready, 60, "the worker")
        return self.workers[-1]

    def until(self, job_id: str, status: str) -> None:
        """Wait until a job has the status."""
        wait_until(
            lambda: self.redis.hget(DEFAULT.record(job_id), "status"),
            120,
            f"the job to be {status}",
            until=lambda found: found == status.encode(),
        )

    def moment(self, job_id: str, name: str) -> float:
        """When a job was started or finished, in seconds."""
        text: Any = self.redis.hget(DEFAULT.record(job_id), name)
        return datetime.fromisoformat(text.decode()).timestamp()

    def seconds(self, count: int, workers: int, work: str | None = None) -> float:
        """From the first start of that many jobs, which wait for the workers, to the last end."""
        started = [self.start(work) for _ in range(workers)]
        for worker in started:
            worker.process.send_signal(signal.SIGSTOP)
        jobs = self.submit(count)
        for worker in started:
            worker.process.send_signal(signal.SIGCONT)
        wait_until(self._unfinished, 300, "all jobs", until=lambda count: count == 0)
        first = min(self.moment(job, "started") for job in jobs)
        return max(self.moment(job, "finished") for job in jobs) - first

    def _unfinished(self) -> int:
        queue = JobQueue(self.redis, Settings())
        return len(queue) + queue.in_progress()

    def close(self) -> None:
        """End the workers and Redis."""
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait(20)
        self._redis.stop()


@contextmanager
def service(scene: Scene, name: str) -> Iterator[Service]:
    """A service that is ended whatever happens."""
    with ExitStack() as stack:
        made = Service(scene.folder / name)
        stack.callback(made.close)
        yield made


def plots(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Measure the plot of a year against two empty axes, and jobs with such plots."""
    year = read_csv(SAMPLE.read_bytes())[:366]
    drawn: list[float] = []
    empty: list[float] = []
    rates: list[float] = []
    for number in range(rounds):
        drawn.append(_seconds_of(lambda: draw(year)))
        empty.append(_seconds_of(_empty_axes))
        with service(scene, f"plots-{number}") as made:
            rates.append(PLOTS / made.seconds(PLOTS, 1))
    yield ratio("plot of a year to two empty axes of matplotlib, both as PNG", drawn, empty, 0.7)
    yield size("jobs with the plot of a year, one worker", rates, "jobs/s", None)


def round_trips(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Count what Redis reads from its clients while a worker does jobs that do nothing."""
    found: list[float] = []
    for number in range(rounds):
        with service(scene, f"trips-{number}") as made:
            worker = made.start("pass")
            worker.process.send_signal(signal.SIGSTOP)
            last = made.submit(NOTHING)[-1]
            before = _reads(made.redis)
            worker.process.send_signal(signal.SIGCONT)
            while made.redis.hget(DEFAULT.record(last), "status") != b"complete":
                before += 1  # this look
            found.append((_reads(made.redis) - before - 2) / NOTHING)
    yield size("round trips to Redis a job while jobs wait, with all beats", found, "trips", 1.1)


def recovery(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Kill a worker in the middle of a job, and wait until another has completed it."""
    found: list[float] = []
    for number in range(rounds):
        with service(scene, f"recovery-{number}") as made:
            first = made.start("time.sleep(60)")
            (job,) = made.submit(1)
            made.until(job, "in progress")
            made.start("pass")
            killed = time.time()
            first.end(signal.SIGKILL)
            made.until(job, "complete")
            found.append(made.moment(job, "finished") - killed)
    yield size("a job's end in another worker after kill -9 of the first", found, "s", 6)


def several_workers(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare four workers with one at jobs that wait for 20 ms."""
    one: list[float] = []
    four: list[float] = []
    for number in range(rounds):
        for workers, times in ((1, one), (4, four)):
            with service(scene, f"several-{number}-{workers}") as made:
                times.append(made.seconds(NAPS, workers, "time.sleep(0.02)"))
    yield ratio("time of jobs of 20 ms, 4 workers to 1", four, one, 1 / 3.8)


def _seconds_of(call: Callable[[], object], times: int = 10) -> float:
    call()
    began = time.monotonic()
    for _ in range(times):
        call()
    return (time.monotonic() - began) / times


def _empty_axes() -> None:
    drawing = Drawing(figsize=(10, 6), dpi=100)
    drawing.subplots(2, 1)
    drawing.savefig(io.BytesIO(), format="png")


def _reads(redis: Redis) -> int:
    stats: Any = redis.info("stats")
    return int(stats["total_reads_processed"])
