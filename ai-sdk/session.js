'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { untilAborted } = require('../glue/signals.js')
const { METERS, meterOfThread } = require('../glue/budget.js')
const { classes } = require('../glue/errors.js')
const { Lasting } = require('./lasting.js')
const { threadOptions } = require('./options.js')

/**
 * @typedef {import('../index.js').Thread} Thread
 * @typedef {import('./open-turn.js').OpenTurn} OpenTurn
 * @typedef {import('./asked.js').AskedOfAll} AskedOfAll
 * @typedef {Record<string, any>} Options
 *
 * @typedef {{ name: string, description: string, inputSchema: any }} ToolSpec a tool of the caller
 * @typedef {{ rest: Options, tools: ToolSpec[], approvals: boolean }} Opening how a thread is opened
 */

/** Of so many threads it is known what they have used and were asked for, also of those that were let go. */
const MOST_KEPT = 10_000

/** A thread that calls of the AI SDK use, with the turns of theirs that run or wait. */
class Session {
  /** @type {Set<OpenTurn>} */
  turns = new Set()
  /** The turn that ours began last, or that was found to be the last. @type {string | undefined} */
  lastTurnId
  #calls = 0
  /** @type {NodeJS.Timeout | undefined} */
  #idle

  /**
   * @param {Sessions} sessions
   * @param {Thread} thread
   * @param {Options} settings handlers among them
   * @param {Set<string>} run the tools for which there is a function
   * @param {Set<string> | undefined} known the tools that the thread was started with, where that is known
   */
  constructor(sessions, thread, settings, run, known) {
    this.sessions = sessions
    this.thread = thread
    this.settings = settings
    this.run = run
    this.known = known
    this.threadId = thread.id
    this.asked = sessions.asked
    this.lasting = new Lasting(threadOptions(settings, 'start'), thread.defaults)
  }

  /** The turn that waits for an answer, or was left, if there is one. */
  get waiting() {
    return [...this.turns].find((turn) => turn.isWaiting)
  }

  /** Somebody uses it. */
  enter() {
    this.#calls += 1
    clearTimeout(this.#idle)
  }

  /** @param {number} idleMs until it is let go */
  leave(idleMs) {
    this.#calls -= 1
    this.idleMs = idleMs
    this.#rest()
  }

  /** @param {OpenTurn} turn that begins */
  begins(turn) {
    this.turns.add(turn)
    this.sessions.busy.add(this)
  }

  /** @param {OpenTurn} turn */
  ended(turn) {
    this.turns.delete(turn)
    if (this.turns.size === 0) this.sessions.busy.delete(this)
    this.#rest()
  }

  /**
   * A tool of the caller is called; the turn that it was called in waits for the result.
   *
   * @param {string} name
   * @param {import('../index.js').ToolContext} context
   */
  async toolCalled(name, context) {
    const turns = [...this.turns]
    const turn =
      turns.find((open) => open.turn?.id === context.turnId) ?? turns.find((open) => open.turn === undefined)
    if (turn === undefined) throw new Error(`nobody is there to run ${name}`)
    return turn.questions.toolCalled(name, context)
  }

  /** @param {string} turnId @returns {Promise<string | undefined>} the first turn that came after it in the history */
  async after(turnId) {
    if (this.lastTurnId === turnId) return undefined
    /** @type {import('../protocol.js').Turn[]} */
    const later = []
    for await (const turn of this.thread.turns({ itemsView: 'full', limit: 20 })) {
      if (turn.id === turnId) {
        this.lastTurnId = later[0]?.id ?? turnId
        // What only makes the history shorter says nothing that the conversation does not have.
        const said = later.filter(({ items }) => items.some(({ type }) => type !== 'contextCompaction'))
        return said.at(-1)?.id
      }
      later.push(turn)
    }
    // It was taken back by somebody else: the thread goes on as it is.
    return undefined
  }

  #rest() {
    if (this.#calls > 0 || this.turns.size > 0) return
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.sessions.forget(this), this.idleMs ?? 0)
    this.#idle.unref()
  }

  /** The codex is gone that its turns ran in: nobody there waits for an answer. */
  lost() {
    for (const turn of this.turns) turn.lost()
  }

  /** Lets go of the thread. */
  async close() {
    clearTimeout(this.#idle)
    await Promise.all([...this.turns].map((turn) => turn.interrupt('the provider was closed')))
    const { thread } = /** @type {{ thread: Thread & { close?: () => Promise<void> } }} */ (this)
    await thread.close?.().catch(() => {})
  }
}

/** The threads of a provider, by their ids, for as long as they are used. */
class Sessions {
  /** @type {Map<string, Promise<Session>>} */
  #open = new Map()
  /** All that have turns, also those that are let go. @type {Set<Session>} */
  busy = new Set()
  /** The budgets of threads and their settings, the latest last. @type {Map<string, { meter: ReturnType<typeof meterOfThread>, lasting: InstanceType<typeof Lasting> }>} */
  #kept = new Map()
  /** Those that are open. @type {Set<Session>} */
  #sessions = new Set()
  #isWatching = false
  #closing = new AbortController()

  /**
   * @param {import('../index.js').Codex} codex
   * @param {AskedOfAll} asked
   */
  constructor(codex, asked) {
    this.codex = codex
    this.asked = asked
  }

