'use strict'

const { rounds } = require('./rounds.js')
const { redacted } = require('./redact.js')
const { added, since } = require('./usage.js')

/**
 * What subscribers of `codex-node:turn` get: one object for a turn, from its call to its end.
 *
 * @typedef {object} TurnMessage
 * @property {string} of `Thread` or `Codex`
 * @property {string} call the method
 * @property {unknown} input
 * @property {string | undefined} threadId
 * @property {string | undefined} turnId
 * @property {string | undefined} url of the server, where it is one elsewhere
 * @property {number} calledAt
 * @property {string | undefined} model as far as it is known when the call is made
 * @property {boolean} isStructured whether an `outputSchema` was asked for
 * @property {import('./usage.js').Usage | undefined} usage of the turn and its sub-agents so far
 * @property {number | undefined} startedAt in milliseconds since 1970, as the others
 * @property {number | undefined} firstTextAt
 * @property {string | undefined} status
 * @property {string | undefined} finalResponse the last message so far that is no commentary
 * @property {unknown} [result]
 * @property {unknown} [error]
 * @property {import('./channels.js').Trace} [trace]
 * @property {(call: () => unknown) => any} [within]
 */

/** Items that are something said or shown, and no tool. */
const NO_TOOLS = new Set([
  'userMessage',
  'agentMessage',
  'reasoning',
  'plan',
  'contextCompaction',
  'enteredReviewMode',
  'exitedReviewMode',
  'subAgentActivity',
])

/** What is told comes by a queue of its own: it has come after so many rounds of the event loop. */
const MOST_ROUNDS = 4
/** The tools of all turns that are told to run, by thread and item. @type {Set<string>} */
const running = new Set()

/**
 * Waits until it is told of an item that it runs, if it will be.
 *
 * @param {string} threadId
 * @param {string} itemId
 */
function heardOf(threadId, itemId) {
  return rounds(MOST_ROUNDS, () => running.has(`${threadId} ${itemId}`))
}

/** Tells of one turn while it runs. */
class TurnTelling {
  #turns
  #tools
  #redact
  /** @type {Map<string, any>} */
  #open = new Map()
  /** @type {Map<string, import('./usage.js').Usage>} */
  #totals = new Map()
  #isOver = false
  /** The turn that somebody has, where it is one. @type {WeakRef<{ result(): Promise<unknown> }> | undefined} */
  #handedOut
  /** Whether it went over its budget, also with its last word. @type {() => Error | undefined} */
  #over = () => undefined
  /** Whether all of the turn itself was heard. */
  #isHeard = false

  /**
   * @param {Pick<TurnMessage, 'of' | 'call' | 'input' | 'threadId' | 'url' | 'model' | 'isStructured'>} about
   * @param {import('node:diagnostics_channel').TracingChannel} turns
   * @param {import('node:diagnostics_channel').Channel} tools
   * @param {import('./redact.js').Redact} [redact]
   */
  constructor(about, turns, tools, redact) {
    this.#turns = turns
    this.#tools = tools
    this.#redact = redact
    /** @type {TurnMessage} */
    this.message = {
      ...about,
      turnId: undefined,
      calledAt: Date.now(),
      usage: undefined,
      startedAt: undefined,
      firstTextAt: undefined,
      status: undefined,
      finalResponse: undefined,
    }
  }

  /** @param {() => Error | undefined} over */
  judge(over) {
    this.#over = over
  }

  /** @param {string | null | undefined} line a notification, or nothing at the end of the turn */
  hear(line) {
    if (line != null) return this.tell(JSON.parse(line))
    this.#isHeard = true
    // Whoever waits for the result has that to tell, too.
    if (this.#handedOut !== undefined) void this.#endOf(this.#handedOut)
  }

  /**
   * The end of a turn whose result nobody may wait for.
   * @param {WeakRef<{ result(): Promise<unknown> }>} handedOut
   */
  async #endOf(handedOut) {
    const { message } = this
    // What an answer is judged by is the caller's, but for its budget.
    if (message.status === 'completed') message.error ??= this.#over()
    else {
      const turn = handedOut.deref()
      try {
        if (turn !== undefined) await quietly(() => turn.result())
        else if (message.status === undefined) message.error ??= lost()
      } catch (error) {
        message.error = error
      }
    }
    this.end()
  }

