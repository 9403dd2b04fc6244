'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const {
  ClosedError,
  IndeterminateError,
  ServerExitedError,
  TransportError,
  TurnFailedError,
  TurnLostError,
} = require('../index.js')
const { FleetError, StaleTokenError } = require('./errors.js').classes
const { messageOf } = require('./errors.js')

/** How often keeping a thread is tried. */
const TRIES = 5
/** How long a limit is taken to hold where nobody says until when. */
const LIMIT_MS = 5 * 60_000

/** @param {unknown} error whether codex died in the middle, so that nobody knows what happened */
function diedUnder(error) {
  if (error instanceof ClosedError) return false
  return (
    error instanceof ServerExitedError ||
    error instanceof TurnLostError ||
    error instanceof IndeterminateError ||
    (error instanceof TransportError && error.code === 'CONNECTION_LOST')
  )
}

/**
 * Until when the account may not be used, in ms since 1970, where that is why a turn failed.
 *
 * @param {unknown} error
 * @param {import('../index.js').Codex} codex
 */
async function limitOf(error, codex) {
  if (!(error instanceof TurnFailedError) || error.codexErrorInfo !== 'usageLimitExceeded') return undefined
  try {
    const { rateLimits } = /** @type {any} */ (await codex.account.rateLimits())
    const full = [rateLimits?.primary, rateLimits?.secondary].filter((one) => one?.usedPercent >= 100)
    const at = Math.max(0, ...full.map((one) => (one.resetsAt ?? 0) * 1_000))
    if (at > Date.now()) return at
  } catch {
    // No login of ChatGPT: the provider says no more than that it is so.
  }
  return Date.now() + LIMIT_MS
}

/**
 * Keeps a thread, trying again while the store fails.
 *
 * @param {() => Promise<unknown>} keep
 * @param {import('./session.js').Session} session
 * @param {unknown} [result] of the turn, for the error
 */
async function keptAnswer(keep, session, result) {
  for (let attempt = 1; ; attempt++) {
    try {
      await keep()
      return
    } catch (error) {
      if (error instanceof StaleTokenError || session.signal.aborted) throw error
      if (attempt === TRIES) {
        const fields = { code: 'STORE_FAILED', cause: error, result }
        throw new FleetError(
          `the turn is over, but its thread could not be kept: ${messageOf(error)}`,
          fields,
        )
      }
      session.emit('trouble', error)
      await sleep(100 * 2 ** attempt, undefined, { signal: session.signal }).catch(() => {})
    }
  }
}

module.exports = { diedUnder, keptAnswer, limitOf }
