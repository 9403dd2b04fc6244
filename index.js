'use strict'

// The classes are native; here is the little that only JavaScript can do: error classes, the iterator
// protocol, abort signals.
const { isMainThread } = require('node:worker_threads')
const native = require('./binding.js')
const { abortable, ofTurn, ties } = require('./glue/abort.js')
const { afterEvents, listen } = require('./glue/events.js')
const { handlerCaller, takeHandlers } = require('./glue/handlers.js')
const { classes, makeError } = require('./glue/errors.js')
const { continuationOf, iterate } = require('./glue/iterator.js')
const { encode, encodeOptions } = require('./glue/json.js')
const { takeOutput, withOutput, withOutputOf } = require('./glue/output.js')
const { pages } = require('./glue/pages.js')
const { recordSink } = require('./glue/log.js')
const { isRetryableError, retryOnOverload } = require('./glue/retry.js')
const { attachTransport, takeTransport } = require('./glue/transport.js')
const { defineTool, takeTools, toolRunner } = require('./glue/tools.js')

/**
 * Options among which there may be functions and schemas: their JSON, what was taken out, the kinds of handlers and
 * who calls them, the names of tools, and how the final message is read.
 *
 * @param {unknown} options
 * @param {string} what
 * @param {'signal' | 'logger'} apart
 */
function encodeHandled(options, what, apart) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return encodeOptions(options, what, apart)
  }
  const given = /** @type {Record<string, unknown>} */ (options)
  const { rest: carried, transport = undefined } = apart === 'logger' ? takeTransport(given) : { rest: given }
  const { rest: named, tools } = takeTools(carried, what)
  const { rest: described, output } = takeOutput(named, what)
  const { rest, handlers } = takeHandlers(described, what, apart)
  if (tools !== undefined) handlers.tools = toolRunner(tools)
  const encoded = encodeOptions(rest, what, apart)
  const kinds = Object.keys(handlers)
  const caller = kinds.length === 0 ? undefined : handlerCaller(handlers, native.settleHandler)
  return [...encoded, caller && kinds, caller, tools && [...tools.keys()], output, transport]
}

/**
 * Options of a turn that runs already: their JSON, the signal, and how the final message is read.
 *
 * @param {unknown} options
 * @param {string} what
 */
function encodeOutput(options, what) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return encodeOptions(options, what, 'signal')
  }
  const { rest, output } = takeOutput(/** @type {Record<string, unknown>} */ (options), what)
  return [...encodeOptions(rest, what, 'signal'), output]
}

native.initialize({
  folder: __dirname,
  version: require('./package.json').version,
  parse: JSON.parse,
  makeError,
  encode,
  encodeOptions,
  encodeHandled,
  encodeOutput,
  abortable,
  /** @type {(promise: Promise<any>, turn: object) => Promise<any>} */
  ofTurn: (promise, turn) => ofTurn(withOutputOf(promise, turn, ties.get(turn)?.signal), turn),
  withOutput,
  recordSink,
  pages,
  continuationOf,
  listen,
  afterEvents,
  attachTransport,
  iterate,
})

// process.exit() and uncaught exceptions run no destructors; a codex that ignores the end of its input would
// stay. A worker's end runs them, and its clients are its own.
if (isMainThread) process.on('exit', () => native.endAll())

module.exports.Codex = native.Codex
module.exports.Thread = native.Thread
module.exports.Turn = native.Turn
module.exports.Goal = native.Goal
module.exports.Account = native.Account
module.exports.Login = native.Login
module.exports.Config = native.Config
module.exports.CommandProcess = native.CommandProcess
module.exports.AppServer = native.AppServer
module.exports.serve = native.serve
module.exports.signedBearerToken = native.signedBearerToken
module.exports.isRetryableError = isRetryableError
module.exports.retryOnOverload = retryOnOverload
module.exports.defineTool = defineTool
module.exports.CodexError = classes.CodexError
module.exports.BinaryNotFoundError = classes.BinaryNotFoundError
module.exports.TransportError = classes.TransportError
module.exports.ServerExitedError = classes.ServerExitedError
module.exports.ClosedError = classes.ClosedError
module.exports.TimeoutError = classes.TimeoutError
module.exports.IndeterminateError = classes.IndeterminateError
module.exports.JsonRpcError = classes.JsonRpcError
module.exports.InvalidRequestError = classes.InvalidRequestError
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
module.exports.UnsupportedVersionError = classes.UnsupportedVersionError
module.exports.AbortError = classes.AbortError
