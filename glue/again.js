'use strict'

// A structured answer that does not fit is asked for again, with what is wrong with it.

const { beginAnew, beginningOf } = require('./beginning.js')
const { METERS, meterOf } = require('./budget.js')
const { argumentError, checkObject } = require('./json.js')
const native = require('./native.js')
const { isRecord, issueText } = require('./schema.js')

/** More tries than these are a wrong schema. */
const MOST = 10
/** How many issues the model is told. */
const TOLD = 20

/**
 * Takes the number of further tries out of options.
 *
 * @param {unknown} options
 * @returns {{ rest: any, retries: number }}
 */
function takeRetries(options) {
  if (!isRecord(options) || options.outputRetries === undefined) return { rest: options, retries: 0 }
  checkObject(options, 'options')
  const { outputRetries: retries, ...rest } = options
  if (!Number.isInteger(retries) || Number(retries) < 0 || Number(retries) > MOST) {
    throw argumentError(`options.outputRetries: must be a whole number from 0 to ${MOST}`)
  }
  if (rest.outputSchema === undefined) {
    throw argumentError('options.outputRetries: there is no outputSchema that an answer must fit')
  }
  return { rest, retries: Number(retries) }
}

/**
 * The first outcome that fits, asking again where it does not.
 *
 * @param {() => Promise<any>} first
 * @param {(words: string, error: any) => Promise<any>} again
 * @param {number} retries
 */
async function untilItFits(first, again, retries) {
  let next = first
  for (let left = retries; ; left--) {
    try {
      return await next()
    } catch (error) {
      if (left <= 0 || /** @type {any} */ (error)?.code !== 'OUTPUT_VALIDATION') throw error
      next = () => again(correction(error), error)
    }
  }
}

/** @param {any} error */
function correction({ issues }) {
  const told = issues.slice(0, TOLD).map((/** @type {any} */ issue) => `- ${issueText(issue)}`)
  if (issues.length > TOLD) told.push(`- and ${issues.length - TOLD} more`)
  return `Your last message does not fit the schema that it has to follow:\n${told.join('\n')}\n\nAnswer again, with the whole corrected object and nothing else.`
}

/** The outcome of each turn that may ask again: however many wait, it asks once. @type {WeakMap<object, Promise<any>>} */
const outcomes = new WeakMap()

/**
 * A method that begins a turn, with `outputRetries` among its options. What it gives asks again.
 *
 * @param {number} at which argument the options are
 * @returns {(original: (...args: any[]) => any) => (...args: any[]) => any}
 */
const beginning = (at) => (original) =>
  /** @this {any} @param {any[]} args */
  async function (...args) {
    const { rest, retries } = takeRetries(args[at])
    const turn = await Reflect.apply(original, this, at === 0 ? [rest] : [args[0], rest])
    if (retries > 0) beginningOf(turn).outputRetries = retries
    return turn
  }

/**
 * A method that gives the result of a turn.
 * @param {(turn: object, words: string, options: object) => Promise<any>} askTurn
 * @returns {(original: (...args: any[]) => any) => () => any}
 */
const resulting = (askTurn) => (original) =>
  /** @this {any} */
  function () {
    const own = () => Reflect.apply(original, this, [])
    const { outputRetries, ...options } = beginningOf(this)
    if (outputRetries === undefined) return own()
    const known = outcomes.get(this)
    if (known !== undefined) return known
    const again = async (/** @type {string} */ words) => (await askTurn(this, words, options)).result()
    const outcome = untilItFits(own, again, Number(outputRetries))
    outcomes.set(this, outcome)
    return outcome
  }

/**
 * `Thread.review`, which is begun anew where it is tried again: a reviewer only reads, and no input goes on with it.
 * @param {(...args: any[]) => any} original
 */
const reviewing = (original) =>
  /** @this {any} @param {unknown} target @param {any} options */
  async function (target, options) {
    const turn = await Reflect.apply(original, this, [target, options])
    // Under its budget, and with the caller's signal: the turn may have had another in its place.
    const again = () => ({ ...options, signal: beginningOf(turn).signal, [METERS]: meterOf(turn) })
    beginAnew(turn, () => this.review(target, again()))
    return turn
  }

/**
 * `Thread.run`.
 * @param {(...args: any[]) => any} original
 */
const running = (original) =>
  /** @this {any} @param {unknown} input @param {unknown} options */
  async function (input, options) {
    const { rest, retries } = takeRetries(options)
    const first = () => Reflect.apply(original, this, [input, rest])
    if (retries === 0) return first()
    const { clientUserMessageId, ...later } = rest
    return untilItFits(first, (words) => this.run(words, later), retries)
  }

/**
 * `Codex.run`: its thread is kept until an answer fits.
 *
 * @param {(codex: object, threadId: string) => any} keptThread
 * @returns {(original: (...args: any[]) => any) => (...args: any[]) => any}
 */
const runningAlone = (keptThread) => (original) =>
  /** @this {any} @param {unknown} input @param {unknown} options */
  async function (input, options) {
    const { rest, retries } = takeRetries(options)
    if (retries === 0) return Reflect.apply(original, this, [input, rest])
    const { outputSchema, signal, inactivityTimeoutMs, [METERS]: meters } = rest
    /** @type {any} */
    let thread
    const first = async () => {
      let result
      try {
        result = await Reflect.apply(original, this, [input, rest, true])
        return result
      } catch (error) {
        result = /** @type {any} */ (error)?.result
        throw error
      } finally {
        if (typeof result?.threadId === 'string') thread = keptThread(this, result.threadId)
      }
    }
    const again = (/** @type {string} */ words) =>
      thread.run(words, { outputSchema, signal, inactivityTimeoutMs, [METERS]: meters })
    try {
      return await untilItFits(first, again, retries)
    } finally {
      // Nobody waits for the server's word.
      void thread?.close()
    }
  }

/** @typedef {Record<string, (original: (...args: any[]) => any) => (...args: any[]) => any>} Wraps */

/**
 * What stands around methods of the addon.
 *
 * @param {<F extends Function>(original: F) => F} called makes a function of the addon one of this evaluation
 * @returns {Map<object, Wraps>}
 */
function aroundOf(called) {
  const result = resulting(called(native.askTurn))
  /** @type {Map<object, Wraps>} */
  const around = new Map()
  around.set(native.Thread.prototype, {
    turn: beginning(1),
    proceed: beginning(0),
    review: reviewing,
    run: running,
  })
  around.set(native.Turn.prototype, { result, run: result })
  around.set(native.Codex.prototype, { run: runningAlone(called(native.keptThread)) })
  return around
}

module.exports = { aroundOf }
