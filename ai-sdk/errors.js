'use strict'

const { FRAMED } = require('../glue/caller.js')
const { isRetryableError } = require('../index.js')

/** How the AI SDK knows its errors, of whatever version. */
const ANY = Symbol.for('vercel.ai.error')
const API_CALL = Symbol.for('vercel.ai.error.AI_APICallError')

/** What kinds of failure of a model provider are in the terms of HTTP, where it gave no status itself. */
const STATUS = new Map([
  ['usageLimitExceeded', 429],
  ['rateLimitExceeded', 429],
  ['serverOverloaded', 503],
  ['internalServerError', 500],
  ['contextWindowExceeded', 400],
  ['modelNotFound', 404],
  ['unauthorized', 401],
])
/** What of a turn has an effect that a second try would have again. */
const HARMLESS = new Set(['userMessage', 'reasoning', 'agentMessage', 'hookPrompt'])

/** What the AI SDK takes for its own `APICallError`. */
class CodexAPICallError extends Error {
  /**
   * @param {string} message
   * @param {{ cause?: unknown, isRetryable?: boolean, statusCode?: number | undefined, retryAfterMs?: number | undefined, data?: Record<string, unknown> }} [fields]
   */
  constructor(message, { cause, isRetryable = false, statusCode, retryAfterMs, data = {} } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AI_APICallError'
    this.url = 'codex:app-server'
    /** What the call was for: never the prompt, which may be long and is none of a log's business. */
    this.requestBodyValues = data
    this.data = data
    this.statusCode = statusCode
    this.isRetryable = isRetryable
    /** Where the AI SDK looks for how long to wait. @type {Record<string, string> | undefined} */
    this.responseHeaders = retryAfterMs === undefined ? undefined : { 'retry-after-ms': String(retryAfterMs) }
  }

  get [ANY]() {
    return true
  }

  get [FRAMED]() {
    return true
  }

  get [API_CALL]() {
    return true
  }
}

/**
 * An error of this package as the AI SDK tells and retries it. Wrong arguments, aborts and errors of others stay.
 *
 * @param {any} error
 * @param {Record<string, unknown>} [data]
 * @returns {any}
 */
function asCallError(error, data = {}) {
  if (typeof error?.code !== 'string' || typeof error.retryable !== 'boolean') return error
  if (error.name === 'AbortError' || error.code === 'INVALID_ARGUMENT') return error
  const { code, threadId, turnId, result } = error
  const known = Object.entries({ ...data, code, threadId, turnId }).filter(([, value]) => value !== undefined)
  return new CodexAPICallError(error.message, {
    cause: error,
    isRetryable: isRetryableError(error) && !hadEffect(result),
    statusCode: statusOf(error),
    retryAfterMs: error.retryAfterMs,
    data: Object.fromEntries(known),
  })
}

/**
 * Whether a turn did what a second try would do again.
 * @param {any} result
 */
function hadEffect(result) {
  return (result?.items ?? []).some((/** @type {{ type: string }} */ item) => !HARMLESS.has(item.type))
}

/**
 * @param {any} error
 * @returns {number | undefined}
 */
function statusOf(error) {
  const given = error.httpStatus ?? error.status
  if (typeof given === 'number') return given
  const info = error.codexErrorInfo
  if (typeof info === 'string') return STATUS.get(info)
  if (error.code === 'SERVER_BUSY') return 503
  if (error.code === 'TIMEOUT') return 408
  if (error.code === 'THREAD_NOT_FOUND') return 404
  return undefined
}

/**
 * What an aborted call rejects with: the reason of its signal, where that says what it is.
 * @param {AbortSignal} signal
 */
function abortReason(signal) {
  const { reason } = signal
  if (reason instanceof Error) return reason
  return Object.assign(new Error('the call was aborted', { cause: reason }), { name: 'AbortError' })
}

module.exports = { CodexAPICallError, asCallError, abortReason }
