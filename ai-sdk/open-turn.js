'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { Position } = require('./position.js')
const { toolResult } = require('./prompt.js')
const { isOfAgent } = require('./data.js')
const { Questions } = require('./questions.js')

/**
 * @typedef {import('./prompt.js').Plan} Plan
 *
 * @typedef {object} Settings of an open turn
 * @property {number} answerTimeoutMs
 * @property {boolean} terminateCommands
 * @property {((request: any, context: any) => unknown) | undefined} onApproval
 * @property {((request: any, context: any) => any) | undefined} onElicitation
 */

/** For how long nothing may come before a call ends that waits for an answer: others may be asked at the same time. */
const QUIET_MS = 25
/** For how long a turn that waits is held as it is: the caller's own tools answer within that. */
const HELD_MS = 1000
/** For how long a turn that was left may go on at least. */
const LEAST_REST_MS = 30_000

/** A turn that one call of the AI SDK begins, and others may go on with: while it waits for answers it has no reader. */
class OpenTurn {
  /** What it waits for. */
  questions = new Questions(this, () => this.#wake())
  #controller = new AbortController()
  /** @type {import('../index.js').TurnStream<any> | undefined} */
  #reader
  /** @type {Promise<void> | undefined} */
  #pumping
  #position = new Position()
  /** Who tells of its agents. @type {import('../index.js').Reader<any> | undefined} */
  #agents
  /** How much of that was told. */
  #told = 0
  #wake = () => {}
  /** @type {Promise<undefined> | undefined} */
  #pause
  #paused = () => {}
  /** @type {unknown} */
  #failure
  #isOver = false
  #isAttached = false
  /** The number of the last event that was read. */
  seq = 0
  /** How many calls have read it. */
  #calls = 0
  /** @type {NodeJS.Timeout | undefined} */
  #answerTimer
  /** @type {NodeJS.Timeout | undefined} */
  #heldTimer
  /** @type {import('../index.js').Turn | undefined} */
  turn
  /** The names of the caller's tools, as the call had them that read it last. @type {Set<string>} */
  tools = new Set()
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
        this.questions.approval(request, context),
      onElicitation: (/** @type {any} */ request, /** @type {any} */ context) =>
        this.questions.elicitation(request, context),
    }
  }

  /** A handler of calls of tools. */
  toolCalled = (/** @type {any} */ { params }, /** @type {any} */ { signal, unref }) =>
    this.questions.toolCalled(params.tool, { ...params, signal, unref })

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
    return this.questions.isClosed
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

  /** Resolves when the call that reads it has ended. @returns {Promise<undefined>} */
  paused() {
    if (this.isWaiting) return new Promise(() => {})
    this.#pause ??= new Promise((resolve) => {
      this.#paused = () => resolve(undefined)
    })
    return this.#pause
  }

  /** What another reader needs to follow the call that reads it, or read it last. */
  follow() {
    const turn = /** @type {import('../index.js').Turn} */ (this.turn)
    return {
      reader: turn.stream({ leaveRunning: true }),
      skip: this.began.skipper(),
      open: this,
      turn,
      threadId: turn.threadId,
      turnId: turn.id,
    }
  }

  /** A call reads it from now on. */
  attach() {
    this.#isAttached = true
    this.#calls += 1
    for (const call of this.parts.calls.open()) call.isElsewhere = true
    clearTimeout(this.#answerTimer)
    clearTimeout(this.#heldTimer)
    this.began = this.#position.copy()
    if (this.turn !== undefined) this.read()
  }

  /** Begins to read, or goes on. */
  read() {
    this.#pumping ??= this.#pump()
    if (this.#agents === undefined) void this.#pumpAgents()
  }

  /** It could not be started. @param {unknown} error */
  failed(error) {
    this.#failure = error
    this.#finish('its turn could not be started')
  }

  /** The call has ended. What is left waits for the next one, for a time. */
  detach() {
    this.#isAttached = false
    this.#pause = undefined
    this.#paused()
    if (this.#isOver) return
    this.parts.words.leave()
    // A call that was left waits for parts that are another one's.
    this.#wake()
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
    const refused = approvals.filter(
      ({ approvalId, approved }) => !approved && this.questions.get(approvalId) !== undefined,
    )
    const reasons = refused.flatMap(({ reason }) =>
      reason ? [{ type: /** @type {const} */ ('text'), text: reason }] : [],
    )
    // Before the refusal: the model gets both at once.
    await this.#steer([...reasons, ...input])
    for (const { approvalId, approved } of approvals) {
      const asked = this.questions.get(approvalId)
      if (asked === undefined) continue
      const call = this.parts.calls.get(asked.itemId)
      if (!approved && call !== undefined) call.isDenied = true
      this.questions.settle(
        asked,
        decisions[approvalId] ?? (approved ? 'accept' : 'decline'),
        'it was answered before',
      )
    }
    for (const { toolCallId, output } of results) {
      const asked = this.questions.get(toolCallId)
      if (asked?.kind !== 'tool') continue
      try {
        this.questions.settle(asked, toolResult(output), 'it was answered before')
      } catch (error) {
        this.questions.settle(asked, Promise.reject(error), 'it was answered before')
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
    this.questions.declineAll('a message came in its place')
    return true
  }

  /**
   * The next parts; undefined when the call ends, as the turn has ended or waits for an answer.
   * @returns {Promise<any[] | undefined>}
   */
  async next() {
    const { parts } = this
    const call = this.#calls
    let quiet = false
    for (;;) {
      if (call !== this.#calls || !this.#isAttached) return undefined
      this.questions.tell(quiet)
      if (parts.out.length > 0) return parts.taken()
      if (this.#isOver) return undefined
      if (quiet && this.questions.hasToldAll()) return undefined
      quiet = await this.#news()
      if (quiet) parts.calls.flush()
    }
  }

  /** Whether the turn waits for the caller. */
  get isAsking() {
    return !this.#isOver && this.questions.size > 0
  }

  /** Its codex is gone. Who reads it hears how it ended; whoever comes with an answer, that nobody waits for it. */
  lost() {
    this.questions.isClosed = true
    this.questions.declineAll('codex has ended, and its turn with it')
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
    this.questions.isClosed = true
    this.questions.declineAll(why)
    // One that has not begun never does.
    if (this.turn === undefined) this.#controller.abort(new Error(why))
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
      const quietMs = this.questions.size > 0 ? QUIET_MS : this.parts.calls.untoldInMs
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
        this.seq = value.seq
        const event = skip === undefined ? value : skip(value)
        if (event === undefined) continue
        this.#position.pass(event)
        this.#take(event)
        if (parts.out.length > 0) this.#wake()
      }
    } catch (error) {
      if (this.#reader !== reader) return
      this.#failure = error
    }
    this.#finish('its turn has ended')
  }

  /** @param {any} event */
  #take(event) {
    try {
      this.parts.take(event)
    } catch (error) {
      // A function of the caller's threw: the turn would run on for nobody.
      void this.abort(error)
      throw error
    }
  }

  /** Tells of what agents do, for as long as the turn is read. */
  async #pumpAgents() {
    const reader = /** @type {import('../index.js').Turn} */ (this.turn).subAgents()
    this.#agents = reader
    let at = 0
    try {
      for await (const event of reader) {
        if (this.#agents !== reader) return
        // Deltas may be joined another time: they don't count.
        if (!isOfAgent(event) || ++at <= this.#told) continue
        this.#told = at
        this.parts.ofAgent(event)
        if (this.parts.out.length > 0) this.#wake()
      }
    } catch {
      // The turn says how it ended.
    }
  }

  #leaveAgents() {
    const reader = this.#agents
    this.#agents = undefined
    void reader?.return().catch(() => {})
  }

  /** @param {string} why */
  #finish(why) {
    if (this.#isOver) return
    this.#isOver = true
    this.#leaveAgents()
    clearTimeout(this.#answerTimer)
    clearTimeout(this.#heldTimer)
    this.questions.declineAll(why)
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
    this.#leaveAgents()
    this.questions.unref()
  }

  /** Nobody came back in time. */
  #leave() {
    this.#letGo()
    this.questions.isClosed = true
    this.questions.declineAll(
      `nobody answered within ${this.settings.answerTimeoutMs} ms, and it was declined`,
    )
    // The model has been told, and gets time to come to an end.
    const restMs = Math.max(this.settings.answerTimeoutMs, LEAST_REST_MS)
    this.#answerTimer = setTimeout(() => void this.interrupt('nobody came back'), restMs)
    this.#answerTimer.unref()
  }
}

module.exports.OpenTurn = OpenTurn
