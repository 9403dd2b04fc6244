'use strict'

const { inspect, types } = require('node:util')
const { hintOf } = require('./hints.js')

const OURS = Symbol.for('codex-node.error')

/**
 * Every error of this package.
 *
 * `code` is a stable name, `retryable` tells whether the same call may succeed later.
 */
class CodexError extends Error {
  /**
   * @param {string} message
   * @param {Record<string, unknown>} [fields]
   */
  constructor(message, fields = {}) {
    const { cause, result, ...own } = fields
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, own)
    if (result !== undefined) {
      // Beside what is shown: a logged error would hold all that the turn has done.
      Object.defineProperty(this, 'result', { value: result, configurable: true, writable: true })
    }
  }

  /** Also those of another evaluation of this package are known by it. */
  get [OURS]() {
    return true
  }

  /** What to do about it, where there is more to say than the message does. */
  get hint() {
    return hintOf(/** @type {any} */ (this).code)
  }

  /**
   * The name that stack traces show: on the prototype, so that it is no field of its own.
   * @param {typeof CodexError} errorClass
   * @param {string} name
   */
  static named(errorClass, name) {
    Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true })
  }
}

class BinaryNotFoundError extends CodexError {}
class TransportError extends CodexError {}
class ServerExitedError extends TransportError {}
class ClosedError extends TransportError {}
class ProtocolError extends TransportError {}
class FileError extends CodexError {}
class TimeoutError extends CodexError {}
class IndeterminateError extends CodexError {}
class JsonRpcError extends CodexError {}
class InvalidRequestError extends JsonRpcError {}
class ThreadNotFoundError extends InvalidRequestError {}
class ThreadInUseError extends InvalidRequestError {}
class ConfigLoadError extends InvalidRequestError {}
class MethodNotFoundError extends JsonRpcError {}
class InvalidParamsError extends JsonRpcError {}
class ConfigWriteError extends JsonRpcError {}
class InternalRpcError extends JsonRpcError {}
class ServerBusyError extends JsonRpcError {}
class ThreadBusyError extends CodexError {}
class LoginFailedError extends CodexError {}
class TurnFailedError extends CodexError {}
class TurnInactiveError extends CodexError {}
class TurnLostError extends CodexError {}
class OutputValidationError extends CodexError {}
class BudgetExceededError extends CodexError {}
class UnsupportedVersionError extends CodexError {}
class AbortError extends CodexError {}

const classes = {
  CodexError,
  BinaryNotFoundError,
  TransportError,
  ServerExitedError,
  ClosedError,
  ProtocolError,
  FileError,
  TimeoutError,
  IndeterminateError,
  JsonRpcError,
  InvalidRequestError,
  ThreadNotFoundError,
  ThreadInUseError,
  ConfigLoadError,
  MethodNotFoundError,
  InvalidParamsError,
  ConfigWriteError,
  InternalRpcError,
  ServerBusyError,
  ThreadBusyError,
  LoginFailedError,
  TurnFailedError,
  TurnInactiveError,
  TurnLostError,
  OutputValidationError,
  BudgetExceededError,
  UnsupportedVersionError,
  AbortError,
}
for (const [name, errorClass] of Object.entries(classes)) CodexError.named(errorClass, name)

/**
 * Builds the error that the native side describes.
 * @param {string} json class, message and fields
 * @returns {Error}
 */
function makeError(json) {
  return buildError(JSON.parse(json))
}

/**
 * @param {{ class: string, message: string } & Record<string, unknown>} description
 * @returns {Error}
 */
function buildError({ class: name, message, ...fields }) {
  const errorClass = /** @type {Record<string, typeof CodexError>} */ (classes)[name]
  // Wrong arguments are what they are everywhere in JavaScript.
  const error =
    errorClass === undefined
      ? Object.assign(new TypeError(message), fields)
      : new errorClass(message, { retryable: false, ...fields })
  // The frames above are this package's own.
  Error.captureStackTrace?.(error, buildError)
  return error
}

/**
 * What is said of something that was thrown.
 * @param {unknown} error
 */
function messageOf(error) {
  if (typeof error === 'string') return error
  try {
    // Also of other realms, and a DOMException.
    const { message, name } = /** @type {{ message?: unknown, name?: unknown }} */ (error ?? {})
    if (typeof message === 'string' && message !== '') return message
    return typeof name === 'string' && name !== '' ? name : inspect(error, { depth: 1 })
  } catch {
    return 'it threw something that has no text'
  }
}

/**
 * Whether it is an error, of whichever realm.
 * @param {unknown} value
 */
function isError(value) {
  return value instanceof Error || types.isNativeError(value)
}

/**
 * Whether it is an error of this package, whichever evaluation made it.
 * @param {any} error
 */
function isOurs(error) {
  return typeof error === 'object' && error !== null && error[OURS] === true
}

module.exports = { isOurs, buildError, classes, isError, makeError, messageOf }
