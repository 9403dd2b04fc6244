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

// Each by its name: whoever reads the exports without running them, such as `import()` of a program in CommonJS in Deno, finds all.
module.exports.Codex = Codex
module.exports.Thread = native.Thread
module.exports.Turn = native.Turn
module.exports.Goal = native.Goal
module.exports.Account = native.Account
module.exports.Login = native.Login
module.exports.Config = native.Config
module.exports.CommandProcess = native.CommandProcess
module.exports.AppServer = native.AppServer
module.exports.serve = called(native.serve)
module.exports.signedBearerToken = called(native.signedBearerToken)
module.exports.isRetryableError = isRetryableError
module.exports.retryOnOverload = retryOnOverload
module.exports.defineTool = defineTool
module.exports.ask = ask
module.exports.CodexError = classes.CodexError
module.exports.BinaryNotFoundError = classes.BinaryNotFoundError
module.exports.TransportError = classes.TransportError
module.exports.ServerExitedError = classes.ServerExitedError
module.exports.ClosedError = classes.ClosedError
module.exports.ProtocolError = classes.ProtocolError
module.exports.FileError = classes.FileError
module.exports.TimeoutError = classes.TimeoutError
module.exports.IndeterminateError = classes.IndeterminateError
module.exports.JsonRpcError = classes.JsonRpcError
module.exports.InvalidRequestError = classes.InvalidRequestError
module.exports.ThreadNotFoundError = classes.ThreadNotFoundError
module.exports.ThreadInUseError = classes.ThreadInUseError
module.exports.ConfigLoadError = classes.ConfigLoadError
module.exports.MethodNotFoundError = classes.MethodNotFoundError
module.exports.InvalidParamsError = classes.InvalidParamsError
module.exports.ConfigWriteError = classes.ConfigWriteError
module.exports.InternalRpcError = classes.InternalRpcError
module.exports.ServerBusyError = classes.ServerBusyError
module.exports.ThreadBusyError = classes.ThreadBusyError
module.exports.LoginFailedError = classes.LoginFailedError
module.exports.TurnFailedError = classes.TurnFailedError
module.exports.TurnInactiveError = classes.TurnInactiveError
module.exports.TurnLostError = classes.TurnLostError
module.exports.OutputValidationError = classes.OutputValidationError
module.exports.BudgetExceededError = classes.BudgetExceededError
module.exports.UnsupportedVersionError = classes.UnsupportedVersionError
module.exports.AbortError = classes.AbortError
