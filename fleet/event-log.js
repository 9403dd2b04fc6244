'use strict'

const { onAbort } = require('../glue/signals.js')
const { clearInterval, setInterval } = require('node:timers')
const { setTimeout: sleep } = require('node:timers/promises')
const { JobNotFoundError } = require('./errors.js').classes
const { asked, run } = require('./redis.js')

/**
 * An event of a job: one of codex, or of the fleet (`fleet/...`). `seq` counts from 1 within the job.
 *
 * @typedef {{ seq: number, method: string, params: any }} JobEvent
 *
 * @typedef {object} Writer who may write
 * @property {import('ioredis').Redis} redis
 * @property {import('./names.js').Names} names
 * @property {string} id of the job
 * @property {string} key
 * @property {string} session
 * @property {string} token
 */

/** How long events are collected before they are written, once a first one was: a reader sees text that flows. */
const COLLECT_MS = 5
/** What may wait to be written before the turn's own log has to hold the rest. */
const MOST_WAITING = 1024 * 1024

/** The events of a job as its worker writes them: in batches, one write at a time, refused once the key is another's. */
class EventLog {
  /** @type {string[]} */
  #waiting = []
  #bytes = 0
  /** @type {Promise<void> | undefined} */
  #writing
  /** @type {(() => void) | undefined} */
  #hurry
  /** How many wait for all to be written. */
  #flushing = 0
  #ending = false

  /**
   * @param {Writer} writer
   * @param {number} next number of the next event
   * @param {{ maxBytes: number, keepMs: number }} limits
   * @param {(call: () => Promise<any>) => Promise<any>} persist a call that is made again while Redis is away
   * @param {() => void} fenced
   */
  constructor(writer, next, limits, persist, fenced) {
    this.writer = writer
    this.next = next
    this.limits = limits
    this.persist = persist
    this.fenced = fenced
    this.refused = false
  }

  /**
   * @param {{ method: string, params: unknown }} event
   * @returns {Promise<void> | undefined} a promise where the writer should wait
   */
  push({ method, params }) {
    if (this.refused) return
    let text = JSON.stringify({ method, params })
    let bytes = Buffer.byteLength(text)
    if (bytes > this.limits.maxBytes) {
      text = JSON.stringify({ method: 'fleet/omitted', params: { method, characters: text.length } })
      bytes = text.length
    }
    this.#waiting.push(text)
    this.#bytes += bytes
    if (this.#ending) return
    this.#writing ??= this.#write()
    if (this.#bytes > MOST_WAITING) {
      this.#hurry?.()
      return this.#writing
    }
  }

  /** Everything so far is written, or refused. */
  async flush() {
    this.#flushing++
    while (this.#writing !== undefined) {
      this.#hurry?.()
      await this.#writing
    }
    this.#flushing--
  }

  /**
   * What is not written yet, for who writes it together with the end: nothing more is written from here on.
   *
   * @returns {Promise<[first: number, count: number, text: string, maxBytes: number]>}
   */
  async rest() {
    this.#ending = true
    this.#hurry?.()
    await this.#writing
    return [this.next, this.#waiting.length, `[${this.#waiting.join(',')}]`, this.limits.maxBytes]
  }

  async #write() {
    try {
      while (this.#waiting.length > 0 && !this.refused && !this.#ending) {
        const events = this.#waiting
        this.#waiting = []
        this.#bytes = 0
        await this.#append(events)
        if (this.#waiting.length === 0 && this.#flushing === 0 && !this.#ending) await this.#pause()
      }
    } catch {
      // The lease is lost while Redis was away.
      this.refused = true
      this.#waiting = []
      this.fenced()
    } finally {
      this.#writing = undefined
      this.#hurry = undefined
    }
  }

  /** @param {string[]} events */
  async #append(events) {
    const { redis, names, id, key, session, token } = this.writer
    const { maxBytes, keepMs } = this.limits
    const text = `[${events.join(',')}]`
    const args = [id, key, session, token, this.next, events.length, text, maxBytes, keepMs]
    const taken = await this.persist(() => run(redis, names.root, 'append', ...args))
    if (taken === 1) this.next += events.length
    else {
      this.refused = true
      this.#waiting = []
      this.fenced()
    }
  }

  async #pause() {
    const hurry = new AbortController()
    this.#hurry = () => hurry.abort()
    await sleep(COLLECT_MS, undefined, { signal: hurry.signal }).catch(() => {})
  }
}

