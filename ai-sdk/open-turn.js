'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { ask } = require('./asked.js')
const { Position } = require('./position.js')
const { toolResult } = require('./prompt.js')

/**
 * @typedef {import('./asked.js').Asked} Asked
 * @typedef {import('./prompt.js').Plan} Plan
 *
 * @typedef {object} Settings of an open turn
 * @property {number} answerTimeoutMs
 * @property {boolean} terminateCommands
 * @property {((request: any, context: any) => unknown) | undefined} onApproval
 */

/** For how long nothing may come before a call ends that waits for an answer: others may be asked at the same time. */
const QUIET_MS = 25
/** For how long a turn that waits is held as it is: the caller's own tools answer within that. */
const HELD_MS = 1000
/** For how long a turn that was left may go on at least. */
const LEAST_REST_MS = 30_000

/** A turn that one call of the AI SDK begins, and others may go on with: while it waits for answers it has no reader. */
class OpenTurn {
  /** @type {Map<string, Asked>} */
  #asked = new Map()
  #controller = new AbortController()
  /** @type {import('../index.js').TurnStream<any> | undefined} */
  #reader
  /** @type {Promise<void> | undefined} */
  #pumping
  #position = new Position()
  #wake = () => {}
  /** @type {unknown} */
  #failure
  #isOver = false
  #isAttached = false
  /** Whether nobody came back in time: what it asks from then on is declined. */
  #isLeft = false
  /** @type {NodeJS.Timeout | undefined} */
  #answerTimer
  /** @type {NodeJS.Timeout | undefined} */
  #heldTimer
  /** @type {import('../index.js').Turn | undefined} */
  turn
  /** Where the call that reads it, or read it last, began. */
  began = new Position()

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./parts.js').Parts} parts
   * @param {Settings} settings
   */
  constructor(session, parts, settings) {
    this.session = session
    this.parts = parts
    this.settings = settings
  }

  /** The handlers of the turn. */
  get handlers() {
    return {
      onApproval: (/** @type {any} */ request, /** @type {any} */ context) =>
        this.#approval(request, context),
      onElicitation: (/** @type {any} */ request, /** @type {any} */ context) =>
        this.#elicitation(request, context),
    }
  }

  /** Ends with the turn, whichever call it was that began it. */
  get signal() {
    return this.#controller.signal
  }

  get isAttached() {
    return this.#isAttached
  }

  get isOver() {
    return this.#isOver
  }

  /** Whether nobody came back in time, or it was given up. */
  get isLeft() {
    return this.#isLeft
  }

