'use strict'

const { types } = require('node:util')
const { onAbort, untilAborted } = require('../glue/signals.js')
const { abortReason, asCallError, CodexAPICallError } = require('./errors.js')
const { OpenTurn } = require('./open-turn.js')
const { defined, handlersOf, optionsOf, placed, turnOnly } = require('./options.js')
const { Parts } = require('./parts.js')
const { readPrompt } = require('./prompt.js')
const { Whole } = require('./whole.js')
const { effortOf, formatOf, toolsOf, warnOfKept, warnOfNewTools, warnOfSettings } = require('./tools.js')

/**
 * @typedef {import('./open-turn.js').OpenTurn} Open
 * @typedef {import('./session.js').Session} Session
 * @typedef {{ sessions: import('./session.js').Sessions, limits: import('./limits.js').Limits }} Shared what the models of a
 *   provider share
 */

/** One call of the AI SDK: it begins a turn, or goes on with one that waited for it. */
class Call {
  /** @type {any[]} */
  warnings = []
  #shared
  #modelId
  #options
  #signal
  #off = () => {}
  #isEnded = false
  /** @type {Session | undefined} */
  #session
  /** @type {Open | undefined} */
  #turn

  /**
   * @param {Shared} shared
   * @param {string | undefined} modelId
   * @param {Record<string, any>} settings
   * @param {any} options of the AI SDK
   */
  constructor(shared, modelId, settings, options) {
    this.#shared = shared
    this.#modelId = modelId
    this.#options = options
    this.#signal = /** @type {AbortSignal | undefined} */ (options.abortSignal)
    const { own, rest, opening, call } = optionsOf(settings, options.providerOptions)
    /** That of the model's settings: what a call asks for holds for its turn alone. */
    this.effort = settings.effort
    this.own = own
    this.rest = rest
    this.opening = opening
    this.ofCall = call
    const warn = (/** @type {string} */ feature, /** @type {string} */ details) =>
      this.warnings.push({ type: 'unsupported', feature, details })
    this.plan = readPrompt(options.prompt, warn)
    this.tools = toolsOf(options, warn)
    this.format = formatOf(options.responseFormat, warn)
    this.warn = warn
    warnOfSettings(options, warn)
  }

