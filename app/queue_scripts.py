"""The queue's steps that must happen as one, as Lua: Redis runs a script without interruption."""

from app.store import RECORD_OF

# KEYS record, processing; ARGV message, worker, started, status, then names of fields to return
START = """
if not redis.call('LPOS', KEYS[2], ARGV[1]) then
  return false  -- taken over since: another worker has it, and may be done with it
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('LREM', KEYS[2], 1, ARGV[1])
  return false
end
if redis.call('HGET', KEYS[1], 'worker') ~= ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'deliveries', 1)
end
redis.call('HSET', KEYS[1], 'status', ARGV[4], 'worker', ARGV[2], 'started', ARGV[3])
return redis.call('HMGET', KEYS[1], 'status', unpack(ARGV, 5))
"""

# KEYS record, processing, counters; ARGV message, status, finished, then field, value ...
# The LREM is the fence: a message that is no longer in this worker's list belongs to another.
FINISH = """
if redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 or redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'finished', ARGV[3], unpack(ARGV, 4))
redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
return 1
"""

# KEYS workers; ARGV worker, lease
BEAT = """
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] + time[2] / 1e6 + ARGV[2], ARGV[1])
"""

# KEYS workers, waiting, dead, counters
# ARGV prefix of processing lists, most deliveries, now, status failed, forget
REAP = (
    f"""{RECORD_OF}"""
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local moved = 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  local raw = redis.call('RPOP', ARGV[1] .. worker)
  while raw do
    moved = moved + 1
    local ok, message = pcall(cjson.decode, raw)
    if not (ok and type(message) == 'table' and type(message.id) == 'string') then
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
