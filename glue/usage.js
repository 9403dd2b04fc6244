'use strict'

/**
 * @typedef {import('../index.js').Protocol.TokenUsageBreakdown} Usage
 */

/**
 * What was used since a total of a thread, as it is told now. Where a thread begins anew it is what was used last.
 *
 * @param {Usage | undefined} before
 * @param {{ total: Usage, last: Usage }} told
 * @returns {Usage}
 */
function since(before, { total, last }) {
  if (before === undefined || total.totalTokens < before.totalTokens) return last
  return combined(total, before, (one, other) => one - other)
}

/**
 * @param {Usage | undefined} some
 * @param {Usage} more
 * @returns {Usage}
 */
function added(some, more) {
  return some === undefined ? more : combined(more, some, (one, other) => one + other)
}

/**
 * @param {Usage} one
 * @param {Usage} other
 * @param {(one: number, other: number) => number} combine
 * @returns {Usage}
 */
function combined(one, other, combine) {
  const others = /** @type {Record<string, number>} */ (/** @type {unknown} */ (other))
  return /** @type {any} */ (
    Object.fromEntries(
      Object.entries(one).map(([name, amount]) => [name, combine(amount, others[name] ?? 0)]),
    )
  )
}

module.exports = { added, since }
