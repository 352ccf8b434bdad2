"""Named data sets on a real Redis: bounded, deleted as a whole, and no harm to anything else."""

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from redis import OutOfMemoryError, Redis

from app.data import DataSet, read_csv
from app.data_sets import DataSets
from app.errors import Problem
from app.job_queue import Delivery, JobQueue
from app.settings import Settings
from app.store import DATA_SETS, DEFAULT, Keys, Status, timestamp
from app.submission import Submission
from tests.app.processes import WorkerProcess
from tests.app.test_worker import RunWorker, run_worker
from tests.incluster.waiting import wait_until

__all__ = ["run_worker"]  # the fixture

NAMED = "/datasets/ours"
CSV = "date,precipitation,temp_max,temp_min,wind,weather\n2012-01-01,1,9,3,2,rain\n"
DAY = {"start": "2012-01-01", "end": "2012-01-01"}


@pytest.fixture
def named(loaded: FlaskClient) -> FlaskClient:
    """A client of the API with the sample in the default data set and a day in `ours`."""
    assert loaded.put(f"{NAMED}?ttl=600").status_code == 201
    assert loaded.post(f"{NAMED}/data", data=CSV, content_type="text/csv").status_code == 201
    return loaded


@pytest.fixture
def queue(redis: Redis, settings: Settings) -> JobQueue:
    """The queue in the hands of a worker that acts only when told."""
    return JobQueue(redis, settings, worker="w1")


def submit(api: FlaskClient, base: str = "") -> str:
    """Submit a job to the data set with this path; returns its id."""
    response = api.post(f"{base}/jobs", json=DAY)
    assert response.status_code == 202
    return str(response.get_json()["id"])


def dump(redis: Redis, but: str = "dataset:ours:") -> dict[bytes, bytes]:
    """Every key of the store with its content, but for those that begin so."""
    keys: Any = redis.keys()
    others = [key for key in sorted(keys) if not key.startswith(but.encode())]
    return {key: cast("bytes", redis.dump(key)) for key in others}


def expire(redis: Redis, name: str = "ours") -> None:
    """Set the end of the set's life to this second."""
    redis.zadd(DATA_SETS, {name: redis.time()[0]})


def test_the_keys_of_the_default_data_set_have_no_prefix() -> None:
    """The default data set lies where it lay before there were others."""
    keys = (DEFAULT.data, DEFAULT.index, DEFAULT.record("1"), DEFAULT.request("k"))
    assert keys == ("data", "jobs", "job:1", "request:k")


def test_all_that_a_named_set_writes_has_its_prefix(named: FlaskClient, redis: Redis) -> None:
    """Data, jobs and remembered requests of a named set lie under its prefix, nothing else does."""
    before = dump(redis)
    named.post(f"{NAMED}/jobs", json=DAY, headers={"Idempotency-Key": "k"})
    changed = {key for key, value in dump(redis).items() if before.get(key) != value}
    assert changed == {b"jobs:counters", b"hotqueue:jobs"}
    assert len(redis.keys("dataset:ours:*")) == 5


