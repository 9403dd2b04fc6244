'use strict'

/**
 * What ties a turn or a command to the signal that it was started with. It is held by that, and by who reads it or
 * waits for it without holding it.
 * @typedef {{ signal: AbortSignal }} Tie
 */

/** @type {WeakMap<object, Tie>} */
const ties = new WeakMap()

/** Takes the listener off a signal that outlives what was tied to it. */
const forgotten = new FinalizationRegistry(
  /** @param {{ signal: AbortSignal, cancel: () => void }} tied */
  ({ signal, cancel }) => signal.removeEventListener('abort', cancel),
)

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
  if (signal.aborted) cancel()
  else signal.addEventListener('abort', cancel, { once: true })
  try {
    const value = await promise
    // A turn or a command outlives the call that started it, and its signal goes on to count.
    if (isRunning(value)) {
      const tie = { signal }
      ties.set(value, tie)
      forgotten.register(tie, { signal, cancel })
    } else signal.removeEventListener('abort', cancel)
    return value
  } catch (error) {
    signal.removeEventListener('abort', cancel)
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
function ofTurn(promise, turn) {
  const tie = ties.get(turn)
  if (tie === undefined) return promise
  return promise.catch((error) => {
    throw withReason(error, tie.signal)
  })
}

/**
 * @param {any} error
 * @param {AbortSignal | undefined} signal
 */
function withReason(error, signal) {
  if (error?.code === 'ABORT_ERR' && signal?.aborted && error.cause === undefined) {
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
 * @param {unknown} value
 * @returns {value is object}
 */
function isRunning(value) {
  if (typeof value !== 'object' || value === null) return false
  return ('steer' in value && typeof value.steer === 'function') || 'closeStdin' in value
}

module.exports = { abortable, ofTurn, ties, withReason }
