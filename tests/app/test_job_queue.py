"""The queue's protocol: every message in one list, each job done, none done by a dead worker."""

import dataclasses
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hotqueue import HotQueue
from redis import Connection, ConnectionPool, Redis

from app.job_queue import Delivery, JobQueue, worker_name
from app.settings import Settings
from app.store import COUNTERS, Keys, Status, is_name
from tests.app.processes import RedisServer
from tests.incluster.waiting import wait_until

MakeQueue = Callable[..., JobQueue]


@pytest.fixture
def queue(open_redis: Callable[..., Redis], settings: Settings) -> MakeQueue:
    """Makes queues, each for a worker of the given name."""

    def make(worker: str = "a", **changes: Any) -> JobQueue:
        changed = dataclasses.replace(settings, **changes)
        return JobQueue(open_redis(), changed, worker=worker)

    return make


def submit(redis: Redis, queue: JobQueue) -> str:
    """A record and its message; returns the job's id."""
    job_id = str(uuid.uuid4())
    redis.hset(f"job:{job_id}", mapping={"id": job_id, "status": "submitted", "start": "2012"})
    redis.rpush(queue.key, queue.encode(job_id))
    return job_id


def claim(queue: JobQueue) -> Delivery:
    """The next delivery, which must be there."""
    delivery = queue.claim(("start",))
    assert delivery is not None
    return delivery


def lapse(redis: Redis, queue: JobQueue) -> None:
    """End the lease of the queue's worker, as if it had been silent for that long."""
    redis.zadd(queue.workers, {queue.worker_name: 1})


def status(redis: Redis, job_id: str) -> str:
    """The status in the record."""
    value: Any = redis.hget(f"job:{job_id}", "status")
    return str(value.decode())


def test_a_claimed_job_is_in_progress(redis: Redis, queue: MakeQueue) -> None:
    """The record names worker and time, and the message waits in that worker's hands."""
    mine = queue()
    job_id = submit(redis, mine)
    delivery = claim(mine)
    assert (delivery.job_id, delivery.fields) == (job_id, {"start": "2012"})
    record: Any = redis.hgetall(f"job:{job_id}")
    assert record[b"status"] == b"in progress"
    assert record[b"worker"] == b"a"
    assert record[b"started"].endswith(b"+00:00")
    assert (len(mine), mine.in_progress()) == (0, 1)


def test_finishing_writes_and_acknowledges(redis: Redis, queue: MakeQueue) -> None:
    """The outcome stands in the record, the message is gone and the counter one up."""
    mine = queue()
    job_id = submit(redis, mine)
    assert mine.finish(claim(mine), Status.COMPLETE, {"result": b"\x00\xff"}) is True
    assert status(redis, job_id) == "complete"
    assert redis.hget(f"job:{job_id}", "result") == b"\x00\xff"
    assert redis.hget(COUNTERS, "complete") == b"1"
    assert mine.in_progress() == 0


def test_an_empty_queue_gives_nothing(queue: MakeQueue) -> None:
    """A claim comes back after the block time when there is nothing to do."""
    assert queue().claim(()) is None


def test_jobs_come_in_order(redis: Redis, queue: MakeQueue) -> None:
    """First come, first served."""
    mine = queue()
    ids = [submit(redis, mine) for _ in range(3)]
    done = []
    for _ in ids:
        delivery = claim(mine)
        done.append(delivery.job_id)
        mine.finish(delivery, Status.COMPLETE, {})
    assert done == ids


def test_stock_producers_still_work(redis: Redis, queue: MakeQueue) -> None:
    """A plain HotQueue with JSON on the same key submits jobs."""
    mine = queue()
    job_id = str(uuid.uuid4())
    redis.hset(f"job:{job_id}", "status", "submitted")
    stock = HotQueue("jobs", serializer=json, connection_pool=redis.connection_pool)
    stock.put({"id": job_id})
    assert stock.key == mine.key
    assert claim(mine).job_id == job_id


def test_a_dead_worker_loses_nothing(redis: Redis, queue: MakeQueue) -> None:
    """The message of a worker whose lease ran out goes to another, at the head of the queue."""
    dead, mine = queue("dead"), queue()
    job_id = submit(redis, dead)
    claim(dead)
    submit(redis, dead)
    lapse(redis, dead)
    assert mine.reap() == 1
    assert claim(mine).job_id == job_id


