"""The worker: takes one job after another from the queue until it is told to stop.

`python -m app.worker` runs until SIGTERM or SIGINT, finishes the job in hand and exits 0.
"""

import contextvars
import logging
import signal
import sys
import threading
from collections.abc import Callable

import orjson
from redis import Redis, RedisError

from app import analysis, heartbeat, plot
from app.data import DataSet
from app.data_sets import DataSets
from app.job_queue import Delivery, JobQueue, Products, worker_name
from app.settings import Settings, SettingsError
from app.store import Status, connect, reason_of
from app.telemetry import bound, configure_logging

BEATS = 4
"""Renewals of the lease in the time of one: three may fail."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between tries while Redis is away; doubled from the first to the longest."""

FIELDS = ("start", "end", "request_id", "trace_id")
"""What a job's record tells the worker."""

log = logging.getLogger("worker")

Work = Callable[[Delivery], Products]


class Worker:
    """Runs `work` for each message; it returns the fields to add to the job's record."""

    def __init__(self, settings: Settings, queue: JobQueue, work: Work) -> None:
        self._settings = settings
        self._queue = queue
        self._data_sets = DataSets(queue.redis, queue, settings)
        self._work = work
        self._stop = threading.Event()
        self._ended = threading.Event()

    def stop(self) -> None:
        """Ask the loop to end after the job in hand. Safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`. Redis going away or a job that raises does not end the loop."""
        context = contextvars.copy_context()  # so that the thread's lines name the worker too
        pulse = threading.Thread(target=context.run, args=(self._pulse,), name="pulse", daemon=True)
        pulse.start()
        try:
            self._loop()
        finally:
            self._ended.set()  # not before: the job in hand needs its lease after `stop` too
        pulse.join()  # so that no last beat enlists this worker again
        self._leave()

    def _loop(self) -> None:
        pause, delivery = FIRST_PAUSE, None
        while delivery or not self._stop.is_set():
            heartbeat.touch(self._settings.heartbeat_file)
            try:
                delivery = self._work_on(delivery) if delivery else self._queue.claim(FIELDS)
                pause = FIRST_PAUSE
            except RedisError as error:
                delivery = None  # if Redis has it still in this worker's hands, it is claimed again
                log.warning("Redis failed: %s", reason_of(error), extra={"pause_s": pause})
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _work_on(self, delivery: Delivery) -> Delivery | None:
        """Do a job; returns the next one if there is one and the worker shall go on."""
        ids = {name: delivery.fields[name] for name in ("request_id", "trace_id")}
        with bound(job_id=delivery.job_id, data_set=delivery.keys.name or None, **ids):
            log.info("job started")
            outcome = self._outcome(delivery)
            if self._stop.is_set():
                written, following = self._queue.finish(delivery, *outcome), None
            else:
                written, following = self._queue.finish_and_claim(delivery, *outcome, FIELDS)
            status = outcome[0]
            log.info("job %s", status if written else "result dropped: deleted or taken over")
        return following

    def _outcome(self, delivery: Delivery) -> tuple[Status, Products]:
        try:
            return Status.COMPLETE, self._work(delivery)
        except RedisError:
            raise  # not the job's fault: it stays in hand and is tried again
        except Exception as error:
            log.exception("job raised")
            return Status.FAILED, {"reason": f"{type(error).__name__}: {error}"}

    def _pulse(self) -> None:
        while not self._ended.wait(self._settings.queue_lease / BEATS):
            try:
                self._queue.beat()
                self._take_over()
            except RedisError as error:
                log.warning("lease not renewed", extra={"error": str(error)})

    def _take_over(self) -> None:
        reaped = self._queue.reap()
        if reaped:
            log.warning("took over from a dead worker", extra={"messages": reaped})
        expired = self._data_sets.sweep()
        if expired:
            log.info("removed expired data sets", extra={"data_sets": expired})

    def _leave(self) -> None:
        try:
            self._queue.retire()
        except RedisError as error:
            log.warning("left without notice; the lease will run out", extra={"error": str(error)})


def analyse(redis: Redis, delivery: Delivery) -> Products:
    """Result and plot of a job. Raises LookupError when its data set has none of its days."""
    start, end = str(delivery.fields["start"]), str(delivery.fields["end"])
    days = DataSet(redis, delivery.keys).days(start, end)
    if not days:
        raise LookupError(f"the data set has no day from {start} to {end}")
    head = {"id": delivery.job_id, "start": start, "end": end}
    return {"result": orjson.dumps(head | analysis.summarise(days)), "plot": plot.draw(days)}


def main() -> int:
    """Run a worker with the settings of the environment; returns the exit code."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings.log_level)
    redis = connect(settings.redis_url, timeout=settings.redis_timeout, block=settings.queue_block)
    queue = JobQueue(redis, settings, worker=worker_name())
    worker = Worker(settings, queue, lambda delivery: analyse(redis, delivery))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    with bound(worker=queue.worker_name):
        log.info("worker ready")
        worker.run()
        log.info("worker stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
