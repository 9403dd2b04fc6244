'use strict'

const { TimeoutError, TurnFailedError } = require('../index.js')
const { EventLog } = require('./event-log.js')
const { cancelled, fenced, lost, messageOf, toPlain, unsupported } = require('./errors.js')
const { decode, threadOptions, turnOptions } = require('./options.js')
const { Questions } = require('./questions.js')
const { Checkpoints, FIRST_MS } = require('./checkpoints.js')
const { hasInput, holdsInput, textOf } = require('./threads.js')
const { diedUnder, keptAnswer, limitOf } = require('./endings.js')

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./options.js').OnLost} OnLost
 *
 * How a run of a job ended for its queue: it is over, it is tried again as BullMQ does, later, or elsewhere, where it has
 * been moved to already or not. `next` is the first in the line of the key by then, and its place.
 * @typedef {{ kind: 'over', next?: string[] } | { kind: 'retry', error: Error } | { kind: 'later', until: number } | { kind: 'elsewhere' } |
 *   { kind: 'passed', moved: string[][] }} Outcome
 *
 * Which attempt it is, of how many; `strategy`: how one follows the other, where nobody here knows that.
 * @typedef {{ attempt: number, attempts: number, strategy?: string | undefined }} Tries
 *
 * What a worker has for its turns.
 * @typedef {object} Means
 * @property {import('./threads.js').Threads} threads
 * @property {Record<string, Record<string, any>>} profiles
 * @property {Map<string, any>} tools
 * @property {OnLost} onLost
 * @property {number} answerWithinMs
 * @property {{ maxBytes: number, keepMs: number }} limits of events
 * @property {(until: number) => void} limited the account is at its limit
 * @property {string} account
 */

/** How often codex may die under one job before that is given up. */
const DEATHS = 3

/** What the agent is told when it has to go on with what may have happened in part. */
const UNCERTAIN = `The machine that worked on this stopped in the middle. Your last step may have taken effect, or not, and \
its output may be missing here. Look at the state of things before you do anything again, do not repeat what is done, \
and go on with the task.`
const HANDED_OVER = `The work on this was interrupted, and goes on now. What you see above has happened. Go on with the task.`

let controls = 0

/** One job, run by a worker: from the point where it is the first in the line of its key. */
class Run {
  /** @type {import('../index.js').Turn | undefined} */
  turn
  /** @type {'cancel' | 'drain' | 'fence' | undefined} */
  stopped
  #reason = ''
  #begunAt = Date.now()
  #did = false

  /**
   * @param {Session} session
   * @param {Means} means
   * @param {string} id
   * @param {any[]} begun what `begin` gave
   * @param {Tries} tries
   */
  constructor(session, means, id, begun, tries) {
    this.session = session
    this.means = means
    this.id = id
    const [, key, token, state, cancel, data, threadId, keyOptions, stored, next, failed, sent, asked] = begun
    // BullMQ counts those of one of its jobs; where the sweep made another of it the count goes on.
    this.tries = { ...tries, attempt: Math.max(tries.attempt, Number(failed) + 1) }
    this.key = key
    /** Whether it has a thread of its own. */
    this.isAlone = key === `~${id}`
    this.token = token
    this.state = state
    this.cancelled = cancel
    this.data = data
    this.threadId = threadId
    /** The thread with which it was marked as sent already. */
    this.sentWith = sent === 1 ? threadId : null
    /** Whether somebody has said something for it that was not looked at. */
    this.nudged = asked > 0
    this.keyOptions = keyOptions
    this.stored = stored === '1'
    const writer = { redis: session.redis, names: session.names, id, key, session: session.id, token }
    this.log = new EventLog(
      writer,
      Number(next),
      means.limits,
      (call) => session.persist(call),
      () => this.stop('fence'),
    )
    this.writer = writer
  }