def test_a_reaped_worker_writes_nothing(redis: Redis, queue: MakeQueue) -> None:
    """What a worker finishes after its message went to another is ignored, even a success."""
    slow, mine = queue("slow"), queue()
    job_id = submit(redis, slow)
    late = claim(slow)
    lapse(redis, slow)
    mine.reap()
    assert slow.finish(late, Status.COMPLETE, {"result": "late"}) is False
    assert mine.finish(claim(mine), Status.FAILED, {"reason": "mine"}) is True
    assert slow.finish(late, Status.COMPLETE, {"result": "late"}) is False
    assert (status(redis, job_id), redis.hget(f"job:{job_id}", "result")) == ("failed", None)


def test_a_job_taken_over_before_its_start_stays_as_it_is(redis: Redis, queue: MakeQueue) -> None:
    """A worker that stood still between message and start does not reopen what another finished."""
    slow, mine = queue("slow"), queue()
    wait = slow._wait
    submitted: list[str] = []

    def stand_still() -> bool:
        submitted.append(submit(redis, slow))
        came = wait()
        lapse(redis, slow)
        mine.reap()
        mine.finish(claim(mine), Status.COMPLETE, {"result": "mine"})
        return came

    slow._wait = stand_still  # type: ignore[method-assign]
    assert slow.claim(()) is None
    assert status(redis, submitted[0]) == "complete"
    assert redis.hget(f"job:{submitted[0]}", "worker") == b"a"


def test_finishing_claims_the_next(redis: Redis, queue: MakeQueue) -> None:
    """One call writes the outcome of a job and starts the one after it; the last finds nothing."""
    mine = queue()
    first, second = submit(redis, mine), submit(redis, mine)
    written, following = mine.finish_and_claim(
        claim(mine), Status.COMPLETE, {"result": b"\x00"}, ("start", "end")
    )
    assert written
    assert following is not None
    assert (following.job_id, following.fields) == (second, {"start": "2012", "end": None})
    assert (status(redis, first), status(redis, second)) == ("complete", "in progress")
    assert redis.hget(f"job:{first}", "result") == b"\x00"
    assert mine.finish_and_claim(following, Status.FAILED, {"reason": "x"}, ()) == (True, None)
    assert redis.hgetall(COUNTERS) == {b"complete": b"1", b"failed": b"1"}
    assert (len(mine), mine.in_progress()) == (0, 0)


def test_a_reaped_worker_writes_nothing_and_goes_on(redis: Redis, queue: MakeQueue) -> None:
    """What a worker finishes too late is ignored; the next job is its own, with a lease."""
    slow, mine = queue("slow"), queue()
    first = submit(redis, slow)
    late = claim(slow)
    lapse(redis, slow)
    mine.reap()
    mine.finish(claim(mine), Status.COMPLETE, {"result": "mine"})
    second = submit(redis, slow)
    written, following = slow.finish_and_claim(late, Status.FAILED, {"reason": "late"}, ())
    assert not written
    assert following is not None
    assert following.job_id == second
    assert redis.hmget(f"job:{first}", "status", "result", "reason") == [b"complete", b"mine", None]
    assert mine.reap() == 0


def test_a_repeated_finish_hands_out_the_same_job(redis: Redis, queue: MakeQueue) -> None:
    """A retry after a lost reply finds its outcome written, and the next job in its hands."""
    mine = queue()
    submit(redis, mine)
    submit(redis, mine)
    delivery = claim(mine)
    _, following = mine.finish_and_claim(delivery, Status.COMPLETE, {}, ("start",))
    again = mine.finish_and_claim(delivery, Status.COMPLETE, {}, ("start",))
    assert again == (False, following)
    assert following is not None
    assert redis.hget(f"job:{following.job_id}", "deliveries") == b"1"
    assert redis.hget(COUNTERS, "complete") == b"1"


