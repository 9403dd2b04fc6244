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
  local f = redis.call('HMGET', P .. 'k:' .. key, 'o', 't')
  return f[1] == s and f[2] == token and lives(s)
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
-- A token that is larger than all before, also where a restart or a replica that took over has lost the last writes.
local function newToken()
  local token = math.max(tonumber(redis.call('GET', P .. 'token') or '0') + 1, now)
  token = string.format('%d', token)
  redis.call('SET', P .. 'token', token)
  return token
end
local function enqueue(id, key)
  local o = redis.call('HGET', P .. 'k:' .. key, 'o')
  local queue = 'entry'
  if takes(o) then queue = 'turns-' .. o end
  local d = redis.call('HINCRBY', P .. 'j:' .. id, 'd', 1)
  redis.call('HSET', P .. 'j:' .. id, 'q', queue, 'qat', now)
  return queue, d
end
-- What has to be put into a queue of BullMQ.
local function placed(id, key, queue, d, delay)
  return {id, queue, tostring(d), key, redis.call('HGET', P .. 'j:' .. id, 'opts') or '{}', tostring(delay or 0)}
end
local function line(id, key)
  local seq = redis.call('HGET', P .. 'j:' .. id, 'seq')
  if not seq then
    seq = redis.call('HINCRBY', P .. 'k:' .. key, 'n', 1)
    redis.call('HSET', P .. 'j:' .. id, 'seq', seq)
  end
  redis.call('ZADD', P .. 'l:' .. key, seq, id)
end
-- A job that is due later is in no line yet; its key counts it.
local function due(id, key)
  if redis.call('HDEL', P .. 'j:' .. id, 'deferred') == 0 then return end
  if redis.call('HINCRBY', P .. 'k:' .. key, 'w', -1) <= 0 then redis.call('HDEL', P .. 'k:' .. key, 'w') end
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
    table.insert(moved, placed(id, key, enqueue(id, key)))
  end
  return moved
end
-- Adds events from the number \`first\` on; false where somebody else has written there. The same twice is once.
local function append(id, first, count, text, most)
  local J, E = P .. 'j:' .. id, P .. 'e:' .. id
  local f = redis.call('HMGET', J, 'next', 'state')
  local n = tonumber(f[1] or '1')
  if n == first + count then return n end
  if n ~= first or f[2] == 'ended' then return false end
  -- Of a turn that said nothing for so long that what it had said is not kept any more.
  if redis.call('EXISTS', E) == 0 then redis.call('HSET', J, 'held', 0) end
  redis.call('XADD', E, first .. '-0', 'n', count, 'd', text)
  redis.call('HSET', J, 'next', n + count)
  local held = redis.call('HINCRBY', J, 'held', #text)
  while held > most do
    local old = redis.call('XRANGE', E, '-', '+', 'COUNT', 2)
    if #old < 2 then break end
    redis.call('XDEL', E, old[1][1])
    held = redis.call('HINCRBY', J, 'held', -#old[1][2][4])
  end
  return n
end
-- The first in the line of a key, and how often it was queued.
local function head(key)
  local id = redis.call('ZRANGE', P .. 'l:' .. key, 0, 0)[1]
  if not id then return {} end
  return {id, redis.call('HGET', P .. 'j:' .. id, 'd') or '0'}
end
-- What is told with the end, so that who waits for it need not ask.
local TOLD = 32768
local function finish(id, key, text, keep, by)
  local J, E = P .. 'j:' .. id, P .. 'e:' .. id
  local n = tonumber(redis.call('HGET', J, 'next') or '1')
  redis.call('XADD', E, n .. '-0', 'n', 1, 'd', text, 'end', 1)
  redis.call('HSET', J, 'state', 'ended', 'end', now, 'next', n + 1)
  due(id, key)
  redis.call('HDEL', J, 'cancel', 'ask', 'control')
  redis.call('DEL', P .. 'jd:' .. id, P .. 'st:' .. id, P .. 'st:' .. id .. ':taken', P .. 'ja:' .. id, P .. 'ja:' .. id .. ':taken')
  redis.call('ZREM', P .. 'pend', id)
  redis.call('ZREM', P .. 'l:' .. key, id)
  withdraw(id)
  -- A stream keeps room for 4 KB of further entries; one that is sealed needs none. Not every user may do it.
  if redis.call('XLEN', E) <= 16 then
    local dump = redis.pcall('DUMP', E)
    if type(dump) == 'string' then redis.pcall('RESTORE', E, 0, dump, 'REPLACE') end
  end
  redis.call('PEXPIRE', J, keep)
  redis.call('PEXPIRE', E, keep)
  redis.call('PUBLISH', E, 'end' .. (#text <= TOLD and text or ''))
  local o = redis.call('HGET', P .. 'k:' .. key, 'o')
  -- The thread of one job alone goes with it.
  if key == '~' .. id and redis.call('DEL', P .. 'k:' .. key) == 1 then
    if o then redis.call('SREM', P .. 'sk:' .. o, key) end
    if redis.call('DECR', P .. 'keys') <= 0 then redis.call('DEL', P .. 'keys') end
  end
  if o and o ~= by then redis.call('PUBLISH', P .. 'c:' .. o, 'line ' .. key) end
end
`

module.exports = { COMMON }