  /** @param {string} script @param {(string | number | Buffer)[]} args */
  #call(script, ...args) {
    return this.session.persist(() =>
      this.session.run(script, this.id, this.key, this.session.id, this.token, ...args),
    )
  }

  /** @returns {Promise<Outcome>} */
  async run() {
    if (this.cancelled !== null) return this.#end({ error: cancelled(this.id, this.cancelled) })
    const payload = decode(this.data ?? '')
    if (typeof payload === 'string') return this.#unreadable(payload)
    const { profile: name, tools: names = [] } = payload
    const { profiles } = this.means
    const profile = name === undefined ? {} : Object.hasOwn(profiles, name) ? profiles[name] : undefined
    if (profile === undefined) return this.#end({ error: unsupported(this.id, `no profile "${name}" here`) })
    const missing = names.filter((tool) => !this.means.tools.has(tool))
    if (missing.length > 0) return this.#end({ error: unsupported(this.id, `no tool "${missing[0]}" here`) })
    const { strategy } = this.tries
    if (strategy !== undefined)
      return this.#end({ error: unsupported(this.id, `no backoffStrategy for "${strategy}" here`) })
    const onLost = payload.onLost ?? this.means.onLost
    let mode = this.state
    for (let deaths = 0; ; ) {
      if (mode === 'sent' && onLost === 'fail') {
        return this.#end({ error: lost(this.id, 'its worker died, and what it did may have taken effect') })
      }
      try {
        return await this.#attempt(payload, profile, mode === 'sent' && onLost === 'resend' ? 'queued' : mode)
      } catch (error) {
        if (this.stopped === 'fence' || this.session.signal.aborted) throw fenced(`job ${this.id}`)
        // A codex that was too busy to open the thread was not asked anything.
        const isBusy = error instanceof TimeoutError && !this.turnAsked
        if (!isBusy && !diedUnder(error)) return this.#failed(error)
        if (this.stopped === 'cancel') return this.#end({ error: cancelled(this.id, this.#reason) })
        if (++deaths >= DEATHS)
          return this.#end({
            error: isBusy ? error : lost(this.id, `codex died ${deaths} times: ${messageOf(error)}`),
          })
        if (isBusy) continue
        this.#tell('fleet/died', { message: messageOf(error) })
        this.means.threads.drop(this.key)
        // Nothing was asked of it where the job is still queued.
        if (this.turnAsked) mode = 'sent'
        this.turnAsked = false
        this.turn = undefined
      }
    }
  }

  /** @param {string} why @returns {Promise<Outcome>} */
  async #unreadable(why) {
    const [how, moved] = await this.#call('pass')
    if (how === 0) throw this.#fence()
    if (how === 1) return this.#end({ error: unsupported(this.id, why) })
    this.means.threads.drop(this.key)
    return { kind: 'passed', moved }
  }

  turnAsked = false

  /**
   * @param {import('./options.js').Payload} payload
   * @param {Record<string, any>} profile
   * @param {string} mode 'queued': as it was asked; 'open', 'sent': to go on
   * @returns {Promise<Outcome>}
   */
  async #attempt(payload, profile, mode) {
    const { threads } = this.means
    const questions = new Questions(
      this.writer,
      payload.answerWithinMs ?? this.means.answerWithinMs,
      (event) => this.#tell(event.method, event.params),
      (call) => this.session.persist(call),
    )
    this.questions = questions
    const tools = (payload.tools ?? []).map((name) => this.means.tools.get(name))
    // What the key's first job said holds for the thread, wherever it is opened.
    const kept = { ...JSON.parse(this.keyOptions), ...payload.options }
    const asks = ['approvalMode', 'approvalPolicy', 'onApproval'].some((n) => n in kept || n in profile)
    const handlers = questions.handlers(profile)
    const options = {
      ...(asks || this.threadId ? {} : { approvalMode: 'auto_review' }),
      ...profile,
      ...threadOptions(kept),
      ...(tools.length > 0 ? { tools: [...(profile.tools ?? []), ...tools] } : {}),
    }
    const { thread, isNew } = await threads.open(this.key, this.token, this.threadId, options)
    const asked = mode !== 'queued' && !isNew
    if (mode !== 'queued' && !this.stored && (isNew || !(await hasInput(thread, payload.input)))) {
      await inject(threads.codex, thread.id, payload.input)
    }
    const note = mode === 'sent' ? UNCERTAIN : HANDED_OVER
    const input = /** @type {any} */ (mode === 'queued' ? payload.input : note)
    if (this.sentWith !== thread.id) {
      const keyOptions =
        this.threadId === null ? JSON.stringify(withoutTurn(payload.options)) : this.keyOptions
      const sent = await this.#call('sent', thread.id, keyOptions)
      if (sent === -1) return this.#end({ error: cancelled(this.id, (await this.#control()) ?? '') })
      // Cancelled while it was still queued.
      if (sent === -2) return { kind: 'over' }
      if (sent < 1) throw this.#fence()
      if (sent === 2) this.nudged = true
    }
    this.sentWith = null
    this.threadId = thread.id
    this.turnAsked = true
    this.turn = await thread.turn(input, { ...turnOptions(payload.options), ...handlers })
    this.#tell('fleet/begun', {
      worker: this.session.options.name,
      threadId: thread.id,
      turnId: this.turn.id,
      mode: mode === 'queued' ? 'asked' : asked ? 'continued' : 'restarted',
    })
    if (this.stopped !== undefined) void this.#interrupt()
    if (this.nudged) this.nudge()
    return this.#follow(thread, this.turn, isNew)
  }

  /**
   * @param {import('../index.js').Thread} thread
   * @param {import('../index.js').Turn} turn
   * @param {boolean} isNew whether nothing of the thread is kept yet
   * @returns {Promise<Outcome>}
   */
  async #follow(thread, turn, isNew) {
    const checkpoints = new Checkpoints(() => this.#checkpoint(thread, turn.id), isNew ? 0 : FIRST_MS)
    this.#checkpoints = checkpoints
    for await (const event of turn.stream({ leaveRunning: true })) {
      const { method, params } = /** @type {{ method: string, params: any }} */ (event)
      if (method === 'item/completed') checkpoints.due()
      if (method === 'item/started' && params.item?.type !== 'userMessage') this.#did = true
      const wait = this.log.push({ method, params })
      if (wait !== undefined) await wait
    }
    const result = await turn.run()
    await checkpoints.end()
    if (this.stopped === 'fence') throw this.#fence()
    await this.#keep(thread, turn.id, result)
    if (this.stopped === 'cancel') return this.#end({ error: cancelled(this.id, this.#reason), result })
    if (this.stopped === 'drain' && result.status === 'interrupted') {
      return this.#again('open', { kind: 'elsewhere' })
    }
    return this.#end({ result })
  }

  /** @type {Checkpoints | undefined} */
  #checkpoints
  #holdsInput = false

  /**
   * @param {import('../index.js').Thread} thread
   * @param {string} turnId
   */
  async #checkpoint(thread, turnId) {
    try {
      const kept = await this.means.threads.keep(thread, this.token)
      if (kept === undefined || this.#holdsInput || !holdsInput(kept, turnId)) return
      this.#holdsInput = true
      await this.#call('checkpointed')
    } catch (error) {
      this.session.emit('trouble', error)
    }
  }

  /**
   * The thread, kept before its job counts as done.
   *
   * @param {import('../index.js').Thread} thread
   * @param {string} turnId
   * @param {unknown} [result] of the turn, where it has one
   */
  async #keep(thread, turnId, result) {
    if (this.isAlone && this.stopped !== 'drain') return
    await keptAnswer(() => this.means.threads.keep(thread, this.token, turnId), this.session, result)
  }

  /** @param {unknown} error @returns {Promise<Outcome>} */
  async #failed(error) {
    await this.#checkpoints?.end()
    const turnId = this.turn?.id
    const thread = this.means.threads.held(this.key, this.token)
    if (thread !== undefined && turnId !== undefined && /** @type {any} */ (error)?.code !== 'STORE_FAILED') {
      await this.#keep(thread, turnId).catch((/** @type {unknown} */ trouble) =>
        this.session.emit('trouble', trouble),
      )
    }
    if (this.stopped === 'cancel') return this.#end({ error: cancelled(this.id, this.#reason) })
    const state = this.#did || this.state !== 'queued' ? 'open' : 'queued'
    const until = await limitOf(error, this.means.threads.codex)
    if (until !== undefined) {
      this.#tell('fleet/limited', { account: this.means.account, until })
      this.means.limited(until)
      return this.#again(state, { kind: 'later', until })
    }
    const { attempt, attempts } = this.tries
    const again = error instanceof TurnFailedError || /** @type {any} */ (error)?.retryable === true
    if (again && attempt < attempts) {
      this.#tell('fleet/failedAttempt', { attempt, attempts, error: toPlain(error) })
      return this.#again(state, { kind: 'retry', error: /** @type {Error} */ (error) }, attempt)
    }
    return this.#end({ error })
  }

  /**
   * @param {string} state how far it came
   * @param {Outcome} outcome
   * @param {number} [failed] how many attempts have failed
   * @returns {Promise<Outcome>} that, unless it was cancelled
   */
  async #again(state, outcome, failed = 0) {
    await this.log.flush()
    const how = await this.#call('again', state, failed)
    if (how === 0) throw this.#fence()
    return how === 1 ? outcome : this.#end({ error: cancelled(this.id, (await this.#control()) ?? '') })
  }

  /**
   * @param {{ result?: unknown, error?: unknown }} how
   * @returns {Promise<Outcome>}
   */
  async #end({ error, result = /** @type {any} */ (error)?.result }) {
    const params = {
      state: error === undefined ? 'completed' : 'failed',
      ...(error === undefined ? {} : { error: toPlain(error) }),
      ...(result === undefined ? {} : { result }),
      worker: this.session.options.name,
      ms: Date.now() - this.#begunAt,
    }
    const text = JSON.stringify({ method: 'fleet/ended', params })
    const rest = await this.log.rest()
    const [finished, next] = await this.#call('finish', text, this.means.limits.keepMs, ...rest)
    if (finished !== 1) throw this.#fence()
    // A thread for this job alone is forgotten with it.
    if (this.isAlone) await this.means.threads.forget(this.key, this.threadId, this.token)
    return { kind: 'over', next }
  }

  #fence() {
    this.stop('fence')
    return fenced(`job ${this.id}`)
  }

  /** @param {string} method @param {unknown} params */
  #tell(method, params) {
    void this.log.push({ method, params })
  }

  /**
   * Ends the turn before its time.
   *
   * @param {'cancel' | 'drain' | 'fence'} why
   * @param {string} [reason]
   */
  stop(why, reason = '') {
    if (this.stopped === 'fence') return
    this.stopped = why
    this.#reason = reason
    void this.#interrupt()
  }

  async #interrupt() {
    const { turn } = this
    if (turn === undefined) return
    try {
      await turn.interrupt()
      // A command that runs goes on by itself after an interrupt.
      await this.means.threads.codex.request('thread/backgroundTerminals/clean', { threadId: turn.threadId })
    } catch {
      // It has ended meanwhile, or codex has.
    }
  }

  /** What others asked of this job since. @returns {Promise<string | null>} why it was cancelled */
  async #control() {
    this.nudged = false
    const [mine, cancel, steers, answers] = await this.#call('control', `${this.token}.${++controls}`)
    if (mine !== 1) throw this.#fence()
    for (let i = 0; i < answers.length; i += 2) this.questions?.answer(answers[i], answers[i + 1])
    for (const text of steers) await this.#steer(JSON.parse(text))
    if (cancel !== null && this.stopped === undefined) this.stop('cancel', cancel)
    return cancel
  }

  /** @param {{ id: string, input: any }} steer */
  async #steer({ id, input }) {
    try {
      if (this.turn === undefined) throw new Error('the turn has not begun')
      await this.turn.steer(input)
      this.#tell('fleet/steered', { id })
    } catch (error) {
      this.#tell('fleet/steered', { id, error: toPlain(error) })
    }
  }

  /** Somebody asked something, or may have. */
  nudge() {
    this.nudged = true
    if (this.turn === undefined) return
    this.#control().catch((error) => this.session.emit('trouble', error))
  }
}

/** @param {Record<string, any>} options what is of one turn alone */
function withoutTurn({
  outputSchema: _o,
  serviceTierForTurn: _s,
  inactivityTimeoutMs: _i,
  source: _r,
  ...rest
}) {
  return rest
}

/**
 * Puts what was asked into a thread without asking it.
 *
 * @param {import('../index.js').Codex} codex
 * @param {string} threadId
 * @param {unknown} input
 */
async function inject(codex, threadId, input) {
  const content = [{ type: 'input_text', text: textOf(input) }]
  await codex.request('thread/inject_items', {
    threadId,
    items: [{ type: 'message', role: 'user', content }],
  })
}

module.exports.Run = Run
