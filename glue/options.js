'use strict'

const { handlerCaller, takeHandlers } = require('./handlers.js')
const { encodeOptions } = require('./json.js')
const native = require('./native.js')
const { takeOutput } = require('./output.js')
const { takeTools, toolRunner } = require('./tools.js')
const { takeToken } = require('./token.js')
const { takeTransport } = require('./transport.js')

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
  const isClient = apart === 'logger'
  const { rest: asked, token = undefined } = isClient ? takeToken(given) : { rest: given }
  const { rest: carried, transport = undefined } = isClient ? takeTransport(asked) : { rest: asked }
  const { rest: named, tools } = takeTools(carried, what)
  const { rest: described, output } = takeOutput(named, what)
  const { rest, handlers } = takeHandlers(described, what, apart)
  if (tools !== undefined) handlers.tools = toolRunner(tools)
  const encoded = encodeOptions(rest, what, apart)
  const kinds = Object.keys(handlers)
  const caller = kinds.length === 0 ? undefined : handlerCaller(handlers, native.settleHandler)
  return [...encoded, caller && kinds, caller, tools && [...tools.keys()], output, transport, token]
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

module.exports = { encodeHandled, encodeOutput }
