'use strict'

const { untilAborted } = require('./abort.js')
const { callerOf, withCaller } = require('./caller.js')
const { classes } = require('./errors.js')
const { argumentError, checkObject, checkSignal } = require('./json.js')

/** A longer timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * @param {unknown} error
 * @returns {boolean}
 */
function isRetryableError(error) {
  return (
    error instanceof classes.CodexError && /** @type {{ retryable?: boolean }} */ (error).retryable === true
  )
}

/**
 * @template T
 * @param {() => T | Promise<T>} operation
 * @param {{ maxAttempts?: number, initialDelayMs?: number, maxDelayMs?: number, jitter?: number,
 *   signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
function retryOnOverload(operation, options = {}) {
  return attempts(operation, options, callerOf(retryOnOverload))
}

/**
 * @template T
 * @param {() => T | Promise<T>} operation
 * @param {object} options
 * @param {import('./caller.js').Caller} caller
 * @returns {Promise<T>}
 */
async function attempts(operation, options, caller) {
  if (typeof operation !== 'function') throw argumentError('operation: must be a function')
  const { maxAttempts, initialDelayMs, maxDelayMs, jitter, signal } = checked(options)
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw aborted(signal, caller)
    try {
      return await operation()
    } catch (error) {
      if (attempt >= maxAttempts || !isRetryableError(error)) throw error
      const delay = Math.min(maxDelayMs, initialDelayMs * 2 ** (attempt - 1))
      await wait(delay * (1 + jitter * (2 * Math.random() - 1)), signal, caller)
    }
  }
}

/** @param {Record<string, any>} options */
function checked(options) {
  checkObject(options, 'options')
  const defaults = { maxAttempts: 3, initialDelayMs: 250, maxDelayMs: 2000, jitter: 0.2 }
  const { signal, ...given } = options
  if (signal !== undefined) checkSignal(signal, 'options')
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      throw argumentError(
        `options.${name}: unknown option; there are ${Object.keys(defaults).join(', ')}, signal`,
      )
    }
    const least = name === 'maxAttempts' ? 1 : 0
    const most = name === 'jitter' ? 1 : LONGEST_TIMER_MS
    if (value === undefined) delete given[name]
    else if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw argumentError(`options.${name}: must be a number from ${least} to ${most}`)
    }
  }
  return { ...defaults, ...given, signal: /** @type {AbortSignal | undefined} */ (signal) }
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
  // The program's own clock, which its tests may turn: the pause is between calls of its own.
  /** @type {Promise<void>} */
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS))
  })
  try {
    await untilAborted(over, signal, () => aborted(/** @type {AbortSignal} */ (signal), caller))
  } finally {
    clearTimeout(timer)
  }
}

/**
 * @param {AbortSignal} signal
 * @param {import('./caller.js').Caller} caller
 */
function aborted(signal, caller) {
  const fields = { code: 'ABORT_ERR', retryable: false, result: null, cause: signal.reason }
  return withCaller(new classes.AbortError('the operation was aborted', fields), caller)
}

module.exports = { isRetryableError, retryOnOverload }
