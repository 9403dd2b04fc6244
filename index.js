'use strict'

// The classes are native, but for the one that a program makes: it says to which evaluation of this package it belongs.
const { asCalled } = require('./glue/caller.js')
const { made } = require('./glue/clients.js')
const { doctor } = require('./glue/doctor.js')
const { classes } = require('./glue/errors.js')
const native = require('./glue/native.js')
const { isRetryableError, retryOnOverload } = require('./glue/retry.js')
const { called, evaluation, own } = require('./glue/setup.js')
const { ask } = require('./glue/ask.js')
const { defineTool } = require('./glue/tools.js')

/** A client, which belongs to this evaluation of the package. */
class Codex extends native.Codex {
  /** @type {Record<string, any>} */
  #options

  /** @param {any} [options] */
  constructor(options) {
    super(options, evaluation.id)
    this.#options = { ...options }
    own(this)
    made(this, options)
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  doctor(options = {}) {
    const client = () => new Codex({ ...this.#options, logger: undefined, handlers: undefined })
    return asCalled(this.doctor, async () => doctor(this, this.#options, client, options))
  }
}
// Its own, so that whoever looks at it or replaces one finds them here.
const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(native.Codex.prototype)
Object.defineProperties(Codex.prototype, methods)

const { Thread, Turn, Goal, Account, Login, Config, CommandProcess, AppServer } = native
const serve = called(native.serve)
const signedBearerToken = called(native.signedBearerToken)

const {
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
} = classes

// Names alone: whoever reads the exports without running them, such as `import()` of a program in CommonJS in Deno, finds all.
module.exports = {
  Codex,
  Thread,
  Turn,
  Goal,
  Account,
  Login,
  Config,
  CommandProcess,
  AppServer,
  serve,
  signedBearerToken,
  isRetryableError,
  retryOnOverload,
  defineTool,
  ask,
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
