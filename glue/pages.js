'use strict'

/**
 * The entries of all pages, one after the other; a page is asked for when the one before was read.
 *
 * @template T
 * @param {(signal: AbortSignal | undefined) => Promise<T[] | null>} nextPage null is the end
 * @param {AbortSignal | undefined} signal
 * @returns {AsyncGenerator<T, void, undefined>}
 */
async function* pages(nextPage, signal) {
  for (let page = await nextPage(signal); page !== null; page = await nextPage(signal)) yield* page
}

module.exports = { pages }
