'use strict'

const { clock } = require('../glue/clock.js')
const { describe, isTool, outcome } = require('./items.js')

/**
 * A tool call that was told.
 * @typedef {object} Call
 * @property {string} toolCallId
 * @property {string} toolName
 * @property {string} input as JSON; empty while it is not known
 * @property {boolean} isCallers whether the caller of the AI SDK runs it
 * @property {any} item as it was last seen
 * @property {string} output what a command has written so far
 * @property {number} toldAt when output was told last
 * @property {boolean} isElsewhere whether another reader of the turn does not come by it: an earlier call told it, or nobody
 * @property {boolean} isDenied whether the user refused it by an answer of the AI SDK, which tells that itself
 *
 * @typedef {(part: any) => void} Emit
 * @typedef {import('./words.js').Metadata} Metadata
 */

/** How much of what a command writes is told while it runs: the end of it, as a screen shows. */
const MOST_SHOWN = 16_384

/** The items of a turn that are tools, as calls and results. */
class Calls {
  #emit
  #metadata
  #isCallers
  #intervalMs
  /** @type {Map<string, Call>} */
  #open = new Map()
  /** What was told of each. @type {Map<string, any>} */
  #told = new Map()
  /** Those that have written what was not told yet. @type {Set<Call>} */
  #untold = new Set()

  /**
   * @param {Emit} emit
   * @param {Metadata} metadata
   * @param {{ isCallers: (tool: string) => boolean, outputIntervalMs: number }} options
   */
  constructor(emit, metadata, { isCallers, outputIntervalMs }) {
    this.#emit = emit
    this.#metadata = metadata
    this.#isCallers = isCallers
    this.#intervalMs = outputIntervalMs
  }

  /**
   * The call of a result, for an answer that has the result alone.
   * @param {string} id
   */
  again(id) {
    return this.#told.get(id)
  }

  /** @param {string} id @returns {Call | undefined} one that is open */
  get(id) {
    return this.#open.get(id)
  }

  /** @returns {IterableIterator<Call>} those that are open */
  open() {
    return this.#open.values()
  }

  /** @param {any} item */
  started(item) {
    if (!isTool(item)) return
    const known = this.#open.get(item.id)
    if (known !== undefined) {
      known.item = item
      return
    }
    const { toolName, title, input, lateInput = false } = describe(item)
    const isCallers = item.type === 'dynamicToolCall' && this.#isCallers(item.tool)
    /** @type {Call} */
    const call = {
      toolCallId: item.id,
      toolName,
      input: lateInput ? '' : JSON.stringify(input),
      isCallers,
      item,
      output: '',
      toldAt: Number.NEGATIVE_INFINITY,
      isElsewhere: false,
      isDenied: false,
    }
    this.#open.set(item.id, call)
    if (lateInput) {
      const providerMetadata = this.#metadata(item.id, { itemType: item.type })
      this.#emit({
        type: 'tool-input-start',
        id: item.id,
        toolName,
        providerExecuted: true,
        dynamic: true,
        providerMetadata,
      })
    } else this.#tell(call, title)
  }

  /**
   * A call that the turn does not tell of itself.
   * @param {any} item
   * @returns {Call}
   */
  made(item) {
    this.started(item)
    const call = /** @type {Call} */ (this.#open.get(item.id))
    call.isElsewhere = true
    return call
  }

  /** @param {string} id @param {string} delta */
  output(id, delta) {
    const call = this.#open.get(id)
    if (call === undefined) return
    call.output = (call.output + delta).slice(-MOST_SHOWN)
    if (clock() - call.toldAt >= this.#intervalMs) this.#show(call)
    else this.#untold.add(call)
  }

  /** In how many milliseconds output is to be shown that was held back; undefined where there is none. */
  get untoldInMs() {
    const [first] = this.#untold
    return first && Math.max(1, first.toldAt + this.#intervalMs - clock())
  }

  /** Shows the output that was held back. */
  flush() {
    for (const call of this.#untold) this.#show(call)
  }

  /** @param {string} id @param {string} message */
  progress(id, message) {
    const call = this.#open.get(id)
    if (call !== undefined) this.#result(call, { status: 'inProgress', message }, { preliminary: true })
  }

  /** @param {Call} call */
  #show(call) {
    this.#untold.delete(call)
    call.toldAt = clock()
    if (!call.isDenied)
      this.#result(call, { status: 'inProgress', output: call.output }, { preliminary: true })
  }

  /** @param {any} item */
  completed(item) {
    if (!isTool(item)) return
    if (!this.#open.has(item.id)) this.started(item)
    const call = /** @type {Call} */ (this.#open.get(item.id))
    call.item = item
    const { title, input } = describe(item)
    if (call.input === '') {
      call.input = JSON.stringify(input)
      this.#emit({ type: 'tool-input-delta', id: item.id, delta: call.input })
      this.#emit({ type: 'tool-input-end', id: item.id })
      this.#tell(call, title)
    }
    const { result, isError } = outcome(item, call.output)
    this.#settle(call, result ?? {}, isError)
    this.#sources(item)
  }

  /**
   * Ends what is open, where the turn has ended without a word of it.
   * @param {string} why
   */
  close(why) {
    for (const call of this.#open.values()) {
      if (call.input === '') {
        call.input = '{}'
        this.#tell(call, call.toolName)
      }
      this.#settle(call, call.output === '' ? why : { status: why, output: call.output }, true)
    }
  }

  /** @param {Call} call @param {any} result @param {boolean} isError */
  #settle(call, result, isError) {
    this.#open.delete(call.toolCallId)
    this.#untold.delete(call)
    // What the caller ran it knows, and what the user refused.
    if (!call.isCallers && !call.isDenied) this.#result(call, result, isError ? { isError } : {})
  }

  /** @param {Call} call @param {string} title */
  #tell({ toolCallId, toolName, input, isCallers, item }, title) {
    const whose = isCallers ? {} : { providerExecuted: true, dynamic: true }
    const providerMetadata = this.#metadata(toolCallId, { itemType: item.type, title })
    const part = { type: 'tool-call', toolCallId, toolName, input, ...whose, providerMetadata }
    this.#told.set(toolCallId, part)
    this.#emit(part)
  }

  /** @param {Call} call @param {any} result @param {{ preliminary?: boolean, isError?: boolean }} how */
  #result({ toolCallId, toolName, item }, result, how) {
    const providerMetadata = this.#metadata(toolCallId, { itemType: item.type })
    this.#emit({ type: 'tool-result', toolCallId, toolName, result, dynamic: true, ...how, providerMetadata })
  }

  /** The pages that a search opened or found. @param {any} item */
  #sources({ type, id, action, results }) {
    if (type !== 'webSearch') return
    const urls = [action?.url, ...(results ?? []).map((/** @type {any} */ result) => result?.url)]
    for (const [index, url] of urls.filter((url) => typeof url === 'string').entries()) {
      this.#emit({
        type: 'source',
        sourceType: 'url',
        id: `${id}-${index}`,
        url,
        providerMetadata: this.#metadata(id),
      })
    }
  }
}

module.exports.Calls = Calls
