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
  local q, d, state = unpack(redis.call('HMGET', J, 'q', 'd', 'state'))
  return {state == 'ended' and 'ended' or 'known', q, d}
end
if maxPending > 0 and redis.call('ZCARD', P .. 'pend') >= maxPending then return {'full'} end
if redis.call('EXISTS', P .. 'k:' .. key) == 0 then redis.call('INCR', P .. 'keys') end
redis.call('HSET', P .. 'k:' .. key, 'u', now)
redis.call('HSET', J, 'key', key, 'state', 'queued', 'at', now, 'digest', digest, 'opts', opts, 'v', format, 'd', now)
-- Places count from the time on: BullMQ may still have those of a job of this id that is not kept any more.
-- Apart: a hash whose values are short takes a fraction of the memory.
redis.call('SET', P .. 'jd:' .. id, data)
redis.call('ZADD', P .. 'pend', now, id)
local queue, d
if deferred == '1' then
  queue, d = 'entry', redis.call('HINCRBY', J, 'd', 1)
  redis.call('HSET', J, 'q', queue, 'qat', now, 'deferred', 1)
  redis.call('HINCRBY', P .. 'k:' .. key, 'w', 1)
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
due(id, key)
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
  redis.call('HSET', K, 'o', s, 't', newToken())
  redis.call('SADD', P .. 'sk:' .. s, key)
end
return {'to', placed(id, key, enqueue(id, key))}`,

  // Whether a worker may run a job now, and how. One that leaves begins nothing more, or it might go in the middle of it.
  // Where the worker has the thread open, under the token that it still has, nothing comes between this and asking the
  // agent, and it is \`sent\`, too. \`ask\` tells this call, made again where its answer was lost, from another.
  begin: `
local id, s, held, heldToken, ask = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local J = P .. 'j:' .. id
local f = redis.call('HMGET', J, 'key', 'state', 'cancel', 'failed', 'cp', 'next', 'v', 'sess', 'ask')
local key, state = f[1], f[2]
if not key or state == 'ended' then return {'ended'} end
local K = P .. 'k:' .. key
local o, t, thread, kopts = unpack(redis.call('HMGET', K, 'o', 't', 'th', 'opt'))
if o ~= s or not takes(s) then return {'elsewhere', key} end
line(id, key)
if head(key)[1] ~= id then return {'later', key, redis.call('HGET', J, 'seq')} end
local asked = 0
if state == 'sent' and f[8] == s and f[9] == ask then state, asked = 'queued', 1
elseif state == 'queued' and not f[3] and thread and thread == held and t == heldToken and reads(s, tonumber(f[7] or '1')) then
  redis.call('HSET', J, 'state', 'sent', 'sess', s, 'th', thread, 'ask', ask)
  redis.call('HDEL', J, 'cp')
  asked = 1
end
return {'go', key, t, state, f[3] or false, redis.call('GET', P .. 'jd:' .. id), thread or false, kopts or '{}', f[5] or '0', f[6] or '1', f[4] or '0',
  asked, redis.call('EXISTS', P .. 'st:' .. id, P .. 'ja:' .. id)}`,

  head: `
return head(ARGV[1])`,

  // From here on the agent may have been asked. 2: somebody has said something for it.
  sent: `
local id, key, s, token, thread, kopts = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not owns(key, s, token) then return 0 end
local J = P .. 'j:' .. id
if redis.call('HGET', J, 'state') == 'ended' then return -2 end
if redis.call('HEXISTS', J, 'cancel') == 1 then return -1 end
redis.call('HSET', J, 'state', 'sent', 'sess', s, 'th', thread)
redis.call('HDEL', J, 'cp')
redis.call('HSET', P .. 'k:' .. key, 'th', thread, 'opt', kopts)
return redis.call('EXISTS', P .. 'st:' .. id, P .. 'ja:' .. id) > 0 and 2 or 1`,

  // A job that is to be run again, and it is known how far it came: 'open', the agent was asked and its turn has ended;
  // 'queued', it was not asked. -1: it was cancelled.
  again: `
local id, key, s, token, state, failed = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not owns(key, s, token) then return 0 end
if redis.call('HEXISTS', P .. 'j:' .. id, 'cancel') == 1 then return -1 end
redis.call('HSET', P .. 'j:' .. id, 'state', state)
-- How often it was tried.
if failed ~= '0' then redis.call('HSET', P .. 'j:' .. id, 'failed', failed) end
return 1`,

  // The stored thread holds what the job asked.
  checkpointed: `
if not owns(ARGV[2], ARGV[3], ARGV[4]) then return 0 end
redis.call('HSET', P .. 'j:' .. ARGV[1], 'cp', 1)
return 1`,

  append: `
local id, key, s, token, first, count, text, most, age = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8]), ARGV[9]
if not owns(key, s, token) then return 0 end
local n = append(id, first, count, text, most)
if not n then return 0 end
redis.call('PEXPIRE', P .. 'e:' .. id, age)
redis.call('PUBLISH', P .. 'e:' .. id, n)
return 1`,

  // With the events that were not written yet. Gives back the next of the key.
  finish: `
local id, key, s, token, text, keep, first, count, events, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
-- Made again where its answer was lost; a key of one job alone went with it.
local isOwner = owns(key, s, token)
if redis.call('HGET', P .. 'j:' .. id, 'state') == 'ended' then
  return {(isOwner or redis.call('HGET', P .. 'j:' .. id, 'by') == token) and 1 or 0, head(key)}
end
if not isOwner then return {0} end
if count > 0 and not append(id, first, count, events, most) then return {0} end
redis.call('HSET', P .. 'j:' .. id, 'by', token)
finish(id, key, text, keep, s)
return {1, head(key)}`,

  // How a job ended, if it has.
  ended: `
local state = redis.call('HGET', P .. 'j:' .. ARGV[1], 'state')
if not state then return {'gone'} end
if state ~= 'ended' then return {state} end
local last = redis.call('XREVRANGE', P .. 'e:' .. ARGV[1], '+', '-', 'COUNT', 1)[1]
if not last then return {'gone'} end
return {state, last[2][4]}`,

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
if state ~= 'sent' then finish(id, key, text, keep); return 'cancelled' end
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

  // What somebody asked of a running job since. What one call took stays until the next, for when its answer was lost.
  control: `
local id, key, s, token, call = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not owns(key, s, token) then return {0} end
local J, S, A = P .. 'j:' .. id, P .. 'st:' .. id, P .. 'ja:' .. id
if redis.call('HGET', J, 'control') ~= call then
  redis.call('HSET', J, 'control', call)
  for _, name in ipairs({S, A}) do
    redis.call('DEL', name .. ':taken')
    if redis.call('EXISTS', name) == 1 then redis.call('RENAME', name, name .. ':taken') end
  end
end
return {1, redis.call('HGET', J, 'cancel'), redis.call('LRANGE', S .. ':taken', 0, -1), redis.call('HGETALL', A .. ':taken')}`,

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
  return (redis.call('HGET', A, request) or redis.call('HGET', A .. ':taken', request)) == text and 1 or 0
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