  /** @param {Promise<any>} promise of its result, or of the turn */
  async after(promise) {
    const { message } = this
    try {
      const value = await promise
      if (typeof value?.steer === 'function') {
        message.turnId = value.id
        this.#handedOut = new WeakRef(value)
        if (this.#isHeard) void this.#endOf(this.#handedOut)
        return value
      }
      message.result = value
      message.status = value?.status ?? message.status
      await this.#all()
      this.end()
      return value
    } catch (error) {
      message.error = error
      await this.#all()
      this.end()
      throw error
    }
  }

  /** @param {any} event a notification */
  tell({ method, params, emittedAtMs }) {
    const { message } = this
    const isOwn = message.threadId === undefined || params.threadId === message.threadId
    switch (method) {
      case 'turn/started':
        if (message.turnId !== undefined || !isOwn) break
        message.threadId = params.threadId
        message.turnId = params.turn?.id
        message.startedAt = emittedAtMs
        break
      case 'turn/completed':
        if (!isOwn) break
        message.status = params.turn?.status
        if (params.turn?.status === 'failed')
          message.error ??= asError(redacted(this.#redact, params.turn.error))
        break
      case 'item/agentMessage/delta':
        message.firstTextAt ??= emittedAtMs
        break
      case 'item/started':
      case 'item/completed':
        this.#item(method === 'item/completed', params)
        break
      case 'thread/tokenUsage/updated':
        this.#usage(params.threadId, params.tokenUsage)
        break
      case 'model/rerouted':
        if (isOwn) message.model = params.toModel
    }
  }

  /**
   * @param {boolean} isComplete
   * @param {any} params
   */
  #item(isComplete, { threadId, turnId, item, startedAtMs, completedAtMs }) {
    if (isComplete && threadId === this.message.threadId && isFinal(item))
      this.message.finalResponse = item.text
    if (NO_TOOLS.has(item?.type)) return
    const known = this.#open.get(`${threadId} ${item.id}`)
    if (isComplete) {
      this.#open.delete(`${threadId} ${item.id}`)
      // One that began while nobody heard.
      const tool = known ?? this.#begin(threadId, turnId, item, startedAtMs ?? item.startedAtMs)
      this.#finish(tool, item, completedAtMs ?? item.completedAtMs ?? Date.now())
    } else if (known === undefined)
      this.#begin(threadId, turnId, item, startedAtMs ?? item.startedAtMs ?? Date.now())
  }

  /**
   * @param {string} threadId
   * @param {string} turnId
   * @param {any} item
   * @param {number | undefined} startedAt
   */
  #begin(threadId, turnId, item, startedAt) {
    const tool = {
      phase: 'start',
      turn: this.message,
      threadId,
      turnId,
      item,
      startedAt,
      completedAt: undefined,
    }
    this.#open.set(`${threadId} ${item.id}`, tool)
    running.add(`${threadId} ${item.id}`)
    this.#tools.publish(tool)
    return tool
  }

  /**
   * @param {any} tool
   * @param {any} item
   * @param {number} completedAt
   */
  #finish(tool, item, completedAt) {
    this.#open.delete(`${tool.threadId} ${item.id}`)
    running.delete(`${tool.threadId} ${item.id}`)
    Object.assign(tool, { phase: 'end', item, completedAt })
    this.#tools.publish(tool)
  }

  /**
   * @param {string} threadId
   * @param {{ total: import('./usage.js').Usage, last: import('./usage.js').Usage }} told
   */
  #usage(threadId, told) {
    if (told?.total === undefined) return
    const used = since(this.#totals.get(threadId), told)
    this.#totals.set(threadId, told.total)
    this.message.usage = added(this.message.usage, used)
  }

  /** Waits for what is on the way: its queue does not keep Node alive. */
  #all() {
    return rounds(MOST_ROUNDS, () => this.#isHeard)
  }

  end() {
    if (this.#isOver) return
    this.#isOver = true
    // Items need not be completed: those of a turn that is interrupted, and those that an approval refuses.
    for (const tool of [...this.#open.values()]) this.#finish(tool, tool.item, Date.now())
    const { message } = this
    if (message.error !== undefined) this.#turns.error.publish(message)
    this.#turns.asyncStart.publish(message)
    this.#turns.asyncEnd.publish(message)
  }
}

/** Whether a call is made for what is told, which is none of the program's. */
let isQuiet = false

/**
 * A call that is not told of itself.
 *
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
function quietly(call) {
  isQuiet = true
  try {
    return call()
  } finally {
    isQuiet = false
  }
}

function lost() {
  const message = 'nothing was heard of the end of the turn'
  return { name: 'TurnLostError', code: 'TURN_LOST', message }
}

/** @param {any} item */
function isFinal(item) {
  return item?.type === 'agentMessage' && typeof item.text === 'string' && item.phase !== 'commentary'
}

/** @param {any} error as the server says it */
function asError(error) {
  return { name: 'TurnFailedError', code: 'TURN_FAILED', message: error?.message ?? 'the turn failed' }
}

module.exports = { heardOf, isQuietly: () => isQuiet, TurnTelling }
