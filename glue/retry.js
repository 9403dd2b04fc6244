'use strict'

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
async function retryOnOverload(operation, options = {}) {
  if (typeof operation !== 'function') throw argumentError('operation: must be a function')
  const { maxAttempts, initialDelayMs, maxDelayMs, jitter, signal } = checked(options)
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw aborted(signal)
    try {
      return await operation()
    } catch (error) {
      if (attempt >= maxAttempts || !isRetryableError(error)) throw error
      const delay = Math.min(maxDelayMs, initialDelayMs * 2 ** (attempt - 1))
      await wait(delay * (1 + jitter * (2 * Math.random() - 1)), signal)
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
 * @returns {Promise<void>}
 */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', settle)
      if (signal?.aborted) reject(aborted(signal))
      else resolve()
    }
    const timer = setTimeout(settle, Math.min(ms, LONGEST_TIMER_MS))
    if (signal?.aborted) settle()
    else signal?.addEventListener('abort', settle)
  })
}

/** @param {AbortSignal} signal */
function aborted(signal) {
  return new classes.AbortError('the operation was aborted', {
    code: 'ABORT_ERR',
    retryable: false,
    result: null,
    cause: signal.reason,
  })
}

module.exports = { isRetryableError, retryOnOverload }
