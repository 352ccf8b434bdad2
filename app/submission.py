"""New jobs: saved and queued as one step, once for each key of the client, while there is room."""

import uuid
from typing import Any, Protocol

from redis import Redis

from app.data import unknown_data_set
from app.errors import Problem
from app.settings import Settings
from app.store import (
    COUNTERS,
    DATA_SETS,
    DEFAULT,
    GONE,
    RECORD_OF,
    Keys,
    Status,
    timestamp,
)

REMEMBERED = 24 * 3600
"""Seconds that an Idempotency-Key is known: longer than any client goes on trying."""

RETRY_AFTER = "10"
"""Seconds after which a refused client should try again: a worker does some 200 jobs in them."""

# KEYS record, index, counters, waiting, request, data sets, requests
# ARGV id, message, most waiting, oldest time, name of the data set, seconds to remember the request
# or 0, then field, value ...
# Returns {0} when the job is saved, {1, id, start, end} when the request made that one before,
# {2, length} or {3, time} when there is no room, {4} when there is no such data set any more.
# A retry after a lost reply finds the record and does nothing.
_SUBMIT = (
    f"""{RECORD_OF}{GONE}"""
    """
if gone(KEYS[6], ARGV[5]) then return {4} end
if redis.call('EXISTS', KEYS[1]) == 1 then return {0} end
if ARGV[6] ~= '0' and redis.call('EXISTS', KEYS[5]) == 1 then
  return {1, unpack(redis.call('HMGET', KEYS[5], 'id', 'start', 'end'))}
end
local length = redis.call('LLEN', KEYS[4])
if length >= tonumber(ARGV[3]) then return {2, length} end
local ok, oldest = pcall(cjson.decode, redis.call('LINDEX', KEYS[4], 0) or '')
if ok and type(oldest) == 'table' and type(oldest.id) == 'string' then
  local since = redis.call('HGET', record_of(oldest), 'datetime')
  if since and since < ARGV[4] then return {3, since} end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[3], 'submitted', 1), ARGV[1])
redis.call('RPUSH', KEYS[4], ARGV[2])
if ARGV[6] ~= '0' then
  redis.call('HSET', KEYS[5], unpack(ARGV, 7))
  redis.call('EXPIRE', KEYS[5], ARGV[6])
  local now = redis.call('TIME')[1]
  redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now)
  redis.call('ZADD', KEYS[7], now + ARGV[6], KEYS[5])
end
return {0}
"""
)


class Outbox(Protocol):
    """Where the message of a new job goes: a Redis list and how to write to it."""

    @property
    def key(self) -> str:
        """The Redis key of the list."""

    def encode(self, job_id: str, data_set: str) -> bytes:
        """The message for a job of this data set."""


class Submission:
    """Makes jobs of one data set. Its methods can raise redis.RedisError."""

    def __init__(
        self, redis: Redis, outbox: Outbox, settings: Settings, keys: Keys = DEFAULT
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._outbox = outbox
        self._settings = settings
        self._script: Any = redis.register_script(_SUBMIT)

    def earlier(self, key: str | None, start: str, end: str) -> dict[str, str] | None:
        """The job that a submission with this key made before, or None.

        Raises Problem 409 when it was for another period.
        """
        if key is None:
            return None
        found: Any = self._redis.hmget(self._keys.request(key), "id", "start", "end")
        return None if found[0] is None else _same(key, found, start, end)

    def submit(
        self,
        start: str,
        end: str,
        *,
        request_id: str,
        trace_id: str | None,
        key: str | None = None,
    ) -> dict[str, str]:
        """Save a job and queue it as one step; returns its id, status, start and end.

        With a `key` it is the job that an earlier submission with the key made. Raises Problem 409
        when that was for another period, 429 when the queue is full or too slow, 404 when the data
        set was deleted meanwhile.
        """
        job_id = str(uuid.uuid4())
        job = _job(job_id, start, end)
        record = job | {"datetime": timestamp(), "request_id": request_id}
        if trace_id:
            record["trace_id"] = trace_id
        code, *found = self._script(
            keys=[
                self._keys.record(job_id),
                self._keys.index,
                COUNTERS,
                self._outbox.key,
                self._keys.request(str(key)),
                DATA_SETS,
                self._keys.requests,
            ],
            args=[
                job_id,
                self._outbox.encode(job_id, self._keys.name),
                self._settings.queue_max_length,
                timestamp(self._settings.queue_max_age),
                self._keys.name,
                REMEMBERED if key is not None else 0,
                *(part for pair in record.items() for part in pair),
            ],
        )
        if code == 1:
            return _same(str(key), found, start, end)
        if code == 2:
            raise _busy(f"{found[0]} jobs are waiting")
        if code == 3:
            raise _busy(f"the oldest job has waited since {found[0].decode()}")
        if code == 4:
            raise unknown_data_set(self._keys.name)
        return job


def _job(job_id: str, start: str, end: str) -> dict[str, str]:
    return {"id": job_id, "status": str(Status.SUBMITTED), "start": start, "end": end}


def _same(key: str, found: list[bytes], start: str, end: str) -> dict[str, str]:
    job_id, *period = (value.decode() for value in found)
    if period != [start, end]:
        detail = f"Idempotency-Key {key!r} made job {job_id}, from {period[0]} to {period[1]}"
        raise Problem(409, detail)
    return _job(job_id, start, end)


def _busy(why: str) -> Problem:
    return Problem(429, f"no new job is taken: {why}", headers={"Retry-After": RETRY_AFTER})
