'use strict'

const { onAbort } = require('../glue/signals.js')
const { ask } = require('./asked.js')

/**
 * @typedef {import('./asked.js').Asked} Asked
 * @typedef {{ signal: AbortSignal, unref: () => void }} Context of a handler
 */

/** What one turn waits for the caller to answer. */
class Questions {
  /** @type {Map<string, Asked>} */
  #asked = new Map()
  /** Whether nobody is there to ask any more: what is asked is declined. */
  isClosed = false

  /**
   * @param {import('./open-turn.js').OpenTurn} turn
   * @param {() => void} wake whoever reads the turn
   */
  constructor(turn, wake) {
    this.turn = turn
    this.wake = wake
  }

  get size() {
    return this.#asked.size
  }

  /** @param {string} id */
  get(id) {
    return this.#asked.get(id)
  }

  /** @param {any} request @param {Context} context */
  async approval(request, context) {
    const decision = await this.turn.settings.onApproval?.(request, context)
    if (decision !== undefined) return decision
    if (this.isClosed) return 'decline'
    const { itemId, callId } = request.params
    const { asked, answer } = ask({
      kind: 'approval',
      itemId: itemId ?? callId,
      request,
      unref: context.unref,
    })
    return this.#wait(asked, answer, context.signal)
  }

  /** An MCP server asks, or codex asks for one. @param {any} request @param {Context} context */
  async elicitation(request, context) {
    if (request.kind !== 'mcpToolCall')
      return (await this.turn.settings.onElicitation?.(request, context)) ?? 'decline'
    if (this.isClosed) return 'decline'
    const { asked, answer } = ask({ kind: 'approval', itemId: '', request, unref: context.unref })
    return this.#wait(asked, answer, context.signal)
  }

  /**
   * Somebody calls a tool of the caller's.
   *
   * @param {string} name
   * @param {import('../index.js').ToolContext} context
   */
  async toolCalled(name, { callId, signal, unref }) {
    if (this.isClosed || !this.turn.tools.has(name)) throw new Error(`nobody is there to run ${name}`)
    const { asked, answer } = ask({ kind: 'tool', id: callId, itemId: callId, request: undefined, unref })
    return this.#wait(asked, answer, signal)
  }

  /** @param {Asked} asked @param {any} answer @param {string} why it is over */
  settle(asked, answer, why) {
    if (!this.#asked.delete(asked.id)) return
    this.turn.session.asked.remove(asked.id, this.turn, why)
    asked.settle(answer)
  }

  /** @param {string} why */
  declineAll(why) {
    for (const asked of [...this.#asked.values()]) {
      const isTool = asked.kind === 'tool'
      this.settle(asked, isTool ? Promise.reject(new Error(`no result came: ${why}`)) : 'decline', why)
    }
  }

  /**
   * Whether there is nothing to wait for but answers: each call of a tool of the caller's has come, too.
   */
  hasToldAll() {
    if (this.#asked.size === 0) return false
    for (const call of this.turn.parts.calls.open()) {
      if (call.isCallers && !this.#asked.has(call.toolCallId)) return false
    }
    return [...this.#asked.values()].every(({ isTold }) => isTold)
  }

  /**
   * Tells of what is asked, never before the call that it is about.
   * @param {boolean} quiet whether nothing has come for a while
   */
  tell(quiet) {
    for (const asked of this.#asked.values()) {
      if (asked.isTold) continue
      const call = this.#callOf(asked, quiet)
      if (call === undefined) continue
      asked.isTold = true
      asked.itemId = call.toolCallId
      if (asked.kind === 'tool') continue
      const { params, kind } = asked.request
      const about = {
        approvalId: asked.id,
        toolCallId: call.toolCallId,
        kind,
        reason: params.reason ?? params.message ?? null,
      }
      this.turn.parts.data.approval({ ...about, availableDecisions: params.availableDecisions ?? null })
      const providerMetadata = this.turn.parts.metadata({
        itemId: call.toolCallId,
        kind,
        reason: about.reason,
      })
      this.turn.parts.out.push({
        type: 'tool-approval-request',
        approvalId: asked.id,
        toolCallId: call.toolCallId,
        providerMetadata,
      })
    }
  }

  /** Those that were told and are told another reader, as chunks of its stream. */
  #again = new WeakMap()

  /**
   * What was told and is open, for another reader that has the calls: each once. Calls that the turn does not tell of, or
   * told of before that reader began, are made for it.
   *
   * @param {import('./calls.js').Calls} calls of that reader
   */
  tellAgain(calls) {
    const known = this.#again.get(calls) ?? new Set()
    this.#again.set(calls, known)
    for (const { itemId, isTold } of this.#asked.values()) {
      const own = this.turn.parts.calls.get(itemId)
      if (isTold && own?.isElsewhere && calls.get(itemId) === undefined) calls.made(own.item)
    }
    return [...this.#asked.values()].flatMap(({ kind, id, itemId, isTold }) => {
      if (kind !== 'approval' || !isTold || known.has(id) || calls.get(itemId) === undefined) return []
      known.add(id)
      return [{ type: 'tool-approval-request', approvalId: id, toolCallId: itemId }]
    })
  }

  /**
   * Whether another reader has the calls of all that was told.
   * @param {import('./calls.js').Calls} calls
   */
  areKnown(calls) {
    return [...this.#asked.values()].every(({ itemId, isTold }) => !isTold || calls.get(itemId) !== undefined)
  }

  /** They keep no program alive any more. */
  unref() {
    for (const { unref } of this.#asked.values()) unref()
  }

  /**
   * @param {Asked} asked
   * @param {Promise<any>} answer
   * @param {AbortSignal} signal of the request: nobody wants the answer any more
   */
  async #wait(asked, answer, signal) {
    this.#asked.set(asked.id, asked)
    this.turn.session.asked.add(asked.id, this.turn)
    const gone = () => this.settle(asked, 'decline', 'its turn has ended, or somebody else answered')
    const off = onAbort(signal, gone)
    this.wake()
    try {
      return await answer
    } finally {
      off()
    }
  }

  /**
   * The call that something is asked about; one is made for what has none, such as the commands of sub-agents.
   *
   * @param {Asked} asked
   * @param {boolean} quiet
   */
  #callOf({ kind, itemId, id, request }, quiet) {
    const { calls } = this.turn.parts
    if (kind === 'tool') return calls.get(itemId)
    const { params } = request
    if (request.kind === 'mcpToolCall') {
      const taken = new Set(
        [...this.#asked.values()].filter(({ isTold }) => isTold).map(({ itemId }) => itemId),
      )
      for (const call of calls.open()) {
        if (call.item.server === params.serverName && !taken.has(call.toolCallId)) return call
      }
      return quiet
        ? calls.made({ type: 'mcpToolCall', id, server: params.serverName, tool: 'call', arguments: params })
        : undefined
    }
    const known = calls.get(itemId)
    if (known !== undefined || (params.threadId === this.turn.session.threadId && !quiet)) return known
    const type = request.kind === 'command' ? 'commandExecution' : 'fileChange'
    return calls.made({ changes: request.changes ?? [], ...params, type, id: itemId })
  }
}

module.exports.Questions = Questions
