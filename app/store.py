"""What API, worker and queue share about Redis: the connection, the key names, a job's states."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

RECORD_PREFIX = "job:"
"""`job:<id>` is a hash: the job's record, and with it its result and plot, so all go together."""
INDEX = "jobs"
"""Sorted set of job ids by order of submission."""
COUNTERS = "jobs:counters"
"""Hash of totals since the store was made: submitted, complete, failed."""
DATA = "data"
"""Hash of the loaded data set; one key, so that replacing it is one command."""

REQUEST_PREFIX = "request:"
"""`request:<Idempotency-Key>` is a hash: the job that a submission with this key made."""

RETRIES = 1
"""A connection that died while idle costs one retry; a Redis that is down is reported at once."""


class Status(StrEnum):
    """Where a job stands. It only moves downwards in this list."""

    SUBMITTED = "submitted"
    IN_PROGRESS = "in progress"
    COMPLETE = "complete"
    FAILED = "failed"


def record_key(job_id: str) -> str:
    """The Redis key of a job's record."""
    return RECORD_PREFIX + job_id


def timestamp(seconds_ago: float = 0.0) -> str:
    """Now or earlier, in UTC, as ISO 8601 with milliseconds: the form of times in a record.

    Of two such texts the later time is the greater one.
    """
    then = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return then.isoformat(timespec="milliseconds")


def connect(url: str, *, timeout: float, block: float = 0.0) -> Redis:
    """A client that connects at its first command.

    `timeout` is what an answer may take, `block` the longest time a blocking command waits, both in
    seconds. redis-py 8 gives up after 5 s by default, which ends a blocking read on an idle queue.
    """
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=timeout + block,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), RETRIES),
    )
    return Redis(connection_pool=pool)


def reason_of(error: RedisError) -> str:
    """What Redis answered, with the code that redis-py cuts off, as OOM or NOAUTH."""
    return " ".join(filter(None, (error.status_code, str(error))))
