'use strict'

const { clearInterval, setInterval } = require('node:timers')
const { randomUUID } = require('node:crypto')
const { LOOK_MS, Waiter, leavable, notFound, readEvents } = require('./event-log.js')
const { cancelled, fromPlain, toPlain } = require('./errors.js')
const { JobEndedError } = require('./errors.js').classes
const { encodeInput } = require('./options.js')
const { asked, run } = require('./redis.js')
const { onAbort, untilAborted } = require('../glue/signals.js')
const { callsAsCalled } = require('../glue/caller.js')
const { argumentError } = require('../glue/json.js')
const { readOutput } = require('../glue/output.js')

/** @typedef {import('./event-log.js').JobEvent} JobEvent */

/** For how long a steer is kept for a turn that has not begun. */
const STEER_MS = 24 * 60 * 60_000

/** A job of a fleet, seen from anywhere. */
class Job {
  #fleet
  #output

  /**
   * @param {import('./client.js').Inside} fleet
   * @param {string} id
   * @param {import('../glue/output.js').Output} [output] how its answer is read
   */
  constructor(fleet, id, output) {
    this.#fleet = fleet
    this.#output = output
    this.id = id
  }

  /**
   * Its events, from the first or after one that was seen, until it has ended.
   *
   * @param {{ after?: number | string, signal?: AbortSignal }} [options]
   * @returns {AsyncGenerator<JobEvent, void, void>}
   */
  events({ after = 0, signal } = {}) {
    const number = Number(after)
    if (!Number.isSafeInteger(number) || number < 0) {
      throw argumentError(`after must be the number of an event, not ${JSON.stringify(after)}`)
    }
    return readEvents(this.#fleet, this.id, { after: number, signal })
  }

  [Symbol.asyncIterator]() {
    return this.events()
  }

  /** The same under the name that a turn has for it. @param {{ after?: number | string, signal?: AbortSignal }} [options] */
  stream(options) {
    return this.events(options)
  }

  /**
   * The assistant's text as it comes: of several messages with a blank line between them.
   *
   * @param {{ after?: number | string, signal?: AbortSignal }} [options]
   * @returns {AsyncGenerator<string, void, void>}
   */
  text(options) {
    const events = this.events(options)
    return leavable((leaving) => {
      onAbort(leaving, () => void events.return())
      return textOf(events)
    })
  }

  /**
   * Its result, once it has one. A job that failed rejects with what it failed with.
   *
   * @param {{ signal?: AbortSignal }} [options]
   */
  async result({ signal } = {}) {
    const { state, result, error } = await this.#end(signal)
    if (state !== 'completed') throw fromPlain(error, result)
    if (this.#output !== undefined && result.status === 'completed' && result.finalResponse !== null) {
      result.parsed = await readOutput(result, this.#output, signal)
    }
    return result
  }

  /** The same, for those who know it of a turn. @param {{ signal?: AbortSignal }} [options] */
  run(options) {
    return this.result(options)
  }

  /** Waits for the end of a job, however that is. @param {Job} job @returns {Promise<void>} */
  static async ended(job) {
    await job.#end()
  }

  /** @param {AbortSignal} [signal] @returns {Promise<any>} */
  async #end(signal) {
    const { redis, channels, names, check } = this.#fleet
    check()
    const waiter = new Waiter()
    const wake = () => waiter.wake()
    /** Told with the end, unless it is long. */
    let told = ''
    const listening = channels.listen(names.events(this.id), (message) => {
      // That there are more events is nothing to look for.
      if (message !== '' && !message.startsWith('end')) return
      told = message.slice(3)
      wake()
    })
    const stop = await asked(listening, 'result', check)
    const timer = setInterval(wake, LOOK_MS).unref()
    const off = signal === undefined ? () => {} : onAbort(signal, wake)
    try {
      for (;;) {
        signal?.throwIfAborted()
        check()
        const mark = waiter.mark()
        const looked = () => asked(run(redis, names.root, 'ended', this.id), 'result', check)
        const [state, text] = told === '' ? await looked() : ['ended', told]
        if (state === 'gone') throw notFound(this.id)
        if (state === 'ended') return JSON.parse(text).params
        await waiter.since(mark)
      }
    } finally {
      clearInterval(timer)
      off()
      stop()
    }
  }

  /**
   * Adds to what the job is told: to its running turn, or when that has begun.
   *
   * @param {unknown} input
   * @param {{ signal?: AbortSignal }} [options]
   */
  async steer(input, { signal } = {}) {
    const { call, checkSize } = this.#fleet
    signal?.throwIfAborted()
    const id = randomUUID()
    const text = JSON.stringify({ id, input: encodeInput(input) })
    checkSize(text, 'the input')
    const controller = new AbortController()
    const events = this.events({ signal: controller.signal })
    // From here on, so that the answer is not missed.
    const answer = (async () => {
      for await (const { method, params } of events) {
        if (method === 'fleet/steered' && params.id === id) return params
        if (method === 'fleet/ended') return { error: toPlain(this.#ended()) }
      }
      return { error: toPlain(this.#ended()) }
    })()
    answer.catch(() => {})
    try {
      const how = await call('steer', this.id, text, STEER_MS)
      if (how === 'gone') throw notFound(this.id)
      if (how === 'ended') throw this.#ended()
      const { error } = await untilAborted(answer, signal, () => signal?.reason)
      if (error !== undefined) throw fromPlain(error)
    } finally {
      controller.abort()
    }
  }

  #ended() {
    return new JobEndedError(`job ${this.id} has ended`, { code: 'JOB_ENDED', jobId: this.id })
  }

  /**
   * Ends the job: one that has not begun at once, a running one by interrupting its turn.
   *
   * @param {string} [reason]
   * @returns {Promise<boolean>} false where it had ended before
   */
  async cancel(reason = '') {
    if (typeof reason !== 'string') throw argumentError('reason must be a text')
    const { call, checkSize, keepMs } = this.#fleet
    checkSize(reason, 'the reason')
    const error = toPlain(cancelled(this.id, reason))
    const text = JSON.stringify({ method: 'fleet/ended', params: { state: 'failed', error } })
    const how = await call('cancel', this.id, reason, text, keepMs)
    if (how === 'gone') throw notFound(this.id)
    return how !== 'ended'
  }

  /**
   * The job as a turn. Its id is that of the job, by which a page on another machine finds it again.
   *
   * @param {{ signal?: AbortSignal }} [options]
   */
  async turn({ signal } = {}) {
    signal?.throwIfAborted()
    let { state, threadId } = await this.status()
    if (state === 'waiting') {
      for await (const { method, params } of this.events({ signal })) {
        if (method === 'fleet/begun') threadId = params.threadId
        break
      }
      state = 'running'
    }
    return {
      id: this.id,
      threadId: threadId ?? '',
      stream: (/** @type {{ after?: number, signal?: AbortSignal }} */ options = {}) =>
        this.events({ after: options.after ?? 0, signal: options.signal }),
      text: (/** @type {{ after?: number, signal?: AbortSignal }} */ options) => this.text(options),
      run: (/** @type {{ signal?: AbortSignal }} */ options) => this.result(options),
      result: (/** @type {{ signal?: AbortSignal }} */ options) => this.result(options),
      steer: (/** @type {unknown} */ input, /** @type {{ signal?: AbortSignal }} */ options) =>
        this.steer(input, options),
      interrupt: () => this.cancel('interrupted').then(() => {}),
      [Symbol.asyncIterator]: () => this.events(),
    }
  }

  /** Questions of this job, as `fleet.requests()` gives those of all. @param {{ signal?: AbortSignal }} [options] */
  requests(options) {
    return this.#fleet.requests({ ...options, jobId: this.id })
  }

  /** How it stands. */
  async status() {
    const { redis, names, within } = this.#fleet
    const fields = ['key', 'state', 'th', 'at', 'end']
    const [key, state, threadId, at, end] = await within(redis.hmget(names.job(this.id), ...fields), 'status')
    if (!state) throw notFound(this.id)
    return {
      id: this.id,
      key: /** @type {string} */ (key),
      state: state === 'sent' ? 'running' : state === 'ended' ? 'ended' : 'waiting',
      threadId: threadId ?? null,
      submittedAt: new Date(Number(at)),
      endedAt: end ? new Date(Number(end)) : null,
    }
  }
}

/**
 * @param {AsyncGenerator<JobEvent, void, void>} events
 * @returns {AsyncGenerator<string, void, void>}
 */
async function* textOf(events) {
  /** The message that spoke last. @type {string | undefined} */
  let last
  /** @type {Set<string>} */
  const told = new Set()
  for await (const { method, params } of events) {
    const isDelta = method === 'item/agentMessage/delta'
    // One that was not told in parts comes whole.
    const isWhole =
      method === 'item/completed' && params.item?.type === 'agentMessage' && !told.has(params.item.id)
    if (method === 'fleet/ended' && params.state !== 'completed') throw fromPlain(params.error, params.result)
    if (!isDelta && !isWhole) continue
    const [id, text] = isDelta ? [params.itemId, params.delta] : [params.item.id, params.item.text]
    if (!text) continue
    told.add(id)
    yield last === undefined || last === id ? text : `\n\n${text}`
    last = id
  }
}

callsAsCalled(Job, 'result run steer cancel turn status', 'events stream text requests')

module.exports.Job = Job
