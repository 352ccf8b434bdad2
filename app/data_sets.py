"""The named data sets: made, listed, deleted with all that is theirs, expired by themselves.

A name stands in one sorted set with the end of its life, by Redis's clock. A set whose life is
over is treated as gone from that second on; what it leaves is removed by `sweep`.
"""

from datetime import UTC, datetime
from typing import Any, Protocol

from redis import Redis

from app.data import unknown_data_set
from app.errors import Problem
from app.settings import Settings
from app.store import DATA_SETS, GONE, NAME_RULE, Keys, Status, is_name

LONGEST_LIFE = 30 * 24 * 3600
"""Seconds: the largest time to live; what shall live longer has none."""

# Touches only what is the set's own: the jobs of others, and their messages when none of the set
# waits, may be many. Messages are taken out in place, so that those of others never leave their
# list. ZREM comes first: a Redis that is full takes it, and then the other commands too.
_REMOVE = f"""
local function take_out(list, name)
  for at, raw in ipairs(redis.call('LRANGE', list, 0, -1)) do
    if string.find(raw, name, 1, true) then  -- spares reading all others as JSON
      local ok, message = pcall(cjson.decode, raw)
      if ok and type(message) == 'table' and message.data_set == name then
        redis.call('LSET', list, at - 1, 'of a deleted data set')
      end
    end
  end
  redis.call('LREM', list, 0, 'of a deleted data set')
end
local function remove(keys, name)
  redis.call('ZREM', keys[1], name)
  local index = string.format('{Keys("%s").index}', name)
  local requests = string.format('{Keys("%s").requests}', name)
  local queued, failed = false, false
  for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local record = string.format('{Keys("%s").records}', name) .. id
    local status = redis.call('HGET', record, 'status')
    failed = failed or status == '{Status.FAILED}'
    queued = queued or status ~= '{Status.FAILED}' and status ~= '{Status.COMPLETE}'
    redis.call('UNLINK', record)
  end
  for _, key in ipairs(redis.call('ZRANGE', requests, 0, -1)) do redis.call('UNLINK', key) end
  redis.call('UNLINK', index, requests, string.format('{Keys("%s").data}', name))
  if queued then take_out(keys[2], name) end
  if failed then take_out(keys[3], name) end
end
local function sweep(keys)
  local now = redis.call('TIME')[1]
  local names = redis.call('ZRANGEBYSCORE', keys[1], '-inf', now)
  for _, name in ipairs(names) do remove(keys, name) end
  return #names
end
"""

# KEYS data sets, waiting, dead
_SWEEP = f"{_REMOVE} return sweep(KEYS)"

# KEYS data sets, waiting, dead; ARGV name
_DELETE = f"""{GONE}{_REMOVE}
if gone(KEYS[1], ARGV[1]) then return 0 end
remove(KEYS, ARGV[1])
return 1
"""

# KEYS data sets, waiting, dead; ARGV name, seconds to live or 0, most
# Returns 1 when it is new, 0 when it was there, -1 when there are too many.
_PUT = f"""{_REMOVE}
sweep(KEYS)
local new = not redis.call('ZSCORE', KEYS[1], ARGV[1])
if new and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
local life = ARGV[2] == '0' and '+inf' or redis.call('TIME')[1] + ARGV[2]
redis.call('ZADD', KEYS[1], life, ARGV[1])
return new and 1 or 0
"""


class Lists(Protocol):
    """The lists of a queue in which messages of a data set can lie."""

    @property
    def key(self) -> str:
        """The Redis key of the waiting messages."""

    @property
    def dead(self) -> str:
        """The Redis key of those that are not tried again."""


class DataSets:
    """All named data sets. Any method can raise redis.RedisError."""

    def __init__(self, redis: Redis, lists: Lists, settings: Settings) -> None:
        self._redis = redis
        self._keys = [DATA_SETS, lists.key, lists.dead]
        self._most = settings.max_data_sets
        self._put: Any = redis.register_script(_PUT)
        self._delete: Any = redis.register_script(_DELETE)
        self._sweep: Any = redis.register_script(_SWEEP)

    def put(self, name: str, ttl: int) -> bool:
        """Make a data set that lives `ttl` seconds from now, 0 for ever; True if it is new.

        One that is there keeps all it has. Raises Problem 409 when there are too many.
        """
        made = self._put(keys=self._keys, args=[name, ttl, self._most])
        if made < 0:
            detail = f"there are {self._most} data sets, and no more may be"
            raise Problem(409, f"{detail}; DELETE /datasets/<name> removes one")
        return bool(made)

    def delete(self, name: str) -> None:
        """Remove the data set with its jobs, results and waiting messages. Raises Problem 404."""
        if not self._delete(keys=self._keys, args=[name]):
            raise unknown_data_set(name)

    def sweep(self) -> int:
        """Remove what is left of data sets whose life is over; returns how many there were."""
        return int(self._sweep(keys=self._keys, args=[]))

    def all(self) -> dict[str, dict[str, object]]:
        """Every data set by name: the end of its life, its days and jobs, counted."""
        seconds: Any = self._redis.time()
        alive: Any = self._redis.zrange(
            DATA_SETS, f"({seconds[0]}", "+inf", byscore=True, withscores=True
        )
        return self._tell({name.decode(): life for name, life in alive})

    def _tell(self, lives: dict[str, float]) -> dict[str, dict[str, object]]:
        """What is told of data sets, by their names and the ends of their lives."""
        pipe = self._redis.pipeline(transaction=False)
        for name in lives:
            pipe.hget(Keys(name).data, "rows")
            pipe.zcard(Keys(name).index)
        counts = pipe.execute()
        return {
            name: {"expires": _moment(lives[name]), "rows": int(rows or 0), "jobs": jobs}
            for name, rows, jobs in zip(lives, counts[::2], counts[1::2], strict=True)
        }

    def get(self, name: str) -> dict[str, object]:
        """What `all` tells of one data set. Raises Problem 404."""
        return self._tell({name: self.check(name)})[name]

    def check(self, name: str) -> float:
        """Return the end of a data set's life. Raises Problem 404 when there is none."""
        if not is_name(name):
            raise Problem(404, f"{name!r} is not the name of a data set: it {NAME_RULE}")
        pipe = self._redis.pipeline(transaction=False)
        pipe.zscore(DATA_SETS, name)
        pipe.time()
        life, (now, _) = pipe.execute()
        if life is None or life <= now:
            raise unknown_data_set(name)
        return float(life)


def _moment(life: float) -> str | None:
    """The end of a life as ISO 8601 in UTC, None for one without end."""
    return None if life == float("inf") else datetime.fromtimestamp(life, UTC).isoformat()
