'use strict'

const { randomUUID } = require('node:crypto')
const { ENTRY, FORMAT, Names, queueOf } = require('./names.js')
const { IdempotencyConflictError, FleetError } = require('./errors.js').classes
const { Job } = require('./job.js')
const { Queues } = require('./queues.js')
const { Channels, bullmq, connect, disconnect, run, within } = require('./redis.js')
const { readRequests } = require('./requests.js')
const { LONGEST_MS, checkSize, encode, inOneOrder } = require('./options.js')
const { checkSchedule, digest, idOf } = require('./schedule.js')
const { readStats } = require('./stats.js')
const { callsAsCalled } = require('../glue/caller.js')
const { onAbort } = require('../glue/signals.js')
const { argumentError, checkObject, checkSignal } = require('../glue/json.js')
const { takeOutput } = require('../glue/output.js')

/**
 * What a fleet gives to its jobs and requests.
 *
 * @typedef {object} Inside
 * @property {import('ioredis').Redis} redis
 * @property {import('./redis.js').Channels} channels
 * @property {import('./names.js').Names} names
 * @property {number} keepMs
 * @property {() => void} check throws where the fleet was closed
 * @property {(text: string, what: string) => void} checkSize throws where a text is too large to be queued
 * @property {<T>(promise: Promise<T>, what: string) => Promise<T>} within what Redis answers in time
 * @property {(script: string, ...args: (string | number)[]) => Promise<any>} call
 * @property {(options?: { jobId?: string, signal?: AbortSignal }) => AsyncGenerator<any, void, void>} requests
 */

const KNOWN = 'connection fleet timeoutMs maxPayloadBytes maxPending keepMs telemetry store'.split(' ')

/** A fleet seen from where jobs are submitted. */
class Fleet {
  /** @type {Promise<void> | undefined} */
  #closed
  /** @type {Inside} */
  #inside

  /** @param {any} options */
  constructor(options) {
    bullmq()
    checkObject(options, 'options')
    for (const name of Object.keys(options)) {
      if (!KNOWN.includes(name))
        throw argumentError(`options.${name} is unknown; known are ${KNOWN.join(', ')}`)
    }
    const { connection, fleet, telemetry, store } = options
    if (connection === undefined) throw argumentError('options.connection is missing: where Redis is')
    this.timeoutMs = positive(options.timeoutMs ?? 30_000, 'timeoutMs', LONGEST_MS)
    this.maxPayloadBytes = positive(options.maxPayloadBytes ?? 4 * 1024 * 1024, 'maxPayloadBytes')
    this.maxPending = options.maxPending === undefined ? 0 : positive(options.maxPending, 'maxPending')
    const keepMs = positive(options.keepMs ?? 24 * 60 * 60_000, 'keepMs')
    this.store = store
    const names = new Names(fleet)
    const redis = connect(connection)
    const channels = new Channels(connect(connection))
    // What is asked of it rejects; the connections come back by themselves.
    for (const client of [redis, channels.redis]) client.on('error', () => {})
    this.queues = new Queues(redis, names, telemetry)
    this.#inside = {
      redis,
      channels,
      names,
      check: () => {
        if (this.#closed !== undefined) throw closed()
      },
      checkSize: (text, what) => checkSize(text, this.maxPayloadBytes, what),
      keepMs,
      within: (promise, what) => this.#within(promise, what),
      call: (script, ...args) => this.#within(run(redis, names.root, script, ...args), script),
      requests: (options) => this.requests(options),
    }
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @param {string} what
   */
  async #within(promise, what) {
    const { check } = this.#inside
    try {
      check()
    } catch (error) {
      promise.catch(() => {})
      throw error
    }
    return within(promise, this.timeoutMs, what, check)
  }

  /** The queue of BullMQ for jobs whose key nobody has: its limits, its schedules, its counts. */
  get queue() {
    return this.queues.get(ENTRY)
  }

  /** The queue of a worker's session, as `stats()` names it. @param {string} session */
  queueOf(session) {
    return this.queues.get(queueOf(session))
  }

