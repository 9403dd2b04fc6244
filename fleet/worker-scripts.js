'use strict'

// Who is there and whose a key is: leases of worker sessions, and what becomes of the keys of one that is dead.

/** @type {Record<string, string>} */
const workerScripts = {
  register: `
local s, lease = ARGV[1], tonumber(ARGV[2])
redis.call('HSET', P .. 's:' .. s, 'since', now, 'info', ARGV[3], 'format', ARGV[4])
redis.call('ZADD', P .. 'alive', now + lease, s)
return now`,

  // Renews a lease, and tells whose has run out. After a time without any beat Redis was away, or all were: then
  // everybody gets as long as a lease to come back before they are taken for dead.
  beat: `
local s, lease, load, account = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if not redis.call('ZSCORE', P .. 'alive', s) or redis.call('HEXISTS', P .. 's:' .. s, 'dead') == 1 then return {0} end
local last = tonumber(redis.call('GET', P .. 'beat') or '0')
-- Now and then only: where the one worker left is slow, its pauses must not keep the dead alive.
if now - last > lease and redis.call('SET', P .. 'graced', 1, 'NX', 'PX', 4 * lease) then
  redis.call('SET', P .. 'grace', 1, 'PX', lease)
end
redis.call('SET', P .. 'beat', now)
redis.call('ZADD', P .. 'alive', now + lease, s)
redis.call('HSET', P .. 's:' .. s, 'load', load)
local dead = {}
if redis.call('EXISTS', P .. 'grace') == 0 then
  dead = redis.call('ZRANGEBYSCORE', P .. 'alive', '-inf', now, 'LIMIT', 0, 10)
end
return {1, dead, redis.call('GET', P .. 'limit:' .. account) or '0'}`,

  // Takes up to \`most\` keys from a dead session. What it gives back has to be put into the queues named.
  bury: `
local s, most = ARGV[1], ARGV[2]
if not redis.call('ZSCORE', P .. 'alive', s) then return {'gone'} end
if lives(s) then return {'alive'} end
redis.call('HSET', P .. 's:' .. s, 'dead', 1)
local moved = {}
for _, key in ipairs(redis.call('SRANDMEMBER', P .. 'sk:' .. s, most)) do
  local K = P .. 'k:' .. key
  if redis.call('HGET', K, 'o') == s then redis.call('HDEL', K, 'o') end
  redis.call('SREM', P .. 'sk:' .. s, key)
  for _, id in ipairs(redis.call('ZRANGE', P .. 'l:' .. key, 0, -1)) do
    withdraw(id)
    table.insert(moved, placed(id, key, enqueue(id, key)))
  end
end
if redis.call('SCARD', P .. 'sk:' .. s) > 0 then return {'more', moved} end
redis.call('ZREM', P .. 'alive', s)
redis.call('DEL', P .. 's:' .. s)
redis.call('ZADD', P .. 'graves', now, s)
return {'done', moved}`,

  drain: `
if redis.call('EXISTS', P .. 's:' .. ARGV[1]) == 0 then return 0 end
redis.call('HSET', P .. 's:' .. ARGV[1], 'draining', 1)
return 1`,

  release: `
return release(ARGV[1], ARGV[2])`,

  // A job of a newer version goes to a worker that can read it, and with it its key; where none can it stays.
  pass: `
local id, key, s, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not owns(key, s, token) then return {0, {}} end
local format = tonumber(redis.call('HGET', P .. 'j:' .. id, 'v') or '1')
if reads(s, format) or not isRead(format) then return {1, {}} end
return {2, release(key, s)}`,

  leave: `
local s = ARGV[1]
if redis.call('SCARD', P .. 'sk:' .. s) > 0 then return 0 end
redis.call('ZREM', P .. 'alive', s)
redis.call('DEL', P .. 's:' .. s)
redis.call('ZADD', P .. 'graves', now, s)
return 1`,

  // Sessions that are over, whose queues somebody who did not know yet may have written to since. The second part may be
  // forgotten after this.
  graves: `
local age = tonumber(ARGV[1])
return {redis.call('ZRANGEBYSCORE', P .. 'graves', '-inf', '+inf', 'LIMIT', 0, 20), redis.call('ZRANGEBYSCORE', P .. 'graves', '-inf', now - age, 'LIMIT', 0, 20)}`,

  // Pending jobs that nothing has moved for a while, as {id, queue, how often it was queued}.
  stale: `
local age, from, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local found, ids = {}, redis.call('ZRANGE', P .. 'pend', from, from + most - 1)
for _, id in ipairs(ids) do
  local q, d, at = unpack(redis.call('HMGET', P .. 'j:' .. id, 'q', 'd', 'qat'))
  if not q then redis.call('ZREM', P .. 'pend', id)
  elseif tonumber(at) < now - age then table.insert(found, {id, q, d}) end
end
return {#ids, found}`,

  // Gives a job another place in the queues, if it has had none since; with what is left of its delay.
  requeue: `
local id, seen = ARGV[1], ARGV[2]
local J = P .. 'j:' .. id
local key, d, state, deferred, at, opts = unpack(redis.call('HMGET', J, 'key', 'd', 'state', 'deferred', 'at', 'opts'))
if not key or state == 'ended' or d ~= seen then return {} end
if deferred then
  redis.call('HSET', J, 'qat', now)
  local delay = cjson.decode(opts or '{}').delay or 0
  return placed(id, key, 'entry', redis.call('HINCRBY', J, 'd', 1), math.max(0, math.ceil(at + delay - now)))
end
return placed(id, key, enqueue(id, key))`,

  limit: `
local till = tonumber(ARGV[2])
if till <= now then return 0 end
redis.call('SET', P .. 'limit:' .. ARGV[1], till, 'PX', till - now)
return 1`,

  // Where a key's thread is kept, for as long as nobody uses it.
  forget: `
local key = ARGV[1]
local K = P .. 'k:' .. key
if redis.call('EXISTS', K) == 0 then return {'gone'} end
if redis.call('ZCARD', P .. 'l:' .. key) > 0 or redis.call('HEXISTS', K, 'w') == 1 then return {'busy'} end
local o, th = unpack(redis.call('HMGET', K, 'o', 'th'))
if o then redis.call('SREM', P .. 'sk:' .. o, key) end
redis.call('DEL', K)
if redis.call('DECR', P .. 'keys') <= 0 then redis.call('DEL', P .. 'keys') end
if o and th then redis.call('PUBLISH', P .. 'c:' .. o, 'forget ' .. th .. ' ' .. key) end
return {'done', th or ''}`,

  stats: `
local out = {}
for _, s in ipairs(redis.call('ZRANGE', P .. 'alive', 0, ARGV[1] - 1)) do
  local info, load, draining, since = unpack(redis.call('HMGET', P .. 's:' .. s, 'info', 'load', 'draining', 'since'))
  table.insert(out, {s, redis.call('ZSCORE', P .. 'alive', s), info or '{}', load or '{}', draining or '0',
    redis.call('SCARD', P .. 'sk:' .. s), since or '0'})
end
local oldest = redis.call('ZRANGE', P .. 'pend', 0, 0, 'WITHSCORES')
return {now, tonumber(redis.call('GET', P .. 'keys') or '0'), redis.call('ZCARD', P .. 'pend'), oldest[2] or '0',
  redis.call('HLEN', P .. 'q'), out}`,
}

module.exports = { workerScripts }
