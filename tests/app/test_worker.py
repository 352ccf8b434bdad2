"""The worker: killed, terminated, cut off, idle. Mostly as the real process."""

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from app import heartbeat
from app.job_queue import Delivery, JobQueue, Products
from app.settings import Settings
from app.telemetry import bound, configure_logging
from app.worker import Work, Worker, main
from tests.app.processes import RedisServer, WorkerProcess
from tests.incluster.waiting import wait_until

StartWorker = Callable[..., WorkerProcess]
RunWorker = Callable[[Work], Worker]


@pytest.fixture
def run_worker(settings: Settings, open_redis: Callable[..., Redis]) -> Iterator[RunWorker]:
    """Runs workers with work of the test's own, each in a thread; ends them all."""
    running: list[tuple[Worker, threading.Thread]] = []

    def run(work: Work) -> Worker:
        queue = JobQueue(open_redis(), settings, worker=f"w{len(running)}")
        worker = Worker(settings, queue, work)
        thread = threading.Thread(target=worker.run)
        thread.start()
        running.append((worker, thread))
        return worker

    yield run
    for worker, _ in running:
        worker.stop()
    for _, thread in running:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def century(api: FlaskClient) -> FlaskClient:
    """The API with a hundred years loaded, so that a job lasts long enough to be interrupted."""
    first = date(1901, 1, 1)
    days = (f"{first + timedelta(days=n)},{n % 7},{n % 30},0,2,sun\n" for n in range(36_500))
    body = "date,precipitation,temp_max,temp_min,wind,weather\n" + "".join(days)
    assert api.post("/data", data=body, content_type="text/csv").status_code == 201
    return api


def submit(api: FlaskClient, start: str = "2012-01-01", end: str = "2015-12-31") -> str:
    """Submit a job; returns its id."""
    response = api.post("/jobs", json={"start": start, "end": end})
    assert response.status_code == 202
    return str(response.get_json()["id"])


def status_of(api: FlaskClient, job_id: str) -> str:
    """The status of a job, as a client sees it."""
    return str(api.get(f"/jobs/{job_id}").get_json()["status"])


def until_status(api: FlaskClient, job_id: str, wanted: str, timeout: float = 20) -> None:
    """Wait until a job has the status."""
    wait_until(
        lambda: status_of(api, job_id),
        timeout,
        f"job {job_id} to be {wanted}",
        until=lambda status: status == wanted,
    )


def nothing(_: Delivery) -> Products:
    """Work without a product."""
    return {"result": "{}"}


def lines(path: Path) -> list[dict[str, Any]]:
    """The log of a worker process; every line must be JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_killed_worker_loses_no_job(century: FlaskClient, start_worker: StartWorker) -> None:
    """kill -9 in the middle of a job: another worker completes it and those that waited."""
    first = start_worker()
    wait_until(first.ready, 20, "the worker's loop")
    first.process.send_signal(signal.SIGSTOP)
    ids = [submit(century, "1901-01-01", "2000-12-01") for _ in range(3)]
    first.process.send_signal(signal.SIGCONT)
    until_status(century, ids[0], "in progress")
    first.end(signal.SIGKILL)
    record = century.get(f"/jobs/{ids[0]}").get_json()
    assert record["status"] == "in progress"
    start_worker()
    for job_id in ids:
        until_status(century, job_id, "complete")
        assert century.get(f"/results/{job_id}").get_json()["count"] == 36_495
    assert century.get(f"/jobs/{ids[0]}").get_json()["worker"] != record["worker"]


def test_sigterm_finishes_the_job_in_hand(century: FlaskClient, start_worker: StartWorker) -> None:
    """After SIGTERM the job in hand is completed, the next left alone, the exit code 0."""
    worker = start_worker()
    wait_until(worker.ready, 20, "the worker's loop")
    worker.process.send_signal(signal.SIGSTOP)
    ids = [submit(century, "1901-01-01", "2000-12-01") for _ in range(2)]
    worker.process.send_signal(signal.SIGCONT)
    until_status(century, ids[0], "in progress")
    assert worker.end(signal.SIGTERM) == 0
    assert [status_of(century, job_id) for job_id in ids] == ["complete", "submitted"]


def test_an_idle_worker_ends_at_once(redis: Redis, start_worker: StartWorker) -> None:
    """SIGTERM to a worker that waits for work ends it within its block time, without a trace."""
    worker = start_worker()
    wait_until(worker.ready, 20, "the worker's loop")
    assert worker.end(signal.SIGTERM) == 0
    assert redis.keys("*") == []
    assert [line["message"] for line in lines(worker.log)] == ["worker ready", "worker stopped"]


def test_the_log_joins_job_request_and_worker(
    loaded: FlaskClient, start_worker: StartWorker
) -> None:
    """Each line about a job carries the ids of the request that submitted it, and the worker."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "r9", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    period = {"start": "2012-01-01", "end": "2012-01-02"}
    job_id = loaded.post("/jobs", json=period, headers=headers).get_json()["id"]
    worker = start_worker()
    until_status(loaded, job_id, "complete")
    assert worker.end() == 0
    name = loaded.get(f"/jobs/{job_id}").get_json()["worker"]
    about = [line for line in lines(worker.log) if "job_id" in line]
    assert [line["message"] for line in about] == ["job started", "job complete"]
    ids = ("job_id", "request_id", "trace_id", "worker")
    assert {tuple(line[key] for key in ids) for line in about} == {(job_id, "r9", trace, name)}