  /**
   * What came of it, once it is over.
   * @returns {Promise<import('../index.js').TurnResult>}
   */
  async result() {
    if (this.#failure !== undefined) throw this.#failure
    return /** @type {import('../index.js').Turn} */ (this.turn).run()
  }

  /** Whether it waits for an answer of the caller's, with nobody reading it. */
  get isWaiting() {
    return !this.#isOver && !this.#isAttached
  }

  /** @param {import('../index.js').Turn} turn */
  started(turn) {
    this.turn = turn
    this.parts.turnId = turn.id
  }

  /** A call reads it from now on. */
  attach() {
    this.#isAttached = true
    clearTimeout(this.#answerTimer)
    clearTimeout(this.#heldTimer)
    this.began = this.#position.copy()
    if (this.turn !== undefined) this.read()
  }

  /** Begins to read, or goes on. */
  read() {
    this.#pumping ??= this.#pump()
  }

  /** It could not be started. @param {unknown} error */
  failed(error) {
    this.#failure = error
    this.#finish('its turn could not be started')
  }

  /** The call has ended. What is left waits for the next one, for a time. */
  detach() {
    this.#isAttached = false
    if (this.#isOver) return
    this.#heldTimer = setTimeout(() => this.#letGo(), HELD_MS)
    this.#heldTimer.unref()
    this.#answerTimer = setTimeout(() => this.#leave(), this.settings.answerTimeoutMs)
    this.#answerTimer.unref()
  }

  /**
   * Takes answers of the caller.
   *
   * @param {Plan} plan
   * @param {Record<string, any>} decisions more than yes and no, by the ids of approvals
   */
  async answer({ approvals, results, input }, decisions) {
    const refused = approvals.filter(({ approvalId, approved }) => !approved && this.#asked.has(approvalId))
    const reasons = refused.flatMap(({ reason }) =>
      reason ? [{ type: /** @type {const} */ ('text'), text: reason }] : [],
    )
    // Before the refusal: the model gets both at once.
    await this.#steer([...reasons, ...input])
    for (const { approvalId, approved } of approvals) {
      const asked = this.#asked.get(approvalId)
      if (asked === undefined) continue
      const call = this.parts.calls.get(asked.itemId)
      if (!approved && call !== undefined) call.isDenied = true
      this.#settle(
        asked,
        decisions[approvalId] ?? (approved ? 'accept' : 'decline'),
        'it was answered before',
      )
    }
    for (const { toolCallId, output } of results) {
      const asked = this.#asked.get(toolCallId)
      if (asked?.kind !== 'tool') continue
      try {
        this.#settle(asked, toolResult(output), 'it was answered before')
      } catch (error) {
        this.#settle(asked, Promise.reject(error), 'it was answered before')
      }
    }
  }

  /**
   * A new message in the place of answers: what waits is declined, and the model gets the message.
   *
   * @param {import('../index.js').InputItem[]} input
   * @returns {Promise<boolean>} whether the turn took it
   */
  async goOn(input) {
    try {
      await this.turn?.steer(input)
    } catch {
      return false
    }
    this.#declineAll('a message came in its place')
    return true
  }

  /**
   * Somebody calls a tool of the caller's.
   *
   * @param {string} name
   * @param {import('../index.js').ToolContext} context
   */
  async toolCalled(name, { callId, signal, unref }) {
    if (this.#isLeft || !this.session.tools.has(name)) throw new Error(`nobody is there to run ${name}`)
    const { asked, answer } = ask({ kind: 'tool', id: callId, itemId: callId, request: undefined, unref })
    return this.#wait(asked, answer, signal)
  }

  /**
   * The next parts; undefined when the call ends, as the turn has ended or waits for an answer.
   * @returns {Promise<any[] | undefined>}
   */
  async next() {
    const { parts } = this
    let quiet = false
    for (;;) {
      this.#tellAsked(quiet)
      if (parts.out.length > 0) return parts.taken()
      if (this.#isOver) return undefined
      if (quiet && this.#hasToldAll()) return undefined
      quiet = await this.#news()
      if (quiet) parts.calls.flush()
    }
  }

  /** Whether the turn waits for the caller. */
  get isAsking() {
    return !this.#isOver && this.#asked.size > 0
  }

  /** Stops the turn, and waits until it has stopped. @param {unknown} reason */
  async abort(reason) {
    this.#controller.abort(reason)
    const { terminateCommands } = this.settings
    // It may have ended, or its server be gone.
    await this.turn?.interrupt({ terminateCommands }).catch(() => {})
  }

  /** Ends the turn, and waits until it has ended. @param {string} why */
  async interrupt(why) {
    this.#isLeft = true
    this.#declineAll(why)
    try {
      await this.turn?.interrupt({ terminateCommands: this.settings.terminateCommands })
    } catch {
      // It has ended, or its server is gone.
    }
    this.#finish(why)
  }

  /** Waits until something has come; whether it was quiet for a while instead, or output is due. */
  #news() {
    return new Promise((/** @type {(quiet: boolean) => void} */ resolve) => {
      const quietMs = this.#asked.size > 0 ? QUIET_MS : this.parts.calls.untoldInMs
      const timer = quietMs === undefined ? undefined : setTimeout(() => resolve(true), quietMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(false)
      }
    })
  }

  /** Reads the turn for as long as somebody is there to read it for. */
  async #pump() {
    const { parts } = this
    const turn = /** @type {import('../index.js').Turn} */ (this.turn)
    const reader = turn.stream({ leaveRunning: true })
    this.#reader = reader
    const skip = this.#position.skipper()
    try {
      for (;;) {
        const { value, done } = await reader.next()
        if (this.#reader !== reader) return
        if (done) break
        const event = skip === undefined ? value : skip(value)
        if (event === undefined) continue
        this.#position.pass(event)
        parts.take(event)
        if (parts.out.length > 0) this.#wake()
      }
    } catch (error) {
      if (this.#reader !== reader) return
      this.#failure = error
    }
    this.#finish('its turn has ended')
  }

  /** @param {string} why */
  #finish(why) {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#answerTimer)
    clearTimeout(this.#heldTimer)
    this.#declineAll(why)
    this.session.ended(this)
    this.#wake()
  }

  /** @param {import('../index.js').InputItem[]} input */
  async #steer(input) {
    if (input.length === 0) return
    try {
      await this.turn?.steer(input)
    } catch {
      // The turn is ending: the answer itself says what is left to be said.
    }
  }

  /** Stops reading: a program that has nothing else to do may end. */
  #letGo() {
    const reader = this.#reader
    this.#reader = undefined
    this.#pumping = undefined
    void reader?.return().catch(() => {})
    for (const { unref } of this.#asked.values()) unref()
  }

  /** Nobody came back in time. */
  #leave() {
    this.#letGo()
    this.#isLeft = true
    this.#declineAll(`nobody answered within ${this.settings.answerTimeoutMs} ms, and it was declined`)
    // The model has been told, and gets time to come to an end.
    const restMs = Math.max(this.settings.answerTimeoutMs, LEAST_REST_MS)
    this.#answerTimer = setTimeout(() => void this.interrupt('nobody came back'), restMs)
    this.#answerTimer.unref()
  }

  /** @param {any} request @param {{ signal: AbortSignal, unref: () => void }} context */
  async #approval(request, context) {
    const decision = await this.settings.onApproval?.(request, context)
    if (decision !== undefined) return decision
    if (this.#isLeft) return 'decline'
    const { itemId, callId } = request.params
    const { asked, answer } = ask({
      kind: 'approval',
      itemId: itemId ?? callId,
      request,
      unref: context.unref,
    })
    return this.#wait(asked, answer, context.signal)
  }

  /** An MCP server asks, or codex asks for one. @param {any} request @param {any} context */
  async #elicitation(request, context) {
    if (request.kind !== 'mcpToolCall')
      return (await this.session.settings.onElicitation?.(request, context)) ?? 'decline'
    if (this.#isLeft) return 'decline'
    const { asked, answer } = ask({ kind: 'approval', itemId: '', request, unref: context.unref })
    return this.#wait(asked, answer, context.signal)
  }

  /**
   * @param {Asked} asked
   * @param {Promise<any>} answer
   * @param {AbortSignal} signal of the request: nobody wants the answer any more
   */
  async #wait(asked, answer, signal) {
    this.#asked.set(asked.id, asked)
    this.session.asked.add(asked.id, this)
    const gone = () => this.#settle(asked, 'decline', 'its turn has ended, or somebody else answered')
    if (signal.aborted) gone()
    else signal.addEventListener('abort', gone, { once: true })
    this.#wake()
    try {
      return await answer
    } finally {
      signal.removeEventListener('abort', gone)
    }
  }

  /** @param {Asked} asked @param {any} answer @param {string} why it is over */
  #settle(asked, answer, why) {
    if (!this.#asked.delete(asked.id)) return
    this.session.asked.remove(asked.id, why)
    asked.settle(answer)
  }

  /** @param {string} why */
  #declineAll(why) {
    for (const asked of [...this.#asked.values()]) {
      const isTool = asked.kind === 'tool'
      this.#settle(asked, isTool ? Promise.reject(new Error(`no result came: ${why}`)) : 'decline', why)
    }
  }

  /**
   * Whether there is nothing to wait for but answers: each call of a tool of the caller's has come, too.
   */
  #hasToldAll() {
    if (this.#asked.size === 0) return false
    for (const call of this.parts.calls.open()) {
      if (call.isCallers && !this.#asked.has(call.toolCallId)) return false
    }
    return [...this.#asked.values()].every(({ isTold }) => isTold)
  }

  /**
   * Tells of what is asked, never before the call that it is about.
   * @param {boolean} quiet whether nothing has come for a while
   */
  #tellAsked(quiet) {
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
      this.parts.data?.approval({ ...about, availableDecisions: params.availableDecisions ?? null })
      const providerMetadata = this.parts.metadata({ itemId: call.toolCallId, kind, reason: about.reason })
      this.parts.out.push({
        type: 'tool-approval-request',
        approvalId: asked.id,
        toolCallId: call.toolCallId,
        providerMetadata,
      })
    }
  }

  /**
   * The call that something is asked about; one is made for what has none, such as the commands of sub-agents.
   *
   * @param {Asked} asked
   * @param {boolean} quiet
   */
  #callOf({ kind, itemId, id, request }, quiet) {
    const { calls } = this.parts
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
    if (known !== undefined || (params.threadId === this.session.threadId && !quiet)) return known
    const type = request.kind === 'command' ? 'commandExecution' : 'fileChange'
    return calls.made({ changes: request.changes ?? [], ...params, type, id: itemId })
  }
}

module.exports.OpenTurn = OpenTurn