/** How often is looked, beside being told: a message may be lost with its line. */
const LOOK_MS = 10_000
/** How many entries are read at once; each may hold hundreds of events. */
const PAGE = 64

/**
 * The events of a job, from wherever a reader was, to the end.
 *
 * @param {Pick<import('./client.js').Inside, 'redis' | 'channels' | 'names' | 'check'>} fleet
 * @param {string} id of the job
 * @param {{ after?: number, signal?: AbortSignal }} options
 * @returns {AsyncGenerator<JobEvent, void, void>}
 */
function readEvents(fleet, id, options) {
  return leavable((leaving) => read(fleet, id, options, leaving))
}

/**
 * @param {Pick<import('./client.js').Inside, 'redis' | 'channels' | 'names' | 'check'>} fleet
 * @param {string} id
 * @param {{ after?: number, signal?: AbortSignal }} options
 * @param {AbortSignal} leaving
 * @returns {AsyncGenerator<JobEvent, void, void>}
 */
async function* read({ redis, channels, names, check }, id, { after = 0, signal }, leaving) {
  check()
  const stream = names.events(id)
  const waiter = new Waiter()
  const stop = await asked(
    channels.listen(stream, () => waiter.wake()),
    'events',
    check,
  )
  const wake = () => waiter.wake()
  const off = signal === undefined ? () => {} : onAbort(signal, wake)
  const stay = onAbort(leaving, wake)
  /** Whether the job was there when it was last looked for. */
  let known = false
  const timer = setInterval(() => {
    known = false
    waiter.wake()
  }, LOOK_MS).unref()
  try {
    let last = after
    let from = '-'
    // The entry that holds the next event began with it or before.
    if (after > 0) {
      const before = redis.xrevrange(stream, `${last + 1}-0`, '-', 'COUNT', 1)
      const [holding] = await asked(before, 'events', check)
      from = holding?.[0] ?? '-'
    }
    for (;;) {
      if (leaving.aborted) return
      signal?.throwIfAborted()
      check()
      const mark = waiter.mark()
      const entries = await asked(redis.xrange(stream, from, '+', 'COUNT', PAGE), 'events', check)
      for (const [entry, fields] of entries) {
        const first = Number.parseInt(entry, 10)
        const count = Number(fields[1])
        from = `(${entry}`
        if (first + count <= last + 1) {
          if (fields.length > 4) return
          continue
        }
        if (first > last + 1) {
          // What was trimmed is told, not passed over.
          yield { seq: first - 1, method: 'fleet/trimmed', params: { from: last + 1, to: first - 1 } }
          last = first - 1
        }
        const parsed = JSON.parse(/** @type {string} */ (fields[3]))
        for (const [index, event] of (Array.isArray(parsed) ? parsed : [parsed]).entries()) {
          if (first + index <= last) continue
          last = first + index
          yield { seq: last, ...event }
        }
        if (fields.length > 4) return
      }
      if (entries.length > 0) continue
      if (!known && (await asked(redis.exists(names.job(id)), 'events', check)) === 0) throw notFound(id)
      known = true
      await waiter.since(mark)
    }
  } finally {
    clearInterval(timer)
    off()
    stay()
    stop()
  }
}

/**
 * A generator that can be left while it waits, too; `return()` alone would wait with it.
 *
 * @template T
 * @param {(leaving: AbortSignal) => AsyncGenerator<T, void, void>} make
 */
function leavable(make) {
  const leaving = new AbortController()
  const generator = make(leaving.signal)
  const end = generator.return.bind(generator)
  generator.return = (value) => {
    leaving.abort()
    return end(value)
  }
  return generator
}

/** Waits for something that may happen before it is waited for. */
class Waiter {
  #count = 0
  /** @type {(() => void) | undefined} */
  #resolve
  wake() {
    this.#count++
    this.#resolve?.()
    this.#resolve = undefined
  }
  mark() {
    return this.#count
  }
  /**
   * @param {number} mark
   * @returns {Promise<void>}
   */
  since(mark) {
    if (this.#count !== mark) return Promise.resolve()
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }
}

/** @param {string} id */
const notFound = (id) =>
  new JobNotFoundError(`there is no job ${id}: it was never submitted, or is no longer kept`, {
    code: 'JOB_NOT_FOUND',
    jobId: id,
  })

module.exports.EventLog = EventLog
module.exports.LOOK_MS = LOOK_MS
module.exports.Waiter = Waiter
module.exports.leavable = leavable
module.exports.notFound = notFound
module.exports.readEvents = readEvents
