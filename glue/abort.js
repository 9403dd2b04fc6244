'use strict'

/**
 * The signals that turns were started with, for the cause of their errors.
 * @type {WeakMap<object, AbortSignal>}
 */
const signals = new WeakMap()

/** Takes the listener off a signal that outlives a turn nobody holds any more. */
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
    // A turn outlives the call that started it, and its signal goes on to count.
    if (isTurn(value)) {
      signals.set(value, signal)
      forgotten.register(value, { signal, cancel })
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
  const signal = signals.get(turn)
  if (signal === undefined) return promise
  return promise.catch((error) => {
    // Until here the turn is held, and with it the tie to its signal.
    throw withReason(error, signals.get(turn))
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
function isTurn(value) {
  return typeof value === 'object' && value !== null && 'steer' in value && typeof value.steer === 'function'
}

module.exports = { abortable, ofTurn, signals, withReason }
