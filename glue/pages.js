'use strict'

const { CALLED, withCaller } = require('./caller.js')

/**
 * The entries of all pages, one after the other; a page is asked for when the one before was read.
 *
 * @template T
 * @param {(signal: AbortSignal | undefined) => Promise<T[] | null>} nextPage null is the end
 * @param {AbortSignal | undefined} signal
 * @returns {AsyncGenerator<T, void, undefined>}
 */
function pages(nextPage, signal) {
  /** @type {import('./caller.js').Caller | undefined} */
  let caller
  const ask = async () => {
    try {
      return await nextPage(signal)
    } catch (error) {
      throw withCaller(error, caller)
    }
  }
  const value = (/** @type {import('./caller.js').Caller} */ by) => {
    caller = by
  }
  return Object.defineProperty(entries(ask), CALLED, { value })
}

/**
 * @template T
 * @param {() => Promise<T[] | null>} ask
 * @returns {AsyncGenerator<T, void, undefined>}
 */
async function* entries(ask) {
  for (let page = await ask(); page !== null; page = await ask()) yield* page
}

module.exports = { pages }
