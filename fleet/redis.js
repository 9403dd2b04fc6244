'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { createHash } = require('node:crypto')
const { argumentError } = require('../glue/json.js')
const { COMMON } = require('./script-common.js')
const { jobScripts } = require('./job-scripts.js')
const { storeScripts } = require('./store-scripts.js')
const { workerScripts } = require('./worker-scripts.js')
const { unavailable } = require('./errors.js')

/**
 * @typedef {import('ioredis').Redis} Redis
 * @typedef {import('ioredis').RedisOptions} RedisOptions
 * @typedef {string | RedisOptions | Redis | import('ioredis').Cluster} Connection
 */

const bodies = { ...jobScripts, ...workerScripts, ...storeScripts }
/** @type {Record<string, { text: string, sha: string }>} */
const scripts = {}
for (const [name, body] of Object.entries(bodies)) {
  const text = COMMON + body
  scripts[name] = { text, sha: createHash('sha1').update(text).digest('hex') }
}

/**
 * A package that this entry needs and that the user installs.
 *
 * @template T
 * @param {() => T} load
 * @param {string} name
 * @returns {T}
 */
function peer(load, name) {
  try {
    return load()
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'MODULE_NOT_FOUND') throw error
    throw new Error(`codex-node/fleet needs "${name}": npm install bullmq ioredis`, { cause: error })
  }
}
const bullmq = () => peer(() => require('bullmq'), 'bullmq')
const ioredis = () => peer(() => require('ioredis'), 'ioredis')

/** @param {unknown} value @returns {value is Redis} */
const isClient = (value) => typeof (/** @type {Redis} */ (value)?.defineCommand) === 'function'

/**
 * A connection of ours. One that is given as a client is duplicated, so that whoever made it may close it.
 *
 * @param {Connection} connection
 * @param {RedisOptions} [over]
 * @returns {Redis}
 */
function connect(connection, over = {}) {
  const { Redis } = ioredis()
  // A worker waits for a Redis that is away; its lease says for how long it may go on meanwhile.
  const ours = { maxRetriesPerRequest: null, retryStrategy: backoff, ...over }
  let client
  if (typeof connection === 'string') client = new Redis(connection, ours)
  else if (isClient(connection)) client = connection.duplicate(ours)
  else if (typeof connection === 'object' && connection !== null) {
    client = new Redis({ .../** @type {RedisOptions} */ (connection), ...ours })
  } else throw argumentError('connection must be a redis:// URL, options of ioredis or a client of it')
  if (client.options.keyPrefix) {
    client.disconnect()
    throw argumentError(
      'connection.keyPrefix is not possible, BullMQ has none; use `fleet` for names of its own',
    )
  }
  client.on('error', () => hush(client))
  return client
}

/** ioredis listens for one error of a socket; another, as TLS has them, would end the process. @param {Redis} redis */
function hush(redis) {
  redis.stream?.on('error', () => {})
}

/** @param {number} times */
const backoff = (times) => Math.min(50 * 2 ** Math.min(times, 10), 1_000)

/**
 * Runs a script, loading it where Redis has lost it (it was restarted).
 *
 * @param {Redis} redis
 * @param {string} root
 * @param {string} name
 * @param {(string | number | Buffer)[]} args
 * @returns {Promise<any>}
 */
async function run(redis, root, name, ...args) {
  const { sha, text } = /** @type {{ sha: string, text: string }} */ (scripts[name])
  try {
    return await redis.evalsha(sha, 1, root, ...args)
  } catch (error) {
    if (!String(/** @type {Error} */ (error).message).startsWith('NOSCRIPT')) throw error
    return redis.eval(text, 1, root, ...args)
  }
}

/**
 * The same for callers who are told what is wrong with Redis instead of waiting for it.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeoutMs
 * @param {string} what
 * @param {() => void} [check] throws where the fleet was closed
 * @returns {Promise<T>}
 */
async function within(promise, timeoutMs, what, check) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis did not answer for ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, late]))
  } catch (error) {
    check?.()
    throw unavailable(what, error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The same for readers, who wait for a Redis that is away.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what
 * @param {() => void} [check] throws where the fleet was closed
 * @returns {Promise<T>}
 */
async function asked(promise, what, check) {
  try {
    return await promise
  } catch (error) {
    check?.()
    throw unavailable(what, error)
  }
}

/** Channels of one connection, each with its listeners; they are also called when a line was lost and is back. */
class Channels {
  /** @type {Map<string, { listeners: Set<(message: string) => void>, subscribed: Promise<unknown> }>} */
  #channels = new Map()

  /** @param {Redis} redis a connection that does nothing else */
  constructor(redis) {
    this.redis = redis
    redis.on('message', (channel, message) => {
      for (const listener of this.#channels.get(channel)?.listeners ?? []) listener(message)
    })
    // What was published meanwhile is lost.
    redis.on('ready', () => {
      // Whoever looks before the channels are subscribed to again may miss what comes in between.
      redis.ping().then(
        () => this.#tellAll(),
        () => {},
      )
    })
  }

  #tellAll() {
    for (const { listeners } of this.#channels.values()) for (const listener of listeners) listener('')
  }

  /** Everybody looks: there is nothing to wait for any more. */
  close() {
    this.#tellAll()
    return disconnect(this.redis)
  }

  /**
   * @param {string} channel
   * @param {(message: string) => void} listener gets '' when something may have been missed
   * @returns {Promise<() => void>} ends it
   */
  async listen(channel, listener) {
    const known = this.#channels.get(channel)
    const one = known ?? { listeners: new Set(), subscribed: this.redis.subscribe(channel) }
    this.#channels.set(channel, one)
    one.listeners.add(listener)
    const stop = () => {
      one.listeners.delete(listener)
      if (one.listeners.size > 0 || this.#channels.get(channel) !== one) return
      this.#channels.delete(channel)
      if (this.redis.status !== 'end') this.redis.unsubscribe(channel).catch(() => {})
    }
    try {
      await one.subscribed
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }
}

/**
 * Ends a connection, whatever state it is in.
 *
 * @param {Redis} redis
 */
async function disconnect(redis) {
  if (redis.status === 'end') return
  const ended = new Promise((resolve) => redis.once('end', resolve))
  // Between two attempts ioredis tells nobody that it has ended, neither this nor what waits for answers.
  if (redis.status === 'reconnecting') redis.status = 'wait'
  hush(redis)
  redis.disconnect()
  await ended
}

module.exports.asked = asked
module.exports.Channels = Channels
module.exports.bullmq = bullmq
module.exports.connect = connect
module.exports.disconnect = disconnect
module.exports.run = run
module.exports.within = within