  /**
   * @param {any} input
   * @param {Record<string, any>} [options]
   * @returns {Promise<import('./job.js').Job>}
   */
  async submit(input, options = {}) {
    const { rest, output } = takeOutput(options, 'options')
    const { payload, job } = encode(input, rest, this.maxPayloadBytes)
    const { idempotencyKey, signal } = options
    if (signal !== undefined) checkSignal(signal, 'options')
    signal?.throwIfAborted()
    const id = idempotencyKey === undefined ? `j${randomUUID()}` : idOf(idempotencyKey)
    // A thread for this job alone is forgotten with it.
    const key = options.key ?? `~${id}`
    const deferred = job.delay > 0 ? 1 : 0
    const args = [
      id,
      key,
      digest(`${key}\n${idempotencyKey === undefined ? payload : inOneOrder(payload)}`),
      payload,
      JSON.stringify({ ...job, ...this.queues.trace() }),
      deferred,
      this.maxPending,
      FORMAT,
    ]
    const [how, queue, place] = await this.#inside.call('submit', ...args)
    if (how === 'conflict') {
      throw new IdempotencyConflictError(
        `idempotencyKey ${JSON.stringify(idempotencyKey)} is another job's`,
        {
          code: 'IDEMPOTENCY_CONFLICT',
          jobId: id,
        },
      )
    }
    if (how === 'full') {
      throw new FleetError(`${this.maxPending} jobs are waiting already`, {
        code: 'FLEET_FULL',
        retryable: true,
      })
    }
    // From here on it is a job; where this fails, a worker finds it.
    if (how === 'new' || how === 'known') await this.queues.put(queue, id, place, key, job).catch(() => {})
    const handle = new Job(this.#inside, id, output)
    if (signal !== undefined) tie(handle, signal)
    return handle
  }

  /**
   * A job that was submitted before, here or elsewhere.
   *
   * @param {string} id
   */
  job(id) {
    if (typeof id !== 'string' || id === '') throw argumentError('id must be that of a job')
    return new Job(this.#inside, id)
  }

  /** @param {string} idempotencyKey */
  jobOf(idempotencyKey) {
    return this.job(idOf(idempotencyKey))
  }

  /**
   * Submits again and again, as a job scheduler of BullMQ.
   *
   * @param {string} name
   * @param {any} repeat
   * @param {any} input
   * @param {Record<string, any>} options
   */
  async schedule(name, repeat, input, options) {
    this.#inside.check()
    await checkSchedule(name, repeat)
    const { key, idempotencyKey, signal } = options ?? {}
    if (idempotencyKey !== undefined || signal !== undefined || options?.job?.delay !== undefined) {
      throw argumentError('options of a schedule can have no idempotencyKey, signal or job.delay')
    }
    if (key === undefined) throw argumentError('options.key is missing: a schedule goes on with one thread')
    const { rest } = takeOutput(options, 'options')
    const { payload, job } = encode(input, rest, this.maxPayloadBytes)
    const template = { name: 'scheduled', data: { key, payload, opts: job } }
    await this.#within(this.queue.upsertJobScheduler(name, repeat, /** @type {any} */ (template)), 'schedule')
  }

  /** @param {string} name @returns {Promise<boolean>} whether there was one */
  unschedule(name) {
    return this.#within(this.queue.removeJobScheduler(name), 'unschedule')
  }

  /** @param {{ jobId?: string, signal?: AbortSignal }} [options] */
  requests(options = {}) {
    return readRequests(this.#inside, options)
  }

  stats() {
    return this.#within(readStats(this.#inside, this.queues), 'stats')
  }

  /**
   * Forgets a key and its thread; the next job of the key has a new one.
   *
   * @param {string} key
   */
  async forget(key) {
    const [how, threadId] = await this.#inside.call('forget', key)
    if (how === 'busy') {
      throw new FleetError(`key ${JSON.stringify(key)} has jobs that have not ended`, { code: 'KEY_BUSY' })
    }
    if (how !== 'done') return false
    const { redis, names } = this.#inside
    if (threadId !== '') {
      await (this.store
        ? this.store.delete(threadId, { token: Number.MAX_SAFE_INTEGER })
        : this.#within(redis.del(names.thread(threadId)), 'forget'))
    }
    return true
  }

  /** @returns {Promise<void>} */
  close() {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close() {
    await this.queues.close()
    await Promise.all([disconnect(this.#inside.redis), this.#inside.channels.close()])
  }

  [/** @type {typeof Symbol.asyncDispose} */ (Symbol.asyncDispose ?? Symbol('asyncDispose'))]() {
    return this.close()
  }
}

/**
 * An abort cancels a job, until that has ended.
 *
 * @param {Job} job
 * @param {AbortSignal} signal
 */
function tie(job, signal) {
  const off = onAbort(signal, () => void job.cancel('aborted').catch(() => {}))
  // Where that is not to be heard any more, the fleet is closed.
  void Job.ended(job).then(off, off)
}

const closed = () => new FleetError('the fleet was closed', { code: 'FLEET_CLOSED' })

/** @param {any} value @param {string} name @param {number} [most] @returns {number} */
function positive(value, name, most = 2 ** 40) {
  if (Number.isInteger(value) && value > 0 && value <= most) return value
  throw argumentError(`options.${name} must be an integer from 1 to ${most}`)
}

callsAsCalled(Fleet, 'submit schedule unschedule stats forget close', 'requests')

module.exports.Fleet = Fleet