  /**
   * What a call waits for, unless the provider is closed before.
   * @template T
   * @param {Promise<T>} promise
   */
  whileOpen(promise) {
    return untilAborted(promise, this.#closing.signal, closedError)
  }

  /** Hears of the end of the connection, which comes before that of the turns. */
  watch() {
    if (this.#isWatching) return
    this.#isWatching = true
    this.codex.on('connection', this.#changed)
  }

  #changed = (/** @type {import('../index.js').ConnectionEvent} */ { type }) => {
    if (type !== 'closed') return
    for (const session of this.busy) session.lost()
  }

  /** @param {Opening} opening @param {AbortSignal} [signal] */
  start(opening, signal) {
    const start = (/** @type {Options} */ more) =>
      this.codex.startThread({ ...threadOptions(opening.rest, 'start'), ...more, signal })
    return this.#made(opening, start)
  }

  /** @param {string} id @param {Opening} opening */
  resume(id, opening) {
    const known = this.#open.get(id)
    if (known !== undefined) return known
    const resume = (/** @type {Options} */ more) =>
      this.codex.resumeThread(id, { ...threadOptions(opening.rest, 'resume'), ...more, ...this.#metered(id) })
    const opened = this.#made(opening, resume, id)
    this.#open.set(id, opened)
    // One that could not be opened is tried again.
    opened.catch(() => this.#open.delete(id))
    return opened
  }

  /** @param {Session} from @param {string} lastTurnId @param {Opening} opening */
  async fork(from, lastTurnId, opening) {
    const fork = (/** @type {Options} */ more) =>
      this.codex.forkThread(from.threadId, {
        ...threadOptions(opening.rest, 'fork'),
        ...more,
        ...this.#metered(from.threadId),
        lastTurnId,
      })
    const session = await this.#made(opening, fork, from.threadId)
    session.known = from.known
    session.lastTurnId = lastTurnId
    return session
  }

  /**
   * The turn that runs in a thread, for one more reader.
   * @param {string} id
   * @returns {Promise<import('./resume.js').Followed | undefined>}
   */
  async follow(id) {
    const session = await this.whileOpen(Promise.resolve(this.#open.get(id)))
    const own = session && [...session.turns].find(({ turn, isOver }) => turn !== undefined && !isOver)
    if (own !== undefined) return own.follow()
    const thread = session?.thread ?? (await this.whileOpen(this.codex.resumeThread(id)))
    const turn = await this.whileOpen(thread.runningTurn())
    if (turn === null) return undefined
    return {
      reader: turn.stream({ leaveRunning: true }),
      skip: undefined,
      turn,
      threadId: id,
      turnId: turn.id,
    }
  }

  /** What was used of the budget of a conversation goes on to count, in whichever thread. @param {string} id */
  #metered(id) {
    return { [METERS]: this.#kept.get(id)?.meter }
  }

  /** @param {Session} session */
  #keep({ thread, lasting }) {
    this.#kept.delete(thread.id)
    this.#kept.set(thread.id, { meter: meterOfThread(thread), lasting })
    if (this.#kept.size <= MOST_KEPT) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }

  /** @param {Session} session */
  forget(session) {
    this.#open.delete(session.threadId)
    this.#sessions.delete(session)
    void session.close()
  }

  /** Those that are being opened meanwhile are closed once they are open: the server may never answer. */
  async close() {
    this.#closing.abort()
    const sessions = [...this.#sessions]
    this.#open.clear()
    this.#sessions.clear()
    await Promise.all(sessions.map((session) => session.close().catch(() => {})))
    this.codex.off('connection', this.#changed)
    this.#isWatching = false
  }

  /**
   * @param {Opening} opening
   * @param {(options: Options) => Promise<Thread>} open
   * @param {string} [from] the thread that is opened again or forked
   */
  async #made({ rest, tools, approvals }, open, from) {
    /** @type {Session | undefined} */
    let session
    const run =
      (/** @type {string} */ name) => async (/** @type {unknown} */ _, /** @type {any} */ context) => {
        if (session === undefined) throw new Error(`nobody is there to run ${name}`)
        return session.toolCalled(name, context)
      }
    const callers = tools.map((tool) => ({
      ...tool,
      timeoutMs: Number.POSITIVE_INFINITY,
      run: run(tool.name),
    }))
    const all = [...callers, ...(rest.tools ?? [])]
    if (this.#closing.signal.aborted) throw closedError()
    const thread = await open({
      ...(all.length > 0 ? { tools: all } : {}),
      // That there is one has codex ask; the turns have their own.
      ...(approvals ? { onApproval: () => 'decline' } : {}),
    })
    const names = new Set(tools.map(({ name }) => name))
    session = new Session(this, thread, rest, names, from === undefined ? names : undefined)
    if (this.#closing.signal.aborted) {
      void session.close()
      throw closedError()
    }
    this.#sessions.add(session)
    const before = from === undefined ? undefined : this.#kept.get(from)
    if (before !== undefined)
      session.lasting = before.lasting.again(threadOptions(rest, 'start'), thread.defaults)
    this.#keep(session)
    if (!this.#open.has(thread.id)) this.#open.set(thread.id, Promise.resolve(session))
    return session
  }
}

/** What calls of a provider that was closed reject with. */
function closedError() {
  return new classes.ClosedError('this provider was closed; make a new one', {
    code: 'CLOSED',
    retryable: false,
  })
}

module.exports.Session = Session
module.exports.Sessions = Sessions