  get turn() {
    return /** @type {Open} */ (this.#turn)
  }

  /** @param {'v3' | 'v4'} version of the parts */
  async begin(version) {
    try {
      if (this.#signal?.aborted) throw abortReason(this.#signal)
      const turn = (await this.#answered()) ?? (await this.#begun())
      turn.parts.version = version
      turn.parts.raw = this.#options.includeRawChunks === true
    } catch (error) {
      this.#end()
      throw this.#signal?.aborted
        ? abortReason(this.#signal)
        : asCallError(placed(error, this.ofCall), { threadId: this.#session?.threadId })
    }
  }

  /**
   * The parts of the call, as they come: all that is ready at once.
   * @returns {AsyncGenerator<any[], void>}
   */
  async *parts() {
    const { turn } = this
    const { parts, session } = turn
    const modelId = session.thread.defaults.model
    const whole = new Whole((itemId) => parts.metadata({ itemId }))
    yield [
      { type: 'stream-start', warnings: this.warnings },
      { type: 'response-metadata', id: parts.turnId, modelId, timestamp: new Date() },
    ]
    try {
      for (;;) {
        const some = await turn.next()
        if (some === undefined) break
        const parts = whole.taken(some)
        if (parts.length > 0) yield parts
      }
      if (this.#signal?.aborted && turn.isOver) throw abortReason(this.#signal)
      if (this.#isEnded) return
      if (turn.isOver) yield whole.taken(await this.#last())
      else yield [...whole.close(), this.#finish('tool-calls', 'waiting')]
    } finally {
      this.#end()
    }
  }

  /** Nobody wants the rest. @param {unknown} reason */
  async cancel(reason) {
    const turn = this.#turn
    if (turn?.isAttached && !turn.isOver && !this.own.leaveRunning) await turn.abort(reason)
    this.#end()
  }

  /** A turn that waited for what this call brings. @returns {Promise<Open | undefined>} */
  async #answered() {
    const { plan } = this
    if (plan.approvals.length === 0 && plan.results.length === 0) return undefined
    const turn = this.#shared.sessions.asked.turnFor(plan, this.#threadId)
    if (turn === undefined) {
      if (plan.input.length === 0) throw this.#shared.sessions.asked.gone(plan, this.#threadId)
      return undefined
    }
    this.#enter(turn.session)
    const isRead = turn.isAttached
    if (!isRead) this.#attach(turn)
    await this.#wanted(turn.answer(plan, this.own.decisions))
    if (isRead)
      throw new CodexAPICallError('the answer was taken; its turn goes on in another call', {
        statusCode: 409,
      })
    return turn
  }

  /** @returns {Promise<Open>} */
  async #begun() {
    const { plan, own, format } = this
    if (plan.input.length === 0) {
      throw new CodexAPICallError(
        'there is nothing to send: the prompt ends with an answer of the assistant',
        { statusCode: 400 },
      )
    }
    const waiting = await this.#open()
    if (waiting !== undefined) return waiting
    const session = /** @type {Session} */ (this.#session)
    if (plan.history.length > 0) {
      const params = { threadId: session.threadId, items: plan.history }
      await this.#wanted(session.sessions.codex.request('thread/inject_items', params))
    }
    const parts = new Parts({
      threadId: session.threadId,
      isCallers: (tool) => turn.tools.has(tool),
      outputIntervalMs: own.outputIntervalMs,
      onData: own.onData,
      ...format,
    })
    const { onApproval, onElicitation } = this.rest
    const turn = new OpenTurn(session, parts, { ...own, onApproval, onElicitation })
    session.begins(turn)
    this.#attach(turn)
    const asked = this.ofCall.effort ?? effortOf(this.#options) ?? this.effort
    const usual = () => this.#wanted(this.#usualEffort(session))
    const lasting = session.lasting.changes(this.rest)
    try {
      const effort = await session.lasting.effort(asked, usual)
      const options = { ...lasting.options, ...defined({ effort }), ...this.#turnOptions(session, turn) }
      const started = await session.thread.turn(plan.input, options)
      session.lastTurnId = started.id
      turn.started(started)
      this.#tell(started)
    } catch (error) {
      if (turn.turn === undefined) lasting.failed()
      turn.failed(error)
      // Where the caller's own function threw it runs on for nobody.
      if (turn.turn !== undefined) void turn.abort(error)
      throw error
    }
    turn.read()
    return turn
  }

  /** Finds or opens the thread; gives the turn that waits in it, where the message is for that. */
  async #open() {
    const { plan, own, tools, format } = this
    const { sessions } = this.#shared
    const model = this.#modelId === undefined ? {} : { model: this.#modelId }
    const opening = {
      rest: {
        ...model,
        ...this.opening,
        effort: this.effort,
        ...(plan.instructions ? { developerInstructions: plan.instructions } : {}),
      },
      tools,
      approvals: own.approvals,
    }
    const threadId = this.#threadId
    if (threadId === undefined) {
      await this.#entered(sessions.start(opening, this.#signal))
      return undefined
    }
    const session = await this.#entered(sessions.resume(threadId, opening))
    warnOfNewTools(session.known, tools, this.warn)
    const { waiting } = session
    const later = plan.turnId === undefined ? undefined : await this.#wanted(session.after(plan.turnId))
    if (waiting !== undefined) {
      const isSame = later === undefined && waiting.parts.isJson === format.isJson
      if (isSame && !waiting.isLeft && (await this.#wanted(waiting.goOn(plan.input)))) {
        this.#attach(waiting)
        waiting.read()
        return waiting
      }
      await this.#wanted(waiting.interrupt('a message came in its place'))
    }
    if (later === undefined || own.onEdit === 'revert') warnOfKept(session.settings, this.ofCall, this.warn)
    if (later === undefined) return undefined
    if (own.onEdit === 'revert') {
      // What still runs is what is taken back: one that was stopped a moment ago, or that of another call.
      const running = [...session.turns].map((turn) => turn.interrupt('the thread was taken back'))
      await this.#wanted(Promise.all(running))
      await this.#wanted(session.thread.revert(later))
      session.lastTurnId = plan.turnId
      return undefined
    }
    await this.#entered(sessions.fork(session, /** @type {string} */ (plan.turnId), opening))
    session.leave(own.idleTimeoutMs)
    return undefined
  }

  /** The effort of a model to which nobody says one. @param {Session} session @returns {Promise<string | undefined>} */
  async #usualEffort({ sessions, thread }) {
    const name = this.#modelId ?? thread.defaults.model
    const models = await sessions.codex.models()
    return models.find(({ id, model }) => id === name || model === name)?.defaultReasoningEffort
  }

  /** @param {Session} session @param {Open} turn */
  #turnOptions(session, turn) {
    const { rest, format } = this
    const { defaults } = session.thread
    const model = this.#modelId !== undefined && this.#modelId !== defaults.model ? this.#modelId : undefined
    return {
      ...turnOnly(rest),
      ...defined({ model, outputSchema: format.outputSchema }),
      ...handlersOf(rest),
      ...(this.own.approvals ? turn.handlers : {}),
      ...(this.#hasLateTools(session) ? { onToolCall: turn.toolCalled } : {}),
      signal: turn.signal,
    }
  }

  /** The thread that the conversation is in, or is to be. */
  get #threadId() {
    return this.plan.threadId ?? this.own.threadId
  }

  /** Whether the thread may have tools of this call that the call which opened it here did not have. @param {Session} session */
  #hasLateTools({ known, run }) {
    return this.tools.some(({ name }) => !run.has(name) && known?.has(name) !== false)
  }

  /** @param {Session} session */
  #enter(session) {
    this.#session = session
    session.enter()
  }

  /**
   * A session once it is open. Where the call is aborted before, it is left as one that nobody uses: others may wait
   * for it.
   *
   * @param {Promise<Session>} opening
   */
  async #entered(opening) {
    try {
      const session = await this.#wanted(opening)
      this.#enter(session)
      return session
    } catch (error) {
      const { idleTimeoutMs } = this.own
      void opening.then(
        (session) => {
          session.enter()
          session.leave(idleTimeoutMs)
        },
        () => {},
      )
      throw error
    }
  }

  /**
   * What the call waits for, unless it is aborted before.
   *
   * @template T
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  #wanted(promise) {
    const signal = this.#signal
    const open = this.#shared.sessions.whileOpen(promise)
    return untilAborted(open, signal, () => abortReason(/** @type {AbortSignal} */ (signal)))
  }

  /** @param {import('../index.js').Turn} started */
  #tell(started) {
    const { turn } = this
    const told = /** @type {unknown} */ (this.own.onTurn?.(started))
    // It is not waited for: it may wait for the turn itself.
    if (types.isPromise(told)) told.catch((error) => turn.abort(error))
  }

  /** @param {Open} turn */
  #attach(turn) {
    this.#turn = turn
    turn.parts.onData = this.own.onData
    turn.tools = new Set(this.tools.map(({ name }) => name))
    turn.attach()
    const signal = this.#signal
    if (signal === undefined) return
    const abort = () => void turn.abort(abortReason(signal))
    this.#off = onAbort(signal, abort)
  }

  /** The last parts of a turn. */
  async #last() {
    const { parts } = this.turn
    const { result, error } = await this.turn.result().then(
      (result) => ({ result, error: undefined }),
      (error) => ({ result: error?.code === 'OUTPUT_VALIDATION' ? error.result : undefined, error }),
    )
    const held = parts.words.takeAnswer()
    if (held !== undefined) {
      parts.words.answer(held.id, result?.parsed === undefined ? held.text : JSON.stringify(result.parsed))
    }
    parts.words.close()
    const failed = result === undefined
    const isComplete = result?.status === 'completed'
    const how = isComplete ? 'has ended without the outcome' : 'was interrupted'
    parts.calls.close(failed ? `the turn failed: ${error?.message}` : `the turn ${how}`)
    const out = parts.taken()
    const status = result?.status ?? 'failed'
    if (failed)
      out.push({
        type: 'error',
        error: asCallError(error, { threadId: this.turn.session.threadId, turnId: parts.turnId }),
      })
    out.push(this.#finish(failed ? 'error' : status === 'completed' ? 'stop' : 'other', status))
    return out
  }

  /** @param {string} unified @param {string} raw */
  #finish(unified, raw) {
    const { parts } = this.turn
    const rateLimits = this.#shared.limits.latest
    return {
      type: 'finish',
      finishReason: { unified, raw },
      usage: parts.usage.take(),
      providerMetadata: parts.metadata({ status: raw, ...(rateLimits ? { rateLimits } : {}) }),
    }
  }

  #end() {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#off()
    this.#off = () => {}
    if (this.#turn?.isAttached) this.#turn.detach()
    this.#session?.leave(this.own.idleTimeoutMs)
    this.#session = undefined
  }
}

module.exports.Call = Call
