'use strict'

const { Calls } = require('./calls.js')
const { Data } = require('./data.js')
const { NAME } = require('./prompt.js')
const { Usage } = require('./usage.js')
const { Words } = require('./words.js')

/**
 * @typedef {object} Format how the events of a turn become parts
 * @property {string} threadId
 * @property {boolean} isJson
 * @property {boolean} holds
 * @property {(tool: string) => boolean} isCallers
 * @property {number} outputIntervalMs
 * @property {((part: import('./data.js').DataPart) => void) | undefined} onData
 */

/** The events of a turn as the parts of a stream of the AI SDK. One for a turn, whose calls take its parts in turns. */
class Parts {
  /** What was made and not taken yet. @type {any[]} */
  out = []
  usage = new Usage()
  /** Whether raw events are parts, too. */
  raw = false
  /** The end of the turn. @type {any} */
  end
  /** The last error that the turn told. @type {any} */
  error
  /** When the thread has told its model anew. @type {string | undefined} */
  model
  /** Where images that were generated go: AI SDK 7 has another form of them. @type {'v3' | 'v4'} */
  version = 'v3'
  turnId = ''
  /** Where data goes: each call has a place of its own for it. @type {Format['onData']} */
  onData
  #threadId

  /** @param {Format} format */
  constructor({ threadId, isJson, holds, isCallers, outputIntervalMs, onData }) {
    this.#threadId = threadId
    this.isJson = isJson
    const emit = (/** @type {any} */ part) => this.out.push(part)
    const metadata = (/** @type {string} */ itemId, /** @type {object | undefined} */ more) =>
      this.metadata({ itemId, ...more })
    this.words = new Words(() => this.out, metadata, { isJson, holds })
    this.calls = new Calls(emit, metadata, { isCallers, outputIntervalMs })
    this.onData = onData
    this.data = new Data((part) => this.onData?.(part))
  }

  /** What was made since it was asked last. */
  taken() {
    const { out } = this
    this.out = []
    return out
  }

  /** @param {Record<string, unknown>} [more] */
  metadata(more) {
    return { [NAME]: { threadId: this.#threadId, turnId: this.turnId, ...more } }
  }

  /** @param {any} event */
  take(event) {
    const { method, params } = event
    if (method === 'item/agentMessage/delta') this.words.text(params.itemId, params.delta)
    else TAKERS[method]?.(this, params)
    if (this.raw) this.out.push({ type: 'raw', rawValue: event })
  }

  /** @param {any} event of an agent that works for the turn */
  ofAgent(event) {
    this.data.subAgent(event)
    const { item } = event.params
    // Of its calls those are parts that it had to ask for.
    if (event.method === 'item/completed' && this.calls.get(item.id) !== undefined) this.calls.completed(item)
  }

  /** @param {any} item an image */
  image(item) {
    const data = typeof item.result === 'string' ? item.result : ''
    if (data === '') return
    const providerMetadata = this.metadata({ itemId: item.id, itemType: item.type })
    const held = this.version === 'v4' ? { type: 'data', data } : data
    this.out.push({ type: 'file', mediaType: 'image/png', data: held, providerMetadata })
  }
}

/** What is words, and not a tool. */
const WORDS = new Set(['agentMessage', 'reasoning', 'plan'])
const DELTAS = /^item\/(agentMessage|reasoning|plan)\//

/** @type {Record<string, (parts: Parts, params: any) => void>} */
const TAKERS = {
  'item/started'(parts, { item, turnId }) {
    if (WORDS.has(item.type)) parts.words.started(item)
    else parts.calls.started(item)
    parts.data.item(item, turnId)
  },
  'item/completed'(parts, { item, turnId }) {
    if (WORDS.has(item.type)) parts.words.completed(item)
    else parts.calls.completed(item)
    parts.data.item(item, turnId)
    if (item.type === 'imageGeneration') parts.image(item)
  },
  'item/reasoning/summaryTextDelta'(parts, { itemId, delta, summaryIndex }) {
    parts.words.reasoning(itemId, delta, summaryIndex)
  },
  'item/reasoning/textDelta'(parts, { itemId, delta, contentIndex }) {
    parts.words.reasoning(itemId, delta, contentIndex, true)
  },
  'item/plan/delta'(parts, { itemId, delta }) {
    parts.words.text(itemId, delta)
  },
  'item/commandExecution/outputDelta'(parts, { itemId, delta }) {
    parts.calls.output(itemId, delta)
  },
  'item/mcpToolCall/progress'(parts, { itemId, message }) {
    parts.calls.progress(itemId, message)
  },
  'turn/plan/updated'(parts, params) {
    parts.data.plan(params)
  },
  'turn/diff/updated'(parts, params) {
    parts.data.diff(params)
  },
  'thread/tokenUsage/updated'(parts, { tokenUsage }) {
    parts.usage.add(tokenUsage)
  },
  'model/rerouted'(parts, { toModel }) {
    parts.model = toModel
  },
  error(parts, { error, willRetry }) {
    // What was said of the answer that broke off stays; the next one begins anew.
    if (willRetry) parts.words.close()
    else parts.error = error
  },
  'turn/completed'(parts, { turn }) {
    parts.end = turn
  },
}

/**
 * Whether an event is of a message, reasoning or a plan.
 * @param {{ method: string, params: any }} event
 */
function isOfWords({ method, params }) {
  return WORDS.has(params?.item?.type) || DELTAS.test(method)
}

module.exports.isOfWords = isOfWords
module.exports.Parts = Parts
