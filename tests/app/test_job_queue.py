"""The queue's protocol: every message in one list, each job done, none done by a dead worker."""

import dataclasses
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hotqueue import HotQueue
from redis import Redis

from app.job_queue import Delivery, JobQueue, worker_name
from app.settings import Settings
from app.store import COUNTERS, Status
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
    job_id = submit(redis, slow)
    next_message = slow._next_message

    def stand_still() -> bytes | None:
        raw = next_message()
        lapse(redis, slow)
        mine.reap()
        mine.finish(claim(mine), Status.COMPLETE, {"result": "mine"})
        return raw

    slow._next_message = stand_still  # type: ignore[method-assign]
    assert slow.claim(()) is None
    assert status(redis, job_id) == "complete"
    assert redis.hget(f"job:{job_id}", "worker") == b"a"


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
