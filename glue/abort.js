'use strict'

const { types } = require('node:util')
const { withCaller } = require('./caller.js')
const { classes } = require('./errors.js')
const native = require('./native.js')
const { onAbort } = require('./signals.js')

/**
 * What ties a turn or a command to the signal that it was started with. It is held by that, and by who reads it or
 * waits for it without holding it. `off` is for its end.
 * @typedef {{ signal: AbortSignal, off: () => void }} Tie
 */

/** @type {WeakMap<object, Tie>} */
const ties = new WeakMap()

/**
 * Ties a promise of the native side to a signal: an abort cancels, an AbortError gets the signal's reason.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @param {() => void} cancel
 * @returns {Promise<T>}
 */
async function abortable(promise, signal, cancel) {
  const off = onAbort(signal, cancel)
  try {
    const value = await promise
    // A turn or a command outlives the call that started it, and its signal goes on to count.
    const whenEnded = endOf(value)
    if (whenEnded === undefined) off()
    else {
      ties.set(/** @type {object} */ (value), { signal, off })
      whenEnded(value, off)
    }
    return value
  } catch (error) {
    off()
    throw withReason(error, signal)
  }
}

/**
 * The same for what a turn gives: its signal was tied when it was started.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {object} turn
 * @returns {Promise<T>}
 */
async function ofTurn(promise, turn) {
  const tie = ties.get(turn)
  try {
    const value = await promise
    tie?.off()
    return value
  } catch (error) {
    throw withReason(error, tie?.signal)
  }
}

/**
 * @param {any} error
 * @param {AbortSignal | undefined} signal
 */
function withReason(error, signal) {
  const reason = error?.code === 'ABORT_ERR' && signal?.aborted ? signal.reason : undefined
  if (reason?.code === 'BUDGET_EXCEEDED') return ofBudget(error, reason)
  if (error?.code === 'ABORT_ERR' && signal?.aborted && error.cause === undefined) {
    nameReason(error, signal.reason)
    Object.defineProperty(error, 'cause', {
      value: signal.reason,
      configurable: true,
      enumerable: false,
      writable: true,
    })
  }
  return error
}

/**
 * Says in an error's message why the signal was aborted.
 *
 * @param {Error} error
 * @param {unknown} reason
 */
function nameReason(error, reason) {
  const before = error.message
  error.message = abortMessage(before, reason)
  if (error.stack !== undefined) error.stack = error.stack.replace(before, () => error.message)
}

/**
 * @param {string} message
 * @param {unknown} reason
 */
function abortMessage(message, reason) {
  const isError = types.isNativeError(reason) || reason instanceof DOMException
  const { message: text } = isError ? /** @type {Error} */ (reason) : { message: reason }
  if (typeof text !== 'string' || text === '') return message
  // The platform's own words: alone they say nothing, but for a timeout.
  if (/^th(is|e) operation was aborted\.?$/i.test(text)) return message
  return /^th(is|e) operation was aborted/i.test(text) ? text : `${message}: ${text}`
}

/**
 * What an abort rejects with where nothing of the native side waits.
 *
 * @param {AbortSignal} signal
 * @param {import('./caller.js').Caller} caller
 */
function abortError(signal, caller) {
  const fields = { code: 'ABORT_ERR', retryable: false, result: null, cause: signal.reason }
  const message = abortMessage('the operation was aborted', signal.reason)
  return withCaller(new classes.AbortError(message, fields), caller)
}

/**
 * What the abort of a budget rejects with.
 *
 * @param {any} error
 * @param {any} reason
 */
function ofBudget(error, reason) {
  const { message, cause } = reason
  const fields = { ...reason, result: error.result ?? null }
  return new classes.BudgetExceededError(message, cause === undefined ? fields : { ...fields, cause })
}

/**
 * @param {any} value
 * @returns {((running: any, then: () => void) => void) | undefined} tells of the end of what still runs
 */
function endOf(value) {
  if (value instanceof native.Turn) return native.turnEnded
  return value instanceof native.CommandProcess ? native.commandEnded : undefined
}

module.exports = { abortError, abortable, ofTurn, ties, withReason }
