// @ts-check
'use strict'

const { argumentError } = require('../glue/json.js')
const { parseStep } = require('./step.js')
const { show } = require('./validate.js')

/** @typedef {InstanceType<typeof import('./recorded-request.js').RecordedRequest>} RecordedRequest */
/** @typedef {import('./step.js').PlannedStep} PlannedStep */
/** @typedef {(request: RecordedRequest) => unknown} Respond */

const FALLBACK = 'Hello from the scripted provider: the script has no step for this request.'
/** In the place of a fallback: a request for which there is no step is a fault. */
const FAIL = 'fail'

/**
 * @param {unknown} match
 * @returns {(request: RecordedRequest) => boolean}
 */
function matcher(match) {
  if (typeof match === 'string') return ({ userText }) => userText?.includes(match) ?? false
  if (match instanceof RegExp) {
    // Without the flags that make `test` remember where it stopped.
    const regExp = new RegExp(match.source, match.flags.replace(/[gy]/g, ''))
    return ({ userText }) => userText !== undefined && regExp.test(userText)
  }
  if (typeof match === 'function') return (request) => Boolean(match(request))
  throw argumentError(`when: expected a string, a RegExp or a function to match, got ${show(match)}`)
}

/** The steps for one kind of prompt, played from the start in each turn, one per request. */
class Rule {
  #matches
  #steps
  /** @type {Map<string, number>} */
  #played = new Map()

  /**
   * @param {unknown} match
   * @param {readonly unknown[]} steps
   */
  constructor(match, steps) {
    this.#matches = matcher(match)
    this.#steps = steps.map((step, index) => parseStep(step, `when step ${index + 1}`))
    if (steps.length === 0) throw argumentError('when: expected at least one step')
  }

  /**
   * @param {RecordedRequest} request
   * @returns {PlannedStep | undefined}
   */
  next(request) {
    if (!this.#matches(request)) return undefined
    // Other clients than codex send no turn id; there a new user message is a new turn.
    const turn = request.turnId ?? `message ${request.userMessages.length}`
    const key = JSON.stringify([request.threadId, turn])
    const played = this.#played.get(key) ?? 0
    if (played < this.#steps.length) this.#played.set(key, played + 1)
    return this.#steps[played]
  }
}

/** Decides the answer to each request: `respond`, then the rules, then the queue, then the fallback. */
class Script {
  #respond
  #fallback
  /** @type {Rule[]} */
  #rules = []
  /** @type {PlannedStep[]} */
  #queue = []
  /** The requests for which there was no step. @type {RecordedRequest[]} */
  unscripted = []

  /**
   * @param {{ respond?: Respond | undefined, fallback?: unknown }} options
   */
  constructor({ respond, fallback = FALLBACK }) {
    this.#respond = respond
    this.#fallback = fallback === FAIL ? undefined : parseStep(fallback, 'fallback')
  }

  get queued() {
    return this.#queue.length
  }

  /** @param {readonly unknown[]} steps */
  enqueue(steps) {
    // All are checked before the first is queued.
    this.#queue.push(...steps.map((step, index) => parseStep(step, `step ${index + 1}`)))
  }

  /**
   * @param {unknown} match
   * @param {readonly unknown[]} steps
   */
  when(match, steps) {
    this.#rules.push(new Rule(match, steps))
  }

  /**
   * @param {RecordedRequest} request
   * @returns {Promise<PlannedStep>}
   */
  async next(request) {
    const answer = await this.#respond?.(request)
    if (answer !== undefined && answer !== null) return parseStep(answer, 'respond')
    for (const rule of this.#rules) {
      const step = rule.next(request)
      if (step) return step
    }
    const queued = this.#queue.shift()
    if (queued !== undefined) return queued
    this.unscripted.push(request)
    if (this.#fallback !== undefined) return this.#fallback
    throw new Error(`the script has no step for this request, whose prompt is ${show(request.userText)}`)
  }
}

module.exports = { Script }
