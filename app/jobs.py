"""Jobs as the API sees them: list, look at, delete, fetch what the worker made of them."""

import itertools
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, cast

from redis import Redis

from app.errors import Problem
from app.store import COUNTERS, DEFAULT, Keys, Status

FIELDS = (
    "status",
    "start",
    "end",
    "datetime",
    "started",
    "finished",
    "worker",
    "reason",
    "request_id",
    "trace_id",
)
"""The fields of a record that GET /jobs/<id> shows, in its order."""

BATCH = 1000
"""Records that are read at once: some 100 kB of the list of all, in 2 ms."""

# KEYS index; ARGV prefix of records, number to go on after, last number or '+inf' for that of now,
# most jobs, status or ''
# Returns {number to go on after or '' at the end, last number, jobs as the inside of an object}.
_LIST = """
local last = ARGV[3]
if last == '+inf' then last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2] or '0' end
local found = redis.call('ZRANGE', KEYS[1], '(' .. ARGV[2], last, 'BYSCORE', 'LIMIT', 0, ARGV[4],
  'WITHSCORES')
local jobs = {}
for at = 1, #found, 2 do
  local id = found[at]
  local values = redis.call('HMGET', ARGV[1] .. id, 'status', 'datetime')
  if values[1] and (ARGV[5] == '' or ARGV[5] == values[1]) then  -- without one it was just deleted
    jobs[#jobs + 1] = '"' .. id .. '":{"datetime":' .. cjson.encode(values[2] or '') ..
      ',"status":' .. cjson.encode(values[1]) .. '}'
  end
end
local more = #found == 2 * ARGV[4] and found[#found] or ''
return {more, last, table.concat(jobs, ',')}
"""

# KEYS index; ARGV prefix of records
_DELETE_ALL = """
local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, id in ipairs(ids) do redis.call('DEL', ARGV[1] .. id) end
redis.call('DEL', KEYS[1])
return #ids
"""


