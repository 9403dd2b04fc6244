'use strict'

const { abortError } = require('./abort.js')
const { untilAborted } = require('./signals.js')
const { anewOf, beginningOf } = require('./beginning.js')
const { callerOf } = require('./caller.js')
const { isOurs } = require('./errors.js')
const { argumentError, checkObject, checkSignal } = require('./json.js')
const native = require('./native.js')
const { called } = require('./setup.js')
const { ignore } = require('./tell.js')

const proceedTurn = called(native.proceedTurn)

/** A longer timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * @param {unknown} error
 * @returns {boolean}
 */
function isRetryableError(error) {
  return isOurs(error) && /** @type {{ retryable?: boolean }} */ (error).retryable === true
}

/**
 * @typedef {object} RetryOptions
 * @property {number} [maxAttempts]
 * @property {number} [initialDelayMs]
 * @property {number} [maxDelayMs]
 * @property {number} [maxRetryAfterMs]
 * @property {number} [jitter]
 * @property {AbortSignal} [signal]
 * @property {(retry: { attempt: number, error: unknown, delayMs: number }) => void} [onRetry]
 * @property {(turn: any) => void} [onTurn]
 *
 * What is tried: the first time, and again. `again` is told what the last attempt failed with.
 * @typedef {{ first: () => unknown, again: (error: unknown) => (() => unknown) | undefined }} Attempts
 */

/**
 * @param {unknown} operation a function, or a turn
 * @param {RetryOptions} [options]
 * @returns {Promise<any>}
 */
function retryOnOverload(operation, options = {}) {
  return attempts(operation, options, callerOf(retryOnOverload))
}

/**
 * @param {unknown} operation
 * @param {object} options
 * @param {import('./caller.js').Caller} caller
 */
async function attempts(operation, options, caller) {
  const settings = checked(options)
  const { maxAttempts, maxRetryAfterMs, signal, onRetry, onTurn } = settings
  const { first, again } = ways(operation, onTurn)
  let next = first
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw abortError(signal, caller)
    try {
      return await next()
    } catch (error) {
      const after = /** @type {any} */ (error)?.retryAfterMs ?? 0
      const way = attempt >= maxAttempts || after > maxRetryAfterMs ? undefined : again(error)
      if (way === undefined) throw error
      const delayMs = Math.max(delayOf(attempt, settings), after)
      await onRetry?.({ attempt, error, delayMs })
      await wait(delayMs, signal, caller)
      next = way
    }
  }
}

/**
 * @param {number} attempt
 * @param {{ initialDelayMs: number, maxDelayMs: number, jitter: number }} settings
 */
function delayOf(attempt, { initialDelayMs, maxDelayMs, jitter }) {
  return Math.min(maxDelayMs, initialDelayMs * 2 ** (attempt - 1)) * (1 + jitter * (2 * Math.random() - 1))
}

/**
 * How an operation is tried, and tried again. One that gives a turn is over with that, and a turn that has failed is gone
 * on with: asked anew, it would do again what it has done.
 *
 * @param {unknown} operation
 * @param {((turn: any) => void) | undefined} onTurn
 * @returns {Attempts}
 */
function ways(operation, onTurn) {
  /** @type {any} */
  let turn
  /** @param {any} given */
  const ended = async (given) => {
    if (!(given instanceof native.Turn)) return given
    turn = given
    // It ends however long this takes.
    const result = given.run()
    ignore(result)
    await onTurn?.(turn)
    return result
  }
  if (typeof operation !== 'function' && !(operation instanceof native.Turn)) {
    throw argumentError('operation: must be a function or a turn')
  }
  const first = async () => ended(typeof operation === 'function' ? await operation() : operation)
  const proceed = async () => ended(await (anewOf(turn)?.() ?? proceedTurn(turn, beginningOf(turn))))
  // That of another client says nothing of its target.
  const isForeignReview = (/** @type {any} */ error) =>
    anewOf(turn) === undefined &&
    error.result?.items?.some((/** @type {any} */ { type }) => type === 'enteredReviewMode')
  return {
    first,
    again(error) {
      if (turn !== undefined && isForeignReview(error)) return undefined
      if (turn !== undefined && isTransient(error)) return proceed
      if (!isRetryableError(error)) return undefined
      // What could not even begin may be tried as it was.
      return turn === undefined ? first : proceed
    },
  }
}

/** @param {unknown} error */
function isTransient(error) {
  return isOurs(error) && /** @type {any} */ (error).transient === true
}

/** @param {Record<string, any>} options */
function checked(options) {
  checkObject(options, 'options')
  const defaults = {
    maxAttempts: 3,
    initialDelayMs: 250,
    maxDelayMs: 2000,
    maxRetryAfterMs: 60_000,
    jitter: 0.2,
  }
  const { signal, onRetry, onTurn, ...given } = options
  if (signal !== undefined) checkSignal(signal, 'options')
  for (const [name, value] of Object.entries({ onRetry, onTurn })) {
    if (value !== undefined && typeof value !== 'function') {
      throw argumentError(`options.${name}: must be a function`)
    }
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      const all = 'maxAttempts, initialDelayMs, maxDelayMs, jitter, signal, maxRetryAfterMs, onRetry, onTurn'
      throw argumentError(`options.${name}: unknown option; there are ${all}`)
    }
    const least = name === 'maxAttempts' ? 1 : 0
    const most = name === 'jitter' ? 1 : LONGEST_TIMER_MS
    if (value === undefined) delete given[name]
    else if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw argumentError(`options.${name}: must be a number from ${least} to ${most}`)
    }
  }
  return { ...defaults, ...given, signal: /** @type {AbortSignal | undefined} */ (signal), onRetry, onTurn }
}

/**
 * @param {number} ms
 * @param {AbortSignal | undefined} signal
 * @param {import('./caller.js').Caller} caller
 * @returns {Promise<void>}
 */
async function wait(ms, signal, caller) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  // The program's own clock, which its tests may turn: the pause is between calls of its own. Both of the same clock.
  const { clearTimeout, setTimeout } = globalThis
  /** @type {Promise<void>} */
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS))
  })
  try {
    await untilAborted(over, signal, () => abortError(/** @type {AbortSignal} */ (signal), caller))
  } finally {
    clearTimeout(timer)
  }
}

module.exports = { isRetryableError, retryOnOverload }
