"""What API, worker and queue share about Redis: the connection, the key names, a job's states."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

COUNTERS = "jobs:counters"
"""Hash of totals since the store was made, of all data sets: submitted, complete, failed."""
DATA_SETS = "datasets"
"""Sorted set of the named data sets by the end of their life, in seconds by Redis's clock."""

RETRIES = 1
"""A connection that died while idle costs one retry; a Redis that is down is reported at once."""


class Status(StrEnum):
    """Where a job stands. It only moves downwards in this list."""

    SUBMITTED = "submitted"
    IN_PROGRESS = "in progress"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the data set of this name keeps its things; no name means the default one.

    All keys of a named set begin with its prefix, and can be found: the records by the index, the
    requests by theirs. What is added here is also to be deleted by app/data_sets.py.
    """

    name: str = ""

    @property
    def prefix(self) -> str:
        """What the set's keys begin with."""
        return f"dataset:{self.name}:" if self.name else ""

    @property
    def data(self) -> str:
        """Hash of the loaded days; one key, so that replacing them is one command."""
        return f"{self.prefix}data"

    @property
    def index(self) -> str:
        """Sorted set of job ids by order of submission."""
        return f"{self.prefix}jobs"

    @property
    def records(self) -> str:
        """What the key of a record begins with."""
        return f"{self.prefix}job:"

    @property
    def path(self) -> str:
        """What the paths of the set's routes begin with."""
        return f"/datasets/{self.name}" if self.name else ""

    def record(self, job_id: str) -> str:
        """Hash of a job's record, and with it its result and plot, so that all go together."""
        return self.records + job_id

    def request(self, key: str) -> str:
        """Hash of the job that a submission with this Idempotency-Key made."""
        return f"{self.prefix}request:{key}"

    @property
    def requests(self) -> str:
        """Sorted set of the keys of those hashes by the end of their life."""
        return f"{self.prefix}requests"


DEFAULT = Keys()
"""The data set of /data and /jobs, whose keys have no prefix."""

RECORD_OF = f"""
local function record_of(message)
  if type(message.data_set) ~= 'string' then return '{DEFAULT.records}' .. message.id end
  return string.format('{Keys("%s").records}', message.data_set) .. message.id
end
"""
"""Lua: the key of the record that a message of the queue is about."""

GONE = """
local function gone(data_sets, name)
  if name == '' then return false end
  local life = redis.call('ZSCORE', data_sets, name)
  return not life or tonumber(life) <= tonumber(redis.call('TIME')[1])
end
"""
"""Lua: whether a named data set was deleted or is past the end of its life."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME_RULE = "must be 1 to 63 of a-z, 0-9 and -, with no - at either end, and not `default`"


def is_name(text: str) -> bool:
    """Whether a data set may have this name: one that Kubernetes would take for a name too.

    `default` would be taken for the one without a name, that of /data and /jobs.
    """
    return text != "default" and _NAME.fullmatch(text) is not None


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
