"""The queue's steps that must happen as one, as Lua: Redis runs a script without interruption."""

from app.store import RECORD_OF

_HEX = "[0-9a-f]"
_UUID = "%-".join(_HEX * length for length in (8, 4, 4, 4, 12))

# The id and the data set of a message, or nil if it is none of ours. The names are those that
# app.store.is_name takes.
_JOB_OF = f"""
local function job_of(raw)
  local ok, message = pcall(cjson.decode, raw)
  if not (ok and type(message) == 'table' and type(message.id) == 'string') then return nil end
  if not string.find(message.id, '^{_UUID}$') then return nil end
  local name = message.data_set
  if name == nil or name == cjson.null then return message, '' end
  if type(name) ~= 'string' or #name > 63 or name == 'default' then return nil end
  if string.sub(name, -1) == '-' or not string.find(name, '^[a-z0-9][a-z0-9-]*$') then
    return nil
  end
  return message, name
end
"""

_BEAT = """
local function beat(workers, worker, lease)
  local time = redis.call('TIME')
  redis.call('ZADD', workers, time[1] + time[2] / 1e6 + lease, worker)
end
"""

# Returns false without a message, {} for one that is not to be done, otherwise {message, id, name
# of the data set, fields ...}. What is in the worker's hands already comes first: the
# reply with it was lost, or a blocking command has just moved it there.
_TAKE = (
    f"""{RECORD_OF}{_JOB_OF}{_BEAT}"""
    """
local function take(worker, now, status, fields)
  local raw = redis.call('LINDEX', KEYS[1], 0)
    or redis.call('LMOVE', KEYS[2], KEYS[1], 'LEFT', 'RIGHT')
  if not raw then return false end
  local message, name = job_of(raw)
  if not message then
    redis.call('LREM', KEYS[1], 1, raw)
    redis.call('RPUSH', KEYS[4], raw)
    return {}
  end
  local record = record_of(message)
  local had = redis.call('HMGET', record, 'status', 'worker', 'deliveries', unpack(fields))
  if not had[1] then
    redis.call('LREM', KEYS[1], 1, raw)
    return {}
  end
  local deliveries = (had[3] or 0) + (had[2] == worker and 0 or 1)
  redis.call('HSET', record, 'status', status, 'worker', worker, 'started', now,
    'deliveries', deliveries)
  return {raw, message.id, name, unpack(had, 4)}
end
"""
)

# KEYS processing, waiting, workers, dead
# ARGV worker, lease, now, status, then names of fields
TAKE = f"""{_TAKE}
beat(KEYS[3], ARGV[1], ARGV[2])
return take(ARGV[1], ARGV[3], ARGV[4], {{unpack(ARGV, 5)}})
"""

# The LREM is the fence: a message that is no longer in this worker's list belongs to another.
_FINISH = """
local function finish(record, processing, counters, raw, now, status, first)
  if redis.call('LREM', processing, 1, raw) == 0 or redis.call('EXISTS', record) == 0 then
    return 0
  end
  redis.call('HSET', record, 'status', status, 'finished', now, unpack(ARGV, first))
  redis.call('HINCRBY', counters, status, 1)
  return 1
end
"""

# KEYS record, processing, counters; ARGV message, now, status, then field, value ...
FINISH = f"{_FINISH} return finish(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], 4)"

# KEYS and ARGV of TAKE, with the number of names before them; then those of FINISH, but processing
# and now. Returns {whether it was finished, what TAKE returns}. A Redis that is full refuses the
# first command of a script, and takes all that come after one that frees memory: so the beat comes
# first, and when it is refused the outcome is written, but nothing taken.
FINISH_AND_TAKE = f"""{_TAKE}{_FINISH}
local worker, lease, now, status, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4], 6 + ARGV[5]
local room = pcall(beat, KEYS[3], worker, lease)
local done = finish(KEYS[5], KEYS[1], KEYS[6], ARGV[after], now, ARGV[after + 1], after + 2)
return {{done, room and take(worker, now, status, {{unpack(ARGV, 6, after - 1)}})}}
"""

# KEYS workers; ARGV worker, lease
BEAT = f"{_BEAT} return beat(KEYS[1], ARGV[1], ARGV[2])"

# KEYS workers, waiting, dead, counters
# ARGV prefix of processing lists, most deliveries, now, status failed, forget
REAP = (
    f"""{RECORD_OF}{_JOB_OF}"""
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local moved = 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  local raw = redis.call('RPOP', ARGV[1] .. worker)
  while raw do
    moved = moved + 1
    local message = job_of(raw)
    if not message then
      redis.call('RPUSH', KEYS[3], raw)
    elseif redis.call('EXISTS', record_of(message)) == 1 then
      local record = record_of(message)
      local deliveries = tonumber(redis.call('HGET', record, 'deliveries') or '0')
      if deliveries >= tonumber(ARGV[2]) then
        redis.call('RPUSH', KEYS[3], raw)
        redis.call('HSET', record, 'status', ARGV[4], 'finished', ARGV[3], 'reason',
          'handed out ' .. deliveries .. ' times, no worker finished it; the last was ' .. worker)
        redis.call('HINCRBY', KEYS[4], ARGV[4], 1)
      else
        redis.call('LPUSH', KEYS[2], raw)
      end
    end
    raw = redis.call('RPOP', ARGV[1] .. worker)
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[5])
return moved
"""
)
