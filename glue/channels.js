'use strict'

// What this package does, told by node:diagnostics_channel to whoever subscribes. Nothing is made where nobody does.

const { channel, tracingChannel } = require('node:diagnostics_channel')
const { beginningCall } = require('./beginners.js')
const { isQuietly, TurnTelling } = require('./channels-turn.js')
const { clientOf, modelOf, urlOf } = require('./clients.js')
const native = require('./native.js')
const { redactOf } = require('./redact.js')

/**
 * Where a call stands in a trace, as W3C Trace Context has it.
 * @typedef {{ traceparent: string, tracestate?: string }} Trace
 *
 * What a subscriber may set in a message while `start` is published: where what the call asks of codex belongs, and what
 * the call is made within, as `AsyncLocalStorage.run` does.
 * @typedef {{ trace?: Trace, within?: (call: () => unknown) => unknown }} Settable
 *
 * @typedef {object} Told
 * @property {Trace | undefined} trace
 * @property {((line: string | null | undefined) => void) | undefined} hear
 * @property {<T>(call: () => T) => T} within
 * @property {(outcome: unknown) => void} gave
 * @property {(error: unknown) => void} threw
 * @property {(over: () => Error | undefined) => void} [judge] by what a turn has failed that codex completed
 * @property {(promise: Promise<any>) => Promise<any>} after
 */

const turns = tracingChannel('codex-node:turn')
const requests = tracingChannel('codex-node:request')
const tools = channel('codex-node:tool')
const connections = channel('codex-node:connection')

/** The clients whose connections are told of. */
const connected = new WeakSet()

/** The models of turns, as far as they are known, for those that go on after them. @type {WeakMap<object, string>} */
const models = new WeakMap()

/** What asks nothing of codex, or not at once. */
const QUIET = new Set([
  ...['stream', 'text', 'steps', 'subAgents', 'continuation', 'threads', 'turns', 'items'],
  ...[
    'notifications',
    'serverRequests',
    'on',
    'once',
    'off',
    'close',
    String(Symbol.asyncDispose),
    String(Symbol.asyncIterator),
  ],
])

/**
 * Whether anybody has subscribed. `TracingChannel.hasSubscribers` is not there in Node 20.
 * @param {import('node:diagnostics_channel').TracingChannel} tracing
 */
function isHeard({ start, end, asyncStart, asyncEnd, error }) {
  const isBegun = start.hasSubscribers || end.hasSubscribers
  return isBegun || asyncEnd.hasSubscribers || asyncStart.hasSubscribers || error.hasSubscribers
}

/**
 * Tells of a call, where anybody wants to hear of it.
 *
 * @param {any} object
 * @param {string} name of the method
 * @param {unknown[]} args
 * @returns {Told | undefined}
 */
function tellCall(object, name, args) {
  if (isQuietly() || QUIET.has(name) || object instanceof native.ExecThread) return undefined
  const begins = beginningCall(object, name, args)
  if (object === undefined && begins === undefined) return undefined
  if (connections.hasSubscribers) tellConnection(clientOf(begins?.by ?? object))
  if (begins !== undefined) return isHeard(turns) || tools.hasSubscribers ? tellTurn(begins) : undefined
  return isHeard(requests) ? tellRequest(object, name, args) : undefined
}

/** @param {any} codex */
function tellConnection(codex) {
  if (connected.has(codex) || typeof codex.startThread !== 'function') return
  connected.add(codex)
  codex.on('connection', (/** @type {object} */ event) => connections.publish({ codex, event }))
}

/**
 * @param {any} object
 * @param {string} name
 * @param {unknown[]} args
 * @returns {Told}
 */
function tellRequest(object, name, args) {
  const method = name === 'request' && typeof args[0] === 'string' ? args[0] : undefined
  /** @type {any} */
  const message = {
    of: object.constructor.name,
    call: name,
    method,
    threadId: threadOf(object, args),
    url: urlOf(object),
    isOver: false,
  }
  requests.start.publish(message)
  return {
    trace: message.trace,
    hear: undefined,
    within: (call) => (message.within === undefined ? call() : message.within(call)),
    gave() {
      message.isOver = true
      requests.end.publish(message)
    },
    threw(error) {
      message.error = error
      message.isOver = true
      requests.error.publish(message)
      requests.end.publish(message)
    },
    async after(promise) {
      requests.end.publish(message)
      return outcome(requests, message, promise)
    },
  }
}

/**
 * @param {import('./beginners.js').Beginning} begins
 * @returns {Told}
 */
function tellTurn({ by, of, call, threadId, input, options, after }) {
  const about = {
    ...{ of, call, input, threadId, url: urlOf(by) },
    model: options?.model ?? (after === undefined ? modelOf(by) : models.get(after)),
    isStructured: options?.outputSchema !== undefined,
  }
  const telling = new TurnTelling(about, turns, tools, redactOf(clientOf(by)))
  const { message } = telling
  turns.start.publish(message)
  return {
    trace: message.trace,
    hear: (line) => telling.hear(line),
    judge: (over) => telling.judge(over),
    within: (call) => (message.within === undefined ? call() : message.within(call)),
    gave: () => turns.end.publish(message),
    threw(error) {
      message.error = error
      turns.error.publish(message)
      turns.end.publish(message)
    },
    async after(promise) {
      turns.end.publish(message)
      const value = await telling.after(promise)
      if (value instanceof native.Turn && message.model !== undefined) models.set(value, message.model)
      return value
    },
  }
}

/**
 * Tells of a turn of `codex exec`, where anybody wants to hear of it. Its events are said by who reads them.
 *
 * @param {ConstructorParameters<typeof TurnTelling>[0]} about
 */
function tellExec(about) {
  if (!isHeard(turns) && !tools.hasSubscribers) return undefined
  const telling = new TurnTelling(about, turns, tools)
  turns.start.publish(telling.message)
  turns.end.publish(telling.message)
  return telling
}

/**
 * Tells what became of a promise.
 *
 * @param {import('node:diagnostics_channel').TracingChannel} tracing
 * @param {any} message
 * @param {Promise<any>} promise
 */
async function outcome(tracing, message, promise) {
  try {
    message.result = await promise
    return message.result
  } catch (error) {
    message.error = error
    tracing.error.publish(message)
    throw error
  } finally {
    tracing.asyncStart.publish(message)
    tracing.asyncEnd.publish(message)
  }
}

/**
 * @param {any} object
 * @param {unknown[]} args
 * @returns {string | undefined}
 */
function threadOf(object, args) {
  if (typeof object.threadId === 'string') return object.threadId
  if (object.constructor.name === 'Thread') return object.id
  const [first] = args
  const { threadId } = /** @type {any} */ (typeof args[1] === 'object' ? (args[1] ?? {}) : {})
  return typeof threadId === 'string'
    ? threadId
    : typeof first === 'string' && first.length === 36
      ? first
      : undefined
}

module.exports = { tellCall, tellExec }
