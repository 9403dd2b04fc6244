'use strict'

const codexNode = require('../index.js')

const { CodexError } = codexNode

/** An error of the fleet itself. `code` says which. */
class FleetError extends CodexError {
  /**
   * @param {string} message
   * @param {Record<string, unknown>} [fields]
   */
  constructor(message, fields = {}) {
    // @ts-expect-error: how errors of the package are made is not for its users
    super(message, { code: 'FLEET_ERROR', retryable: false, ...fields })
  }
}
class FleetUnavailableError extends FleetError {}
class PayloadTooLargeError extends FleetError {}
class IdempotencyConflictError extends FleetError {}
class JobNotFoundError extends FleetError {}
class JobCancelledError extends FleetError {}
class JobLostError extends FleetError {}
class JobEndedError extends FleetError {}
class JobUnsupportedError extends FleetError {}
class StaleTokenError extends FleetError {}

const classes = {
  FleetError,
  FleetUnavailableError,
  PayloadTooLargeError,
  IdempotencyConflictError,
  JobNotFoundError,
  JobCancelledError,
  JobLostError,
  JobEndedError,
  JobUnsupportedError,
  StaleTokenError,
}
for (const [name, errorClass] of Object.entries(classes)) {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true })
}

const unavailable = (/** @type {string} */ what, /** @type {unknown} */ cause) =>
  new FleetUnavailableError(`${what}: ${messageOf(cause)}`, {
    code: 'FLEET_UNAVAILABLE',
    retryable: true,
    cause,
  })
const fenced = (/** @type {string} */ what) =>
  new StaleTokenError(`${what} is somebody else's by now`, { code: 'STALE_TOKEN' })
const cancelled = (/** @type {string} */ id, /** @type {string} */ reason) =>
  new JobCancelledError(reason === '' ? `job ${id} was cancelled` : `job ${id} was cancelled: ${reason}`, {
    code: 'JOB_CANCELLED',
    jobId: id,
    reason,
  })
const lost = (/** @type {string} */ id, /** @type {string} */ why) =>
  new JobLostError(`job ${id} was lost: ${why}`, { code: 'JOB_LOST', jobId: id })
const unsupported = (/** @type {string} */ id, /** @type {string} */ why) =>
  new JobUnsupportedError(`job ${id} can't be run here: ${why}`, { code: 'JOB_UNSUPPORTED', jobId: id })

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error)
}

/**
 * @typedef {{ name: string, message: string, fields: Record<string, unknown> }} PlainError
 *
 * @param {unknown} error
 * @returns {PlainError} what of an error travels to another process: no stack, whose paths are of this machine
 */
function toPlain(error) {
  if (!(error instanceof Error))
    return { name: 'Error', message: messageOf(error), fields: { code: 'UNKNOWN' } }
  /** @type {Record<string, unknown>} */
  const fields = {}
  for (const [name, value] of Object.entries(error)) {
    // A cause, and whatever else a handler hung on it, need not be data.
    try {
      const text = JSON.stringify(value)
      if (text !== undefined && text.length <= 1_000_000) fields[name] = JSON.parse(text)
    } catch {}
  }
  return { name: error.name, message: error.message, fields }
}

/** @param {PlainError} plain @param {unknown} [result] what a turn that failed had come to */
function fromPlain({ name, message, fields }, result) {
  const known = /** @type {Record<string, unknown>} */ ({ ...codexNode, ...classes })[name]
  if (typeof known === 'function' && (known === CodexError || known.prototype instanceof CodexError)) {
    const own = result === undefined ? fields : { ...fields, result }
    // @ts-expect-error: how errors of the package are made is not for its users
    return new known(message, own)
  }
  const builtin = /** @type {Record<string, ErrorConstructor>} */ ({ TypeError, RangeError })[name]
  return Object.assign(builtin ? new builtin(message) : new FleetError(message), fields)
}

module.exports = {
  classes,
  cancelled,
  fenced,
  fromPlain,
  lost,
  messageOf,
  toPlain,
  unavailable,
  unsupported,
}