def test_a_busy_worker_needs_one_round_trip_a_job(
    redis: Redis, redis_server: RedisServer, settings: Settings
) -> None:
    """While jobs wait, each costs one request to Redis and its answer."""
    answers: list[int] = []

    class Counting(Connection):
        def read_response(self, *args: Any, **options: Any) -> Any:
            answers.append(1)
            return super().read_response(*args, **options)

    pool = ConnectionPool.from_url(redis_server.url, connection_class=Counting)
    mine = JobQueue(Redis(connection_pool=pool), settings, worker="a")
    for _ in range(12):
        submit(redis, mine)
    _, delivery = mine.finish_and_claim(claim(mine), Status.COMPLETE, {}, ("start",))
    answers.clear()
    for _ in range(10):
        assert delivery is not None
        _, delivery = mine.finish_and_claim(delivery, Status.COMPLETE, {"result": "x"}, ("start",))
    assert len(answers) == 10
    pool.disconnect()


def test_a_living_worker_keeps_its_message(redis: Redis, queue: MakeQueue) -> None:
    """While the lease is renewed nobody takes the message, however long the job lasts."""
    busy, mine = queue("busy"), queue()
    submit(redis, busy)
    claim(busy)
    lapse(redis, busy)
    busy.beat()
    assert mine.reap() == 0
    assert mine.claim(()) is None


def test_the_lease_ends_by_itself(redis: Redis, queue: MakeQueue) -> None:
    """A worker that falls silent loses its message after the lease, by the clock of Redis."""
    silent, mine = queue("silent", queue_lease=0.2), queue()
    submit(redis, silent)
    claim(silent)
    assert mine.reap() == 0
    wait_until(mine.reap, 5, "the lease to end")


def test_a_job_that_kills_workers_fails(redis: Redis, queue: MakeQueue) -> None:
    """At the limit of deliveries the message is put aside and the record says why."""
    job_id = submit(redis, queue())
    for name in ("a", "b"):
        worker = queue(name, queue_max_deliveries=2)
        claim(worker)
        lapse(redis, worker)
        assert worker.reap() == 1
    record: Any = redis.hgetall(f"job:{job_id}")
    assert record[b"status"] == b"failed"
    assert record[b"reason"].startswith(b"handed out 2 times")
    assert record[b"reason"].endswith(b"the last was b")
    assert record[b"finished"].endswith(b"+00:00")
    assert redis.lrange(worker.dead, 0, -1) == [worker.encode(job_id)]
    assert redis.hget(COUNTERS, "failed") == b"1"
    assert worker.claim(()) is None


def test_a_deleted_waiting_job_is_dropped(redis: Redis, queue: MakeQueue) -> None:
    """The message of a job without a record disappears, and no record appears."""
    mine = queue()
    job_id = submit(redis, mine)
    redis.delete(f"job:{job_id}")
    assert mine.claim(()) is None
    assert (len(mine), mine.in_progress()) == (0, 0)
    assert redis.exists(f"job:{job_id}") == 0


def test_a_job_deleted_in_hand_does_not_come_back(redis: Redis, queue: MakeQueue) -> None:
    """Finishing a job that was deleted meanwhile writes nothing and counts nothing."""
    mine = queue()
    job_id = submit(redis, mine)
    delivery = claim(mine)
    redis.delete(f"job:{job_id}")
    assert mine.finish(delivery, Status.COMPLETE, {"result": "x"}) is False
    assert redis.exists(f"job:{job_id}", COUNTERS) == 0
    assert mine.in_progress() == 0


def test_a_deleted_job_of_a_dead_worker_is_dropped(redis: Redis, queue: MakeQueue) -> None:
    """The reaper does not bring back what was deleted."""
    mine = queue()
    job_id = submit(redis, mine)
    claim(mine)
    redis.delete(f"job:{job_id}")
    lapse(redis, mine)
    assert mine.reap() == 1
    assert (len(mine), redis.exists(f"job:{job_id}"), redis.llen(mine.dead)) == (0, 0, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80\x04K\x01.",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"id": 1}',
        b'{"id": "x"}',
        b'{"id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}',
    ],
)
def test_what_is_no_job_is_put_aside(redis: Redis, queue: MakeQueue, raw: bytes) -> None:
    """A message that is no job, a pickle for instance, goes to the dead list, unread further."""
    mine = queue()
    redis.rpush(mine.key, raw)
    job_id = submit(redis, mine)
    assert mine.claim(()) is None
    assert redis.lrange(mine.dead, 0, -1) == [raw]
    assert claim(mine).job_id == job_id


