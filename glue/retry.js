'use strict'

const { classes } = require('./errors.js')
const { argumentError } = require('./json.js')

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
    signal?.throwIfAborted()
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
  const defaults = { maxAttempts: 3, initialDelayMs: 250, maxDelayMs: 2000, jitter: 0.2 }
  for (const [name, value] of Object.entries(options)) {
    if (name === 'signal') continue
    if (!(name in defaults)) {
      throw argumentError(
        `options.${name}: unknown option; there are ${Object.keys(defaults).join(', ')}, signal`,
      )
    }
    const least = name === 'maxAttempts' ? 1 : 0
    const most = name === 'jitter' ? 1 : Number.MAX_SAFE_INTEGER
    if (value !== undefined && (typeof value !== 'number' || !(value >= least && value <= most))) {
      throw argumentError(`options.${name}: must be a number from ${least} to ${most}`)
    }
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { ...defaults, ...given, signal: /** @type {AbortSignal | undefined} */ (options.signal) }
}

/**
 * @param {number} ms
 * @param {AbortSignal | undefined} signal
 */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve(undefined)
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

module.exports = { isRetryableError, retryOnOverload }