def test_deletion_costs_what_is_the_sets_own(
    named: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """Neither the store's keys nor the queue's messages are read for a set whose jobs are done."""
    submit(named, NAMED)
    delivery = queue.claim(())
    assert delivery is not None
    assert queue.finish(delivery, Status.COMPLETE, {})
    for _ in range(3):
        submit(named)
    redis.config_resetstat()
    named.delete(NAMED)
    calls: Any = redis.info("commandstats")
    assert "cmdstat_unlink" in calls
    assert not {"cmdstat_keys", "cmdstat_scan", "cmdstat_lrange"} & set(calls)
    assert redis.keys("dataset:ours:*") == []


def test_deletion_removes_all_of_the_set_and_nothing_else(
    named: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """Keys and messages of the set go; those of others stay as they are, in their order."""
    named.put("/datasets/theirs")
    named.post("/datasets/theirs/data", data=CSV, content_type="text/csv")
    submit(named)
    before = dump(redis)
    kept = redis.lrange(queue.key, 0, -1)
    redis.delete(queue.key)
    buried = submit(named, NAMED)
    redis.hset(Keys("ours").record(buried), "status", Status.FAILED)
    for message in (queue.encode(buried, "ours"), *kept, b"no JSON"):
        redis.rpush(queue.dead, message)
    mine = [submit(named, NAMED), submit(named, NAMED)]
    messages = [queue.encode(mine[0], "ours"), *kept, queue.encode(mine[1], "ours"), b"no JSON"]
    redis.delete(queue.key)
    redis.rpush(queue.key, *messages)

    assert named.delete(NAMED).status_code == 204
    assert redis.keys("dataset:ours:*") == []
    assert redis.lrange(queue.key, 0, -1) == [*kept, b"no JSON"]
    assert redis.lrange(queue.dead, 0, -1) == [*kept, b"no JSON"]
    after = dump(redis)
    same = before.keys() - {b"jobs:counters", b"datasets", b"hotqueue:jobs"}
    assert {key: after.get(key) for key in same} == {key: before[key] for key in same}
    assert redis.zrange(DATA_SETS, 0, -1) == [b"theirs"]


def test_a_name_that_begins_like_another_is_another(named: FlaskClient, redis: Redis) -> None:
    """Deleting `ours` leaves `ours-too` and `our` alone."""
    for name in ("ours-too", "our"):
        named.put(f"/datasets/{name}")
        named.post(f"/datasets/{name}/data", data=CSV, content_type="text/csv")
    assert named.delete(NAMED).status_code == 204
    assert set(redis.keys("dataset:*")) == {
        b"dataset:ours-too:data",
        b"dataset:our:data",
    }


def test_a_busy_worker_does_not_bring_a_deleted_set_back(
    named: FlaskClient, redis: Redis, run_worker: RunWorker
) -> None:
    """The result of a job whose data set went meanwhile is dropped, even if the name is back."""
    busy, go_on = threading.Event(), threading.Event()

    def work(_: Delivery) -> dict[str, str | bytes]:
        busy.set()
        assert go_on.wait(20)
        return {"result": b"{}", "plot": b""}

    job = submit(named, NAMED)
    run_worker(work)
    assert busy.wait(20)
    assert named.get(f"{NAMED}/jobs/{job}").get_json()["status"] == "in progress"
    assert named.delete(NAMED).status_code == 204
    assert named.put(NAMED).status_code == 201
    go_on.set()
    wait_until(
        lambda: redis.llen("hotqueue:jobs:processing:w0"),
        20,
        "the end of the job",
        until=lambda n: not n,
    )
    assert redis.keys("dataset:ours:*") == []
    assert named.get(f"{NAMED}/jobs").get_json() == {}
    assert named.get(f"{NAMED}/jobs/{job}").status_code == 404
    assert b"complete" not in redis.hgetall("jobs:counters")


def test_a_dead_workers_job_of_a_deleted_set_is_dropped(
    named: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """What a dead worker had in hand of a deleted data set goes to nobody."""
    submit(named, NAMED)
    assert queue.claim(()) is not None
    named.delete(NAMED)
    redis.zadd(queue.workers, {"w1": 1})
    assert queue.reap() == 1
    assert redis.lrange(queue.key, 0, -1) == redis.lrange(queue.dead, 0, -1) == []
    assert redis.keys("dataset:ours:*") == []


def test_a_dead_workers_job_of_a_named_set_goes_on(
    named: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """It is queued again, and after too many deliveries failed in its own data set."""
    job = submit(named, NAMED)
    for number in range(3):
        dying = JobQueue(redis, Settings(), worker=f"dying{number}")
        assert dying.claim(()) is not None
        redis.zadd(queue.workers, {dying.worker_name: 1})
        assert queue.reap() == 1
    assert named.get(f"{NAMED}/jobs/{job}").get_json()["status"] == "failed"
    assert redis.keys("job:*") == []


@pytest.mark.parametrize("name", ["", "UPPER", "a:b", "*", 7, {}, "x" * 64])
def test_a_message_with_a_bad_name_is_buried(redis: Redis, queue: JobQueue, name: object) -> None:
    """A message that names no possible data set is no job."""
    redis.rpush(queue.key, queue.serializer.dumps({"id": "0" * 8, "data_set": name}))
    good = {"id": "00000000-0000-4000-8000-000000000000", "data_set": name}
    redis.rpush(queue.key, queue.serializer.dumps(good))
    assert queue.claim(()) is None
    assert queue.claim(()) is None
    assert redis.llen(queue.dead) == 2


@pytest.mark.slow
def test_one_worker_does_the_jobs_of_all_sets(
    named: FlaskClient, start_worker: Callable[..., WorkerProcess]
) -> None:
    """The worker takes each job's days from its own data set, and its result goes there."""
    default, ours = submit(named), submit(named, NAMED)
    assert start_worker().process.poll() is None
    for path in (f"/results/{default}", f"{NAMED}/results/{ours}"):
        look = functools.partial(named.get, path)
        wait_until(look, 30, path, until=lambda answer: answer.status_code == 200)
    assert named.get(f"/results/{default}").get_json()["precipitation"] == {"total": 0.0}
    assert named.get(f"{NAMED}/results/{ours}").get_json()["precipitation"] == {"total": 1.0}


def test_an_expired_set_is_gone_at_once(named: FlaskClient, redis: Redis) -> None:
    """From the second of its end a set is not found, before anything removed it."""
    submit(named, NAMED)
    expire(redis)
    for path in (NAMED, f"{NAMED}/data", f"{NAMED}/jobs"):
        assert named.get(path).status_code == 404
    assert named.post(f"{NAMED}/jobs", json=DAY).status_code == 404
    assert named.delete(NAMED).status_code == 404
    assert named.get("/datasets").get_json() == {}
    assert redis.exists("dataset:ours:data")


def test_a_set_that_expired_is_empty_when_made_again(named: FlaskClient, redis: Redis) -> None:
    """A new set under the name of an expired one has nothing of it."""
    submit(named, NAMED)
    expire(redis)
    assert named.put(NAMED).get_json() == {"expires": None, "rows": 0, "jobs": 0}
    assert redis.llen("hotqueue:jobs") == 0


def test_a_worker_removes_what_expired(
    named: FlaskClient, redis: Redis, run_worker: RunWorker
) -> None:
    """Without any request an expired set vanishes; one that lives on stays, as the rest does."""
    named.put("/datasets/lives?ttl=600")
    before = dump(redis)
    expire(redis)
    run_worker(lambda _: {})
    wait_until(lambda: redis.keys("dataset:ours:*"), 20, "the removal", until=lambda keys: not keys)
    assert redis.zrange(DATA_SETS, 0, -1) == [b"lives"]
    after = dump(redis)
    assert after[b"data"] == before[b"data"]


def test_there_are_only_so_many(redis: Redis, queue: JobQueue) -> None:
    """Above the bound none is made, those there are can be renewed, an expired one makes room."""
    sets = DataSets(redis, queue, Settings(max_data_sets=2))
    assert sets.put("a", 600)
    assert sets.put("b", 0)
    with pytest.raises(Problem, match="there are 2 data sets") as refusal:
        sets.put("c", 0)
    assert refusal.value.status == 409
    assert not sets.put("a", 0)
    expire(redis, "b")
    assert sets.put("c", 0)
    assert sets.all().keys() == {"a", "c"}


def test_what_comes_after_the_deletion_is_refused(
    named: FlaskClient, redis: Redis, queue: JobQueue, settings: Settings
) -> None:
    """A request that found the set and writes after its deletion leaves nothing behind."""
    keys = Keys("ours")
    named.delete(NAMED)
    before = dump(redis, but="-")
    with pytest.raises(Problem, match="no data set 'ours'"):
        DataSet(redis, keys).replace(read_csv(CSV.encode()))
    with pytest.raises(Problem, match="no data set 'ours'"):
        Submission(redis, queue, settings, keys).submit(
            *DAY.values(), request_id="r", trace_id=None
        )
    assert dump(redis, but="-") == before


def test_a_slow_job_of_a_named_set_counts_as_the_oldest(
    named: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """New jobs are refused while one of whatever data set has waited too long."""
    record = Keys("ours").record(submit(named, NAMED))
    redis.hset(record, "datetime", timestamp(60))
    hasty = Settings(queue_max_age=30)
    with pytest.raises(Problem, match="the oldest job has waited since"):
        Submission(redis, queue, hasty).submit(*DAY.values(), request_id="r", trace_id=None)


@pytest.fixture
def full(named: FlaskClient, redis: Redis) -> Iterator[FlaskClient]:
    """The API on a Redis that takes no more writes, with a job in each data set."""
    submit(named)
    submit(named, NAMED)
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", 1)
    yield named
    redis.config_set("maxmemory", 0)


def test_refused_writes_leave_the_default_data_as_they_were(
    full: FlaskClient, redis: Redis
) -> None:
    """While Redis refuses writes, no route that would write changes anything."""
    before = dump(redis, but="-")
    csv = {"data": CSV, "content_type": "text/csv"}
    for base in ("", NAMED):
        assert full.post(f"{base}/data").status_code == 503
        assert full.post(f"{base}/data", **csv).status_code == 503
        assert full.post(f"{base}/jobs", json=DAY).status_code == 503
    assert full.put("/datasets/another?ttl=60").status_code == 503
    assert full.put(f"{NAMED}?ttl=60").status_code == 503
    assert dump(redis, but="-") == before


def test_a_set_is_deleted_although_writes_are_refused(full: FlaskClient, redis: Redis) -> None:
    """What frees memory works on a full Redis, and the messages of others stay."""
    before = dump(redis)
    assert full.delete(NAMED).status_code == 204
    assert redis.keys("dataset:ours:*") == []
    after = dump(redis)
    assert {key for key in before if after.get(key) != before[key]} == {
        b"datasets",
        b"hotqueue:jobs",
    }
    assert redis.llen("hotqueue:jobs") == 1
    assert redis.zcard("jobs") == 1


def test_a_worker_that_cannot_write_harms_nothing(
    full: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """A result that Redis refuses stays undone, and is done when there is room again."""
    redis.config_set("maxmemory", 0)
    delivery = queue.claim(("start", "end"))
    assert delivery is not None
    redis.config_set("maxmemory", 1)
    before = redis.dump("data")
    with pytest.raises(OutOfMemoryError):
        queue.claim(())
    redis.config_set("maxmemory", 0)
    assert queue.finish(delivery, Status.COMPLETE, {"result": b"{}"})
    assert redis.dump("data") == before


def test_a_full_redis_gets_the_result_and_gives_no_job(
    full: FlaskClient, redis: Redis, queue: JobQueue
) -> None:
    """A worker that finishes a job while writes are refused does not go on to fill Redis more."""
    redis.config_set("maxmemory", 0)
    delivery = queue.claim(())
    assert delivery is not None
    redis.config_set("maxmemory", 1)
    done = {"result": b"{}"}
    assert queue.finish_and_claim(delivery, Status.COMPLETE, done, ()) == (True, None)
    assert redis.hget(DEFAULT.record(delivery.job_id), "result") == b"{}"
    assert redis.llen(queue.key) == 1
    redis.config_set("maxmemory", 0)
    assert queue.claim(()) is not None


@pytest.mark.parametrize("name", ["default", "-a", "a-", "A", "a" * 64, "a_b"])
def test_a_name_that_no_set_may_have(loaded: FlaskClient, redis: Redis, name: str) -> None:
    """`default` is what people call the one of /data and /jobs: a second one would mislead."""
    answer = loaded.put(f"/datasets/{name}")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert redis.keys("dataset*") == []
