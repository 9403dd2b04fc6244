'use strict'

/** @type {Record<string, string>} */
const storeScripts = {
  storePut: `
local T, token = P .. 't:' .. ARGV[1], tonumber(ARGV[2])
local held = tonumber(redis.call('HGET', T, 'token') or '0')
if token < held then return 0 end
redis.call('HSET', T, 'token', ARGV[2], 'data', ARGV[3])
return 1`,

  storeDelete: `
local T, token = P .. 't:' .. ARGV[1], tonumber(ARGV[2])
if token < tonumber(redis.call('HGET', T, 'token') or '0') then return 0 end
redis.call('DEL', T)
return 1`,
}

module.exports = { storeScripts }
