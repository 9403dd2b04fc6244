'use strict'

// What scripts have in common. Every script has `KEYS[1]` = the root of the fleet's names, and goes by the clock of
// Redis, the one that all machines share.

const COMMON = `
local P = KEYS[1]
local function clock() local t = redis.call('TIME'); return t[1] * 1000 + math.floor(t[2] / 1000) end
local now = clock()
local function lives(s)
  if not s then return false end
  local till = redis.call('ZSCORE', P .. 'alive', s)
  return till and tonumber(till) > now
end
local function takes(s)
  return lives(s) and redis.call('HGET', P .. 's:' .. s, 'draining') ~= '1'
end
-- Whether a write under this token is of the key's owner. The token grows with each owner that a key has, and a
-- worker whose lease ran out may no longer write, even before somebody else has its keys.
local function owns(key, s, token)
  return lives(s) and redis.call('HGET', P .. 'k:' .. key, 'o') == s and redis.call('HGET', P .. 'k:' .. key, 't') == token
end
-- Whether a worker can read jobs of a format, and whether any that takes some can.
local function reads(s, format)
  return tonumber(redis.call('HGET', P .. 's:' .. s, 'format') or '1') >= format
end
local function isRead(format)
  for _, s in ipairs(redis.call('ZRANGEBYSCORE', P .. 'alive', '(' .. now, '+inf')) do
    if takes(s) and reads(s, format) then return true end
  end
  return false
end
local function enqueue(id, key)
  local o = redis.call('HGET', P .. 'k:' .. key, 'o')
  local queue = 'entry'
  if takes(o) then queue = 'turns-' .. o end
  local d = redis.call('HINCRBY', P .. 'j:' .. id, 'd', 1)
  redis.call('HSET', P .. 'j:' .. id, 'q', queue, 'qat', now)
  return queue, d
end
local function line(id, key)
  local seq = redis.call('HGET', P .. 'j:' .. id, 'seq')
  if not seq then
    seq = redis.call('HINCRBY', P .. 'k:' .. key, 'n', 1)
    redis.call('HSET', P .. 'j:' .. id, 'seq', seq)
  end
  redis.call('ZADD', P .. 'l:' .. key, seq, id)
end
local function withdraw(id)
  for _, r in ipairs(redis.call('SMEMBERS', P .. 'jq:' .. id)) do redis.call('HDEL', P .. 'q', r) end
  if redis.call('DEL', P .. 'jq:' .. id) == 1 then redis.call('PUBLISH', P .. 'q', id) end
end
-- A worker lets go of a key. What this gives back has to be put into the queues named.
local function release(key, s)
  local K = P .. 'k:' .. key
  redis.call('SREM', P .. 'sk:' .. s, key)
  if redis.call('HGET', K, 'o') ~= s then return {} end
  redis.call('HDEL', K, 'o')
  local moved = {}
  for _, id in ipairs(redis.call('ZRANGE', P .. 'l:' .. key, 0, -1)) do
    withdraw(id)
    local queue, d = enqueue(id, key)
    table.insert(moved, {id, queue, tostring(d)})
  end
  return moved
end
local function finish(id, key, text, keep)
  local J, E = P .. 'j:' .. id, P .. 'e:' .. id
  local n = tonumber(redis.call('HGET', J, 'next') or '1')
  redis.call('XADD', E, n .. '-0', 'n', 1, 'd', text, 'end', 1)
  redis.call('HSET', J, 'state', 'ended', 'end', now, 'next', n + 1)
  redis.call('HDEL', J, 'cancel')
  redis.call('DEL', P .. 'jd:' .. id)
  redis.call('ZREM', P .. 'pend', id)
  redis.call('ZREM', P .. 'l:' .. key, id)
  redis.call('DEL', P .. 'st:' .. id)
  withdraw(id)
  -- A stream keeps room for 4 KB of further entries; one that is sealed needs none. Not every user may do it.
  if redis.call('XLEN', E) <= 16 then
    local dump = redis.pcall('DUMP', E)
    if type(dump) == 'string' then redis.pcall('RESTORE', E, 0, dump, 'REPLACE') end
  end
  redis.call('PEXPIRE', J, keep)
  redis.call('PEXPIRE', E, keep)
  redis.call('PUBLISH', E, n)
  local o = redis.call('HGET', P .. 'k:' .. key, 'o')
  -- The thread of one job alone goes with it.
  if string.sub(key, 1, 1) == '~' and redis.call('DEL', P .. 'k:' .. key) == 1 then
    if o then redis.call('SREM', P .. 'sk:' .. o, key) end
    if redis.call('DECR', P .. 'keys') <= 0 then redis.call('DEL', P .. 'keys') end
  end
  if o then redis.call('PUBLISH', P .. 'c:' .. o, 'line ' .. key) end
end
`

module.exports = { COMMON }