@pytest.mark.parametrize(
    "name",
    [
        None,
        "a",
        "9",
        "a-b",
        "a" * 63,
        "",
        "-a",
        "a-",
        "A",
        "a b",
        "a" * 64,
        "default",
        "ä",
        1,
        ["a"],
    ],
)
def test_names_of_data_sets_in_messages(redis: Redis, queue: MakeQueue, name: Any) -> None:
    """A message is a job if its data set has a name that a data set may have, or none at all."""
    mine = queue()
    job_id = str(uuid.uuid4())
    raw = json.dumps({"id": job_id, "data_set": name}, ensure_ascii=False).encode()
    keys = Keys(name if isinstance(name, str) else "")
    redis.hset(keys.record(job_id), "status", "submitted")
    redis.rpush(mine.key, raw)
    delivery = mine.claim(())
    if name is None or (isinstance(name, str) and is_name(name)):
        assert delivery == Delivery(raw, job_id, keys, {})
    else:
        assert delivery is None
        assert redis.lrange(mine.dead, 0, -1) == [raw]


@pytest.mark.parametrize("raw", [b"\x80\x04K\x01.", b"[]", b'{"id": 1}'])
def test_what_is_no_job_does_not_stop_the_reaper(
    redis: Redis, queue: MakeQueue, raw: bytes
) -> None:
    """The reaper puts it aside and goes on with the rest of the list."""
    mine = queue()
    job_id = submit(redis, mine)
    claim(mine)
    redis.rpush(mine.processing, raw)
    lapse(redis, mine)
    assert mine.reap() == 2
    assert redis.lrange(mine.dead, 0, -1) == [raw]
    assert claim(mine).job_id == job_id


def test_a_message_whose_reply_was_lost_is_found(redis: Redis, queue: MakeQueue) -> None:
    """What already lies in the worker's hands comes first, and counts as one delivery."""
    mine = queue()
    job_id = submit(redis, mine)
    first, again = claim(mine), claim(mine)
    assert first == again
    assert redis.hget(f"job:{job_id}", "deliveries") == b"1"


def test_a_late_message_of_a_reaped_worker_is_found(redis: Redis, queue: MakeQueue) -> None:
    """A message that reaches a worker's list after the reaper was there is taken the next time."""
    gone, mine = queue("gone"), queue()
    job_id = submit(redis, gone)
    gone.beat()
    recently: Any = redis.time()
    redis.zadd(gone.workers, {"gone": recently[0] - 1})
    assert mine.reap() == 0
    redis.lmove(gone.key, gone.processing)
    assert mine.reap() == 1
    assert claim(mine).job_id == job_id


def test_names_of_the_dead_are_forgotten(redis: Redis, queue: MakeQueue) -> None:
    """The set of workers does not grow with every restart."""
    mine = queue()
    redis.zadd(mine.workers, {"old": 1})
    mine.reap()
    assert redis.zrange(mine.workers, 0, -1) == []


def test_a_leaving_worker_gives_back(redis: Redis, queue: MakeQueue) -> None:
    """What is in hand goes back to the head at once, without waiting for the lease."""
    leaving, mine = queue("leaving"), queue()
    job_id = submit(redis, leaving)
    claim(leaving)
    submit(redis, leaving)
    leaving.retire()
    assert redis.zscore(mine.workers, "leaving") is None
    assert claim(mine).job_id == job_id


def test_waiting_outlasts_the_time_out(
    open_redis: Callable[..., Redis], settings: Settings
) -> None:
    """Blocking for longer than an answer may take is no error: the socket waits for both."""
    slow = dataclasses.replace(settings, queue_block=0.6)
    client = open_redis(timeout=0.2, block=0.6)
    assert JobQueue(client, slow, worker="idle").claim(()) is None


def test_names_are_unique() -> None:
    """Two workers on one host never share a list."""
    assert worker_name() != worker_name()
