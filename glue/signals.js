'use strict'

// Signals of whoever calls. All of this package listens here: a signal has one listener, however many calls wait for it.

/**
 * Who waits for each signal: it has one listener of this package, however many there are, and none when there are none.
 * @type {WeakMap<AbortSignal, { cancels: Set<{ cancel: () => void }>, listener: () => void }>}
 */
const waiting = new WeakMap()

/**
 * Calls `cancel` once the signal is aborted, at once if it is.
 *
 * @param {AbortSignal} signal
 * @param {() => void} cancel
 * @returns {() => void} takes it back
 */
function onAbort(signal, cancel) {
  if (signal.aborted) {
    cancel()
    return () => {}
  }
  const those = waiting.get(signal) ?? listen(signal)
  const entry = { cancel }
  those.cancels.add(entry)
  return () => {
    if (!those.cancels.delete(entry) || those.cancels.size > 0 || waiting.get(signal) !== those) return
    waiting.delete(signal)
    signal.removeEventListener('abort', those.listener)
  }
}

/** @param {AbortSignal} signal */
function listen(signal) {
  /** @type {Set<{ cancel: () => void }>} */
  const cancels = new Set()
  const listener = () => {
    waiting.delete(signal)
    for (const { cancel } of cancels) cancel()
    cancels.clear()
  }
  const those = { cancels, listener }
  waiting.set(signal, those)
  signal.addEventListener('abort', listener, { once: true })
  return those
}

/**
 * A promise, unless the signal is aborted before it settles.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | null | undefined} signal
 * @param {() => unknown} reason what an abort rejects with
 * @returns {Promise<T>}
 */
async function untilAborted(promise, signal, reason) {
  if (!signal) return promise
  let off = () => {}
  /** @type {Promise<never>} */
  const aborted = new Promise((_, reject) => {
    off = onAbort(signal, () => reject(reason()))
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    off()
  }
}

module.exports = { onAbort, untilAborted }
