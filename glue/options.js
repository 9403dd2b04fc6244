'use strict'

const { context, handlerCaller, takeHandlers } = require('./handlers.js')
const { checkObject, encodeOptions } = require('./json.js')
const native = require('./native.js')
const { takeOutput } = require('./output.js')
const { takeTools, toolRunner } = require('./tools.js')

/**
 * Options as the native side reads them, by these names.
 *
 * @typedef {object} TakenOptions
 * @property {string} [json] what is data
 * @property {any} [apart] the signal or the logger
 * @property {string[]} [kinds] of handlers
 * @property {Function} [caller] calls the handlers
 * @property {string[]} [tools] their names
 * @property {(call: () => void) => void} [context] where the handlers were given
 * @property {import('./output.js').Output} [output] how the final message is read
 * @property {{ readable: any, writable: any }} [transport] of a client
 * @property {() => Promise<string>} [token] of a client
 */

/**
 * Options among which there may be functions and schemas.
 *
 * @param {unknown} options
 * @param {string} what
 * @param {'signal' | 'logger'} apart
 * @returns {TakenOptions}
 */
function takeOptions(options, what, apart) {
  if (options === undefined) return {}
  const given = plain(options, what)
  const isClient = apart === 'logger'
  const { rest: carried, token, transport } = isClient ? ofClient(given) : { rest: given }
  const { rest: named, tools } = takeTools(carried, what)
  const { rest: described, output } = takeOutput(named, what)
  const { rest, handlers } = takeHandlers(described, what, apart)
  if (tools !== undefined) handlers.tools = toolRunner(tools)
  const taken = { ...encodeOptions(rest, what, apart), output, transport, token }
  const kinds = Object.keys(handlers)
  if (kinds.length === 0) return taken
  const made = context()
  const caller = handlerCaller(handlers, native.settleHandler, made)
  return { ...taken, kinds, caller, tools: tools && [...tools.keys()], context: made }
}

/**
 * Takes out what a client alone has. Loaded where it is given: few give it.
 *
 * @param {Record<string, unknown>} given
 * @returns {{ rest: Record<string, unknown>, token?: TakenOptions['token'], transport?: TakenOptions['transport'] }}
 */
function ofClient(given) {
  const { rest: asked, token = undefined } =
    typeof given.token === 'function' ? require('./token.js').takeToken(given) : { rest: given }
  if (asked.transport === undefined) return { rest: asked, token }
  return { token, ...require('./transport.js').takeTransport(asked) }
}

/**
 * Options of a turn that runs already: they have no handlers.
 *
 * @param {unknown} options
 * @param {string} what
 * @returns {TakenOptions}
 */
function takeOutputOptions(options, what) {
  if (options === undefined) return {}
  const { rest, output } = takeOutput(plain(options, what), what)
  return { ...encodeOptions(rest, what, 'signal'), output }
}

/**
 * @param {unknown} options
 * @param {string} what
 */
function plain(options, what) {
  checkObject(options, what)
  return /** @type {Record<string, unknown>} */ (options)
}

module.exports = { takeOptions, takeOutputOptions }
