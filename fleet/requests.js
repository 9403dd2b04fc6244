'use strict'

const { randomUUID } = require('node:crypto')
const { clearInterval, setInterval } = require('node:timers')
const { onAbort } = require('../glue/signals.js')
const { callsAsCalled } = require('../glue/caller.js')
const { argumentError } = require('../glue/json.js')
const { LOOK_MS, Waiter, leavable } = require('./event-log.js')
const { asked } = require('./redis.js')

/** @typedef {import('./questions.js').Question} Question */

/** For how long an answer waits for a worker that is away. */
const ANSWER_MS = 60 * 60_000

/** A question of the agent, which whoever is first answers. */
class FleetRequest {
  #fleet
  #controller = new AbortController()

  /**
   * @param {import('./client.js').Inside} fleet
   * @param {Question} question
   */
  constructor(fleet, question) {
    this.#fleet = fleet
    this.id = question.id
    this.jobId = question.jobId
    this.key = question.key
    this.handler = question.handler
    /** What the handler of that name gets. @type {any} */
    this.request = question.request
    this.declinedAt = new Date(question.until)
  }

  /** Aborted when it is open no longer: answered, declined for want of an answer, or its turn is gone. */
  get signal() {
    return this.#controller.signal
  }

  /**
   * Answers it with what the handler of that name would return.
   *
   * @param {unknown} answer
   * @returns {Promise<boolean>} whether this answer is the one
   */
  async answer(answer) {
    if (JSON.stringify(answer) === undefined) throw argumentError('answer is missing, or no data')
    // What was sent again is known by it.
    const text = JSON.stringify({ by: randomUUID(), answer })
    this.#fleet.checkSize(text, 'the answer')
    return (await this.#fleet.call('answer', this.jobId, this.id, text, ANSWER_MS)) === 1
  }

  closed() {
    this.#controller.abort()
  }
}

callsAsCalled(FleetRequest, 'answer', '')

/**
 * The questions that are open, then those that come.
 *
 * @param {import('./client.js').Inside} fleet
 * @param {{ jobId?: string, signal?: AbortSignal }} options
 * @returns {AsyncGenerator<FleetRequest, void, void>}
 */
function readRequests(fleet, options) {
  return leavable((leaving) => read(fleet, options, leaving))
}

/**
 * @param {import('./client.js').Inside} fleet
 * @param {{ jobId?: string, signal?: AbortSignal }} options
 * @param {AbortSignal} leaving
 * @returns {AsyncGenerator<FleetRequest, void, void>}
 */
async function* read(fleet, { jobId, signal }, leaving) {
  const { redis, channels, names } = fleet
  fleet.check()
  const waiter = new Waiter()
  const wake = () => waiter.wake()
  const stops = [await asked(channels.listen(names.questions, wake), 'requests', fleet.check)]
  // A job that ends has none any more.
  if (jobId !== undefined) {
    stops.push(await asked(channels.listen(names.events(jobId), wake), 'requests', fleet.check))
  }
  const timer = setInterval(wake, LOOK_MS).unref()
  const off = signal === undefined ? () => {} : onAbort(signal, wake)
  const stay = onAbort(leaving, wake)
  /** @type {Map<string, FleetRequest>} */
  const open = new Map()
  const look = async () => {
    const all = await asked(redis.hgetall(names.questions), 'requests', fleet.check)
    for (const [id, request] of open) {
      if (id in all) continue
      open.delete(id)
      request.closed()
    }
    return Object.values(all)
  }
  // Who handles one request at a time still learns that it is over.
  let looking = look()
  const watch = setInterval(() => {
    looking = look().catch(() => [])
  }, LOOK_MS).unref()
  const watching = channels.listen(names.questions, () => {
    looking = look().catch(() => [])
  })
  const stopWatch = await asked(watching, 'requests', fleet.check)
  try {
    for (;;) {
      if (signal?.aborted || leaving.aborted) return
      fleet.check()
      const mark = waiter.mark()
      for (const text of await look()) {
        /** @type {Question} */
        const question = JSON.parse(text)
        if (open.has(question.id) || (jobId !== undefined && question.jobId !== jobId)) continue
        const request = new FleetRequest(fleet, question)
        open.set(question.id, request)
        yield request
      }
      if (jobId !== undefined) {
        const state = await asked(redis.hget(names.job(jobId), 'state'), 'requests', fleet.check)
        if (state === null || state === 'ended') return
      }
      await waiter.since(mark)
    }
  } finally {
    clearInterval(timer)
    clearInterval(watch)
    off()
    stay()
    stopWatch()
    for (const stop of stops) stop()
    await looking.catch(() => {})
    for (const request of open.values()) request.closed()
  }
}

module.exports.FleetRequest = FleetRequest
module.exports.readRequests = readRequests
