'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearInterval, setInterval } = require('node:timers')
const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks')
const { isError, messageOf } = require('./errors.js')
const { told } = require('./channels-handler.js')
const { Encoded, argumentError, encode } = require('./json.js')

/** The options that are handlers of requests from the server. */
const KINDS = [
  'onApproval',
  'onUserInput',
  'onElicitation',
  'onPermissions',
  'onToolCall',
  'onAuthTokensRefresh',
  'onServerRequest',
]

/**
 * @typedef {{ signal: AbortSignal, unref: () => void }} HandlerContext
 * @typedef {(request: any, context: HandlerContext) => unknown} Handler
 * @typedef {(id: number, json: string | undefined, error: string | undefined) => void} Settle
 */

/**
 * Takes the handlers out of options, and refuses functions of any other name but `apart`.
 *
 * @param {Record<string, unknown>} options
 * @param {string} what
 * @param {'signal' | 'logger'} apart
 * @returns {{ rest: Record<string, unknown>, handlers: Record<string, Handler> }}
 */
function takeHandlers(options, what, apart) {
  const rest = { ...options }
  /** @type {Record<string, Handler>} */
  const handlers = {}
  for (const kind of KINDS) {
    const handler = rest[kind]
    delete rest[kind]
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw argumentError(`${what}.${kind}: must be a function`)
    handlers[kind] = /** @type {Handler} */ (handler)
  }
  const stray = Object.keys(rest).find((name) => name !== apart && typeof rest[name] === 'function')
  if (stray !== undefined) {
    const takers = apart === 'logger' ? [...KINDS, apart] : KINDS
    throw argumentError(`${what}.${stray}: takes no function; options that do are ${takers.join(', ')}`)
  }
  return { rest, handlers }
}

/**
 * The context that this is called in, as a function that runs others in it.
 * @returns {(call: () => void) => void}
 */
function context() {
  // Before Node 20.5 there is but the class that this is made of.
  if (AsyncLocalStorage.snapshot !== undefined) return AsyncLocalStorage.snapshot()
  const resource = new AsyncResource('codex-node', { requireManualDestroy: true })
  return (call) => resource.runInAsyncScope(call)
}

/** How many handlers run. Their calls do not keep Node alive by themselves, and must while they run. */
let held = 0
/** @type {NodeJS.Timeout | undefined} */
let holder

function hold() {
  if (held++ === 0) holder = setInterval(() => {}, 2 ** 30)
}

function release() {
  if (--held === 0) clearInterval(holder)
}

/**
 * What the native side calls to ask a handler, and to tell it that its answer is not wanted any more.
 *
 * @param {Record<string, Handler>} handlers
 * @param {Settle} settle
 * @param {(call: () => void) => void} made the context in which they were given
 * @returns {(kind: string, id: number, json: string, within?: ((call: () => void) => void) | null) => void}
 *   an empty `kind` aborts; `within` runs in the context of the turn's own call, else it is `made`
 */
function handlerCaller(handlers, settle, made) {
  /** @type {Map<number, AbortController>} */
  const running = new Map()
  /** Those that keep Node alive. @type {Set<number>} */
  const holding = new Set()
  /** @param {number} id */
  const unref = (id) => {
    if (holding.delete(id)) release()
  }
  /** @param {number} id */
  const settled = (id) => {
    running.delete(id)
    unref(id)
  }
  return (kind, id, json, within) => {
    if (kind === '') {
      running.get(id)?.abort(new DOMException('the request was resolved without this handler', 'AbortError'))
      settled(id)
      return
    }
    const controller = new AbortController()
    running.set(id, controller)
    holding.add(id)
    hold()
    const context = withUnref({ signal: controller.signal }, () => unref(id))
    const run = within ?? made
    run(() => {
      const ask = told(/** @type {Handler} */ (handlers[kind]), kind)
      void answer(ask, kind, json, context)
        .then(
          (text) => settle(id, text, undefined),
          (error) => settle(id, undefined, messageOf(error)),
        )
        .finally(() => settled(id))
    })
  }
}

/**
 * @param {Handler} handler
 * @param {string} kind
 * @param {string} json
 * @param {HandlerContext} context
 */
async function answer(handler, kind, json, context) {
  const value = await handler(JSON.parse(json), context)
  if (value instanceof Encoded) return value.text
  // Some return what others throw.
  if (isError(value)) throw value
  return encode(value, `the answer of ${kind}`) ?? 'null'
}

/**
 * What a function is called with, and a way to say that its call is not to keep Node alive. It is none of its data.
 *
 * @template {object} T
 * @param {T} context
 * @param {() => void} unref
 * @returns {T & { unref: () => void }}
 */
function withUnref(context, unref) {
  return /** @type {T & { unref: () => void }} */ (Object.defineProperty(context, 'unref', { value: unref }))
}

module.exports = { KINDS, context, takeHandlers, handlerCaller, withUnref }