def test_a_job_that_raises_fails_alone(loaded: FlaskClient, run_worker: RunWorker) -> None:
    """The job is failed with type and message of the exception, and the next one is done."""
    bad, good = submit(loaded), submit(loaded, end="2012-01-01")

    def work(delivery: Delivery) -> Products:
        if delivery.job_id == bad:
            raise ZeroDivisionError("no days")
        return {"result": "{}"}

    run_worker(work)
    until_status(loaded, good, "complete")
    record = loaded.get(f"/jobs/{bad}").get_json()
    assert (record["status"], record["reason"]) == ("failed", "ZeroDivisionError: no days")
    assert record["finished"]


def test_data_gone_meanwhile_fails_the_job(loaded: FlaskClient, start_worker: StartWorker) -> None:
    """A job whose days were unloaded before its turn fails and says which days are missing."""
    job_id = submit(loaded)
    loaded.delete("/data")
    start_worker()
    until_status(loaded, job_id, "failed")
    reason = loaded.get(f"/jobs/{job_id}").get_json()["reason"]
    assert reason == "LookupError: the data set has no day from 2012-01-01 to 2015-12-31"


def test_a_worker_outlives_redis(
    loaded: FlaskClient, redis_server: RedisServer, run_worker: RunWorker
) -> None:
    """Redis goes and comes back while a job is in hand: the same worker completes it."""
    started, go_on = threading.Event(), threading.Event()

    def work(_: Delivery) -> Products:
        started.set()
        assert go_on.wait(20)
        return {"result": "{}"}

    run_worker(work)
    job_id = submit(loaded)
    assert started.wait(20)
    redis_server.stop()
    go_on.set()
    redis_server.start()
    until_status(loaded, job_id, "complete")
    later = submit(loaded)
    until_status(loaded, later, "complete")


def test_an_idle_worker_outlasts_the_time_out(
    loaded: FlaskClient, run_worker: RunWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """Waiting for many times the block time is no error, and the next job is done."""
    turns = threading.Event()
    worker = run_worker(nothing)
    caplog.set_level(logging.WARNING)
    threading.Timer(1.5, turns.set).start()  # 15 block times, 1.5 socket time-outs
    assert turns.wait(20)
    job_id = submit(loaded)
    until_status(loaded, job_id, "complete")
    assert caplog.records == []
    worker.stop()


def test_a_long_job_keeps_its_lease(
    loaded: FlaskClient, run_worker: RunWorker, settings: Settings, redis: Redis
) -> None:
    """A job that lasts several leases is run once: the worker renews the lease meanwhile."""
    runs: list[str] = []
    lease_over = threading.Event()

    def work(delivery: Delivery) -> Products:
        runs.append(delivery.job_id)
        assert lease_over.wait(20)
        return {"result": "{}"}

    for _ in range(2):
        run_worker(work)
    job_id = submit(loaded)
    wait_until(lambda: runs, 10, "the job to start")
    threading.Timer(settings.queue_lease * 2.5, lease_over.set).start()
    until_status(loaded, job_id, "complete")
    assert runs == [job_id]


def test_the_heartbeat_stops_with_the_loop(
    loaded: FlaskClient, run_worker: RunWorker, settings: Settings
) -> None:
    """The loop touches the file at every turn, and no longer when a job hangs."""
    go_on = threading.Event()

    def work(_: Delivery) -> Products:
        assert go_on.wait(20)
        return {}

    def touched() -> float:
        return settings.heartbeat_file.stat().st_mtime_ns

    run_worker(work)
    wait_until(settings.heartbeat_file.exists, 10, "the first turn")
    first = touched()
    wait_until(lambda: touched() > first, 10, "the next turn")
    job_id = submit(loaded)
    until_status(loaded, job_id, "in progress")
    hung = touched()
    wait_until(lambda: (heartbeat.age(settings.heartbeat_file) or 0) > 0.5, 10, "age")
    assert touched() == hung
    go_on.set()
    wait_until(lambda: touched() > hung, 10, "the loop to turn again")


def test_twenty_jobs_and_three_workers(loaded: FlaskClient, run_worker: RunWorker) -> None:
    """Each of twenty jobs is done exactly once, whoever takes it."""
    done: list[str] = []

    def work(delivery: Delivery) -> Products:
        done.append(delivery.job_id)
        return {"result": "{}"}

    for _ in range(3):
        run_worker(work)
    ids = [submit(loaded, end="2012-01-01") for _ in range(20)]
    for job_id in ids:
        until_status(loaded, job_id, "complete")
    assert sorted(done) == sorted(ids)


def test_the_pulse_names_its_worker(
    open_redis: Callable[..., Redis],
    redis: Redis,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line about a takeover says which worker took over."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("INFO")
    dead = JobQueue(redis, settings, worker="dead")
    redis.zadd(dead.workers, {"dead": 1})
    redis.rpush(dead.processing, b"no job")
    worker = Worker(settings, JobQueue(open_redis(), settings, worker="heir"), nothing)

    def run() -> None:
        with bound(worker="heir"):
            worker.run()

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: redis.llen(dead.dead), 10, "the takeover")
    worker.stop()
    thread.join(10)
    root.handlers[:], root.level = before
    taken = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["worker"], line["messages"]) for line in taken if "messages" in line] == [
        ("heir", 1)
    ]


def test_a_bad_setting_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker with a bad variable exits with 2 and one line that names it."""
    monkeypatch.setenv("QUEUE_LEASE", "soon")
    assert main() == 2
    assert capsys.readouterr().err == "QUEUE_LEASE='soon': must be a number\n"
