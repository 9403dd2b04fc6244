'use strict'

// What happens to jobs, each at once. Redis may be asked the same twice (a client sends again what was not answered
// when a line dropped), so each script gives the same answer the second time.

/** @type {Record<string, string>} */
const jobScripts = {
  // The point from which a job is one: its payload, its place in the line of its key. Putting it into a queue of BullMQ
  // comes after, and is done again by the sweep where it was missed.
  submit: `
local id, key, digest, data, opts, deferred, maxPending, format = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
local J = P .. 'j:' .. id
if redis.call('EXISTS', J) == 1 then
  if redis.call('HGET', J, 'digest') ~= digest then return {'conflict'} end
  return {'known', redis.call('HGET', J, 'q'), redis.call('HGET', J, 'd')}
end
if maxPending > 0 and redis.call('ZCARD', P .. 'pend') >= maxPending then return {'full'} end
if redis.call('EXISTS', P .. 'k:' .. key) == 0 then redis.call('INCR', P .. 'keys') end
redis.call('HSET', P .. 'k:' .. key, 'u', now)
redis.call('HSET', J, 'key', key, 'state', 'queued', 'at', now, 'digest', digest, 'opts', opts, 'v', format)
-- Apart: a hash whose values are short takes a fraction of the memory.
redis.call('SET', P .. 'jd:' .. id, data)
redis.call('ZADD', P .. 'pend', now, id)
local queue, d
if deferred == '1' then
  queue, d = 'entry', redis.call('HINCRBY', J, 'd', 1)
  redis.call('HSET', J, 'q', queue, 'qat', now, 'deferred', 1)
else
  line(id, key)
  queue, d = enqueue(id, key)
end
return {'new', queue, tostring(d)}`,

  // Where a job of the entry queue goes. A key without an owner becomes that of whoever asks, if it can take one.
  route: `
local id, s, can = ARGV[1], ARGV[2], ARGV[3]
local J = P .. 'j:' .. id
local key = redis.call('HGET', J, 'key')
if not key or redis.call('HGET', J, 'state') == 'ended' then return {'gone'} end
redis.call('HDEL', J, 'deferred')
line(id, key)
local K = P .. 'k:' .. key
local o = redis.call('HGET', K, 'o')
if o and not takes(o) then
  -- Its jobs have to leave the queue of the dead or the leaving first.
  return {'wait'}
end
if not o then
  local format = tonumber(redis.call('HGET', J, 'v') or '1')
  if can ~= '1' or not takes(s) or (not reads(s, format) and isRead(format)) then return {'wait'} end
  redis.call('HSET', K, 'o', s, 't', redis.call('INCR', P .. 'token'))
  redis.call('SADD', P .. 'sk:' .. s, key)
end
local queue, d = enqueue(id, key)
return {'to', queue, tostring(d)}`,

  // Whether a worker may run a job now, and how. One that leaves begins nothing more, or it might go in the middle of it.
  begin: `
local id, s = ARGV[1], ARGV[2]
local J = P .. 'j:' .. id
local f = redis.call('HMGET', J, 'key', 'state', 'cancel', 'failed', 'cp', 'next')
local key, state = f[1], f[2]
if not key or state == 'ended' then return {'ended'} end
local K = P .. 'k:' .. key
local o, t, thread, kopts = unpack(redis.call('HMGET', K, 'o', 't', 'th', 'opt'))
if o ~= s or not takes(s) then return {'elsewhere', key} end
line(id, key)
local head = redis.call('ZRANGE', P .. 'l:' .. key, 0, 0)[1]
if head ~= id then return {'later', key, redis.call('HGET', J, 'seq')} end
return {'go', key, t, state, f[3] or false, redis.call('GET', P .. 'jd:' .. id), thread or false, kopts or '{}', f[5] or '0', f[6] or '1', f[4] or '0'}`,

  // The first in the line of a key, and how often it was queued.
  head: `
local id = redis.call('ZRANGE', P .. 'l:' .. ARGV[1], 0, 0)[1]
if not id then return {} end
return {id, redis.call('HGET', P .. 'j:' .. id, 'd') or '0'}`,

  // From here on the agent may have been asked.
  sent: `
local id, key, s, token, thread, kopts = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not owns(key, s, token) then return 0 end
local J = P .. 'j:' .. id
if redis.call('HGET', J, 'state') == 'ended' then return -2 end
if redis.call('HEXISTS', J, 'cancel') == 1 then return -1 end
redis.call('HSET', J, 'state', 'sent', 'sess', s, 'th', thread)
redis.call('HDEL', J, 'cp')
redis.call('HSET', P .. 'k:' .. key, 'th', thread, 'opt', kopts)
return 1`,

  // A job that is to be run again, and it is known how far it came: 'open', the agent was asked and its turn has ended;
  // 'queued', it was not asked.
  again: `
local id, key, s, token, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not owns(key, s, token) then return 0 end
redis.call('HSET', P .. 'j:' .. id, 'state', state)
return 1`,

  // The stored thread holds what the job asked.
  checkpointed: `
if not owns(ARGV[2], ARGV[3], ARGV[4]) then return 0 end
redis.call('HSET', P .. 'j:' .. ARGV[1], 'cp', 1)
return 1`,

  append: `
local id, key, s, token, first, count, text, most, age = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8]), ARGV[9]
if not owns(key, s, token) then return 0 end
local J, E = P .. 'j:' .. id, P .. 'e:' .. id
local f = redis.call('HMGET', J, 'next', 'state')
local n = tonumber(f[1] or '1')
if n == first + count then return 1 end
if n ~= first or f[2] == 'ended' then return 0 end
redis.call('XADD', E, first .. '-0', 'n', count, 'd', text)
redis.call('HSET', J, 'next', n + count)
local held = redis.call('HINCRBY', J, 'held', #text)
while held > most do
  local old = redis.call('XRANGE', E, '-', '+', 'COUNT', 2)
  if #old < 2 then break end
  redis.call('XDEL', E, old[1][1])
  held = redis.call('HINCRBY', J, 'held', -#old[1][2][4])
end
redis.call('PEXPIRE', E, age)
redis.call('PUBLISH', E, n)
return 1`,

  finish: `
local id, key, s, token, text, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not owns(key, s, token) then return 0 end
if redis.call('HGET', P .. 'j:' .. id, 'state') == 'ended' then return 1 end
finish(id, key, text, keep)
return 1`,

  // A job ends without a worker: nobody has begun it, or it is no job at all.
  discard: `
local id, text, keep, states = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local J = P .. 'j:' .. id
local key, state = unpack(redis.call('HMGET', J, 'key', 'state'))
if not key then return 'gone' end
if state == 'ended' or not string.find(states, state, 1, true) then return state end
finish(id, key, text, keep)
return 'discarded'`,

  cancel: `
local id, reason, text, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local J = P .. 'j:' .. id
local key, state, sess = unpack(redis.call('HMGET', J, 'key', 'state', 'sess'))
if not key then return 'gone' end
if state == 'ended' then return 'ended' end
if state == 'queued' then finish(id, key, text, keep); return 'cancelled' end
redis.call('HSET', J, 'cancel', reason)
if sess then redis.call('PUBLISH', P .. 'c:' .. sess, 'job ' .. id) end
return 'asked'`,

  steer: `
local id, text, age = ARGV[1], ARGV[2], ARGV[3]
local J = P .. 'j:' .. id
local state, sess = unpack(redis.call('HMGET', J, 'state', 'sess'))
if not state then return 'gone' end
if state == 'ended' then return 'ended' end
-- The same line twice is the same request sent again.
if not redis.call('LPOS', P .. 'st:' .. id, text) then redis.call('RPUSH', P .. 'st:' .. id, text) end
redis.call('PEXPIRE', P .. 'st:' .. id, age)
if sess then redis.call('PUBLISH', P .. 'c:' .. sess, 'job ' .. id) end
return 'asked'`,

  // What somebody asked of a running job since.
  control: `
local id, key, s, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not owns(key, s, token) then return {0} end
local steers = redis.call('LRANGE', P .. 'st:' .. id, 0, -1)
redis.call('DEL', P .. 'st:' .. id)
local answers = redis.call('HGETALL', P .. 'ja:' .. id)
redis.call('DEL', P .. 'ja:' .. id)
return {1, redis.call('HGET', P .. 'j:' .. id, 'cancel'), steers, answers}`,

  ask: `
local id, key, s, token, request, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not owns(key, s, token) then return 0 end
redis.call('HSET', P .. 'q', request, text)
redis.call('SADD', P .. 'jq:' .. id, request)
redis.call('PUBLISH', P .. 'q', id)
return 1`,

  // The first answer is the one. The same answer by the same asker again is the first, sent twice.
  answer: `
local id, request, text, age = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local A = P .. 'ja:' .. id
if redis.call('HDEL', P .. 'q', request) == 0 then
  return redis.call('HGET', A, request) == text and 1 or 0
end
redis.call('SREM', P .. 'jq:' .. id, request)
redis.call('HSET', A, request, text)
redis.call('PEXPIRE', A, age)
local sess = redis.call('HGET', P .. 'j:' .. id, 'sess')
if sess then redis.call('PUBLISH', P .. 'c:' .. sess, 'job ' .. id) end
redis.call('PUBLISH', P .. 'q', id)
return 1`,

  withdraw: `
local id, request = ARGV[1], ARGV[2]
redis.call('SREM', P .. 'jq:' .. id, request)
if redis.call('HDEL', P .. 'q', request) == 1 then redis.call('PUBLISH', P .. 'q', id) end
return 1`,
}

module.exports = { jobScripts }