class Jobs:
    """The jobs of one data set in Redis. Any method can raise redis.RedisError."""

    def __init__(self, redis: Redis, keys: Keys = DEFAULT) -> None:
        self._redis = redis
        self._keys = keys
        self._list: Any = redis.register_script(_LIST)
        self._delete_all: Any = redis.register_script(_DELETE_ALL)

    def all(self, status: str | None = None) -> Iterable[bytes]:
        """Every job by id, in order of submission, each with `datetime` and `status`: as JSON.

        With `status` only those that have it. Of many jobs, the pieces after the first are read
        when they are asked for; jobs that are submitted meanwhile are left out.
        """
        more, last, jobs = self._list_some("-inf", "+inf", status)
        if not more:
            return [b"{" + jobs + b"}"]
        return itertools.chain([b"{" + jobs], self._list_rest(more, last, status, bool(jobs)))

    def _list_rest(
        self, more: bytes, last: bytes, status: str | None, comma: bool
    ) -> Iterator[bytes]:
        while more:
            more, _, jobs = self._list_some(more, last, status)
            if jobs:
                yield b"," * comma + jobs
                comma = True
        yield b"}"

    def _list_some(
        self, after: str | bytes, last: str | bytes, status: str | None
    ) -> tuple[bytes, bytes, bytes]:
        args = [self._keys.records, after, last, BATCH, status or ""]
        return cast("tuple[bytes, bytes, bytes]", self._list(keys=[self._keys.index], args=args))

    def page(
        self, limit: int, after: int, status: str | None = None
    ) -> tuple[dict[str, dict[str, str]], int | None]:
        """Up to `limit` jobs submitted later than number `after`, and the number to go on after.

        That number is None on the last page. It stays valid when jobs are deleted. With `status`
        only jobs that have it are on the pages.
        """
        found: dict[str, dict[str, str]] = {}
        numbers: list[int] = []
        batch = limit + 1 if status is None else BATCH
        rows: Any = [()]
        while rows and len(found) <= limit:
            rows = self._redis.zrange(
                self._keys.index,
                f"({after}",
                "+inf",
                byscore=True,
                offset=0,
                num=batch,
                withscores=True,
            )
            after = int(rows[-1][1]) if rows else after
            jobs = _having(status, self._summaries(job_id for job_id, _ in rows))
            numbers += [int(number) for job_id, number in rows if job_id.decode() in jobs]
            found |= jobs
        more = numbers[limit - 1] if len(found) > limit else None
        return dict(itertools.islice(found.items(), limit)), more

    def get(self, job_id: str) -> dict[str, str | None]:
        """The whole record, with None where nothing is yet. Raises Problem 404."""
        job_id = canonical(job_id)
        values = self._fields(job_id, FIELDS)
        return {"id": job_id} | {
            name: value.decode() if value is not None else None
            for name, value in zip(FIELDS, values, strict=True)
        }

    def delete(self, job_id: str) -> None:
        """Remove the job with result and plot; its message finds no record. Raises Problem 404."""
        job_id = canonical(job_id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(self._keys.record(job_id))
        pipe.zrem(self._keys.index, job_id)
        if not pipe.execute()[0]:
            raise _unknown(job_id)

    def delete_all(self) -> int:
        """Remove every job; returns how many there were."""
        return int(self._delete_all(keys=[self._keys.index], args=[self._keys.records]))

    def result(self, job_id: str) -> bytes:
        """The result as JSON. Raises Problem 404, or 409 while it is not there."""
        return self._product(job_id, "result")[0]

    def plot(self, job_id: str) -> tuple[bytes, str]:
        """The plot as PNG and a name for its file. Raises Problem 404, or 409 while not there."""
        image, start, end = self._product(job_id, "plot")
        return image, f"weather-{start.decode()}-{end.decode()}.png"

    def totals(self) -> dict[str, int]:
        """How many jobs were submitted, became complete and failed, in all data sets together."""
        names = ("submitted", str(Status.COMPLETE), str(Status.FAILED))
        counts: Any = self._redis.hmget(COUNTERS, names)
        return {name: int(count or 0) for name, count in zip(names, counts, strict=True)}

    def _summaries(self, job_ids: Any) -> dict[str, dict[str, str]]:
        ids = [job_id.decode() for job_id in job_ids]
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(self._keys.record(job_id), "datetime", "status")
        return {
            job_id: {"datetime": when.decode(), "status": status.decode()}
            for job_id, (when, status) in zip(ids, pipe.execute(), strict=True)
            if status is not None  # deleted between the two commands
        }

    def _fields(self, job_id: str, names: Iterable[str]) -> list[bytes | None]:
        job_id = canonical(job_id)
        values: Any = self._redis.hmget(self._keys.record(job_id), ["id", *names])
        if values[0] is None:
            raise _unknown(job_id)
        return cast("list[bytes | None]", values[1:])

    def _product(self, job_id: str, name: str) -> list[bytes]:
        status, reason, *product = self._fields(job_id, ("status", "reason", name, "start", "end"))
        if product[0] is None:
            why = f": {reason.decode()}" if reason else ""
            raise Problem(409, f"job {job_id} has no {name}, it is {(status or b'').decode()}{why}")
        return cast("list[bytes]", product)


def canonical(job_id: str) -> str:
    """The id as it is stored: UUIDs compare without case. Raises Problem 404 if it is none."""
    try:
        found = str(uuid.UUID(job_id))
    except ValueError:
        found = ""
    if job_id.lower() != found:
        raise Problem(404, f"{job_id!r} is not a job id: an id is a UUID with its hyphens")
    return found


def _having(status: str | None, jobs: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {key: job for key, job in jobs.items() if status in (None, job["status"])}


def _unknown(job_id: str) -> Problem:
    return Problem(404, f"there is no job {job_id}")
