'use strict'

const { clock } = require('../glue/clock.js')
const { callsAsCalled } = require('../glue/caller.js')
const { untilAborted } = require('../glue/signals.js')
const { clearTimeout, setTimeout } = require('node:timers')
const { EventEmitter } = require('node:events')
const { hostname } = require('node:os')
const { setTimeout: sleep } = require('node:timers/promises')
const { Codex, TimeoutError } = require('../index.js')
const { version } = require('../package.json')
const { messageOf } = require('./errors.js')
const { EntryQueue } = require('./entry-queue.js')
const { Keeper } = require('./keeper.js')
const { FleetError, StaleTokenError } = require('./errors.js').classes
const { FORMAT, Names } = require('./names.js')
const { Queues } = require('./queues.js')
const { Channels, bullmq, connect, disconnect } = require('./redis.js')
const { Session } = require('./session.js')
const { checkWorker } = require('./worker-options.js')
const { Threads } = require('./threads.js')
const { TurnQueue } = require('./turn-queue.js')
const { RedisStore } = require('./store.js')
const { submitScheduled } = require('./schedule.js')

/**
 * @typedef {object} Active what a worker has while its session lasts
 * @property {import('./session.js').Session} session
 * @property {import('../index.js').Codex} codex
 * @property {import('./turn-queue.js').TurnQueue} turns
 * @property {import('./entry-queue.js').EntryQueue} entry
 * @property {() => void} unlisten
 */

/** How many workers of this process drain because of a signal. */
let draining = 0

/** Runs jobs on this machine, with a codex of its own. */
class FleetWorker extends EventEmitter {
  /** @type {Active | undefined} */
  #active
  /** Aborted when it is closed: what has not begun is given up. */
  #closing = new AbortController()
  /** Whether somebody waits for it to begin, and is told where it can't. */
  #awaited = false
  /** @type {Promise<void> | undefined} */
  #closed
  /** @type {Promise<void>} */
  #starting
  #limitedUntil = 0
  /** When turns that run are interrupted. */
  #deadline = Number.POSITIVE_INFINITY
  /** @type {NodeJS.Timeout | undefined} */
  #limitTimer
  /** @type {(() => void) | undefined} */
  #unhandle
  #ownStore

  /** @param {any} options */
  constructor(options) {
    super()
    bullmq()
    this.options = checkWorker(options)
    this.names = new Names(this.options.fleet)
    this.redis = connect(this.options.connection)
    this.subscriber = connect(this.options.connection)
    for (const redis of [this.redis, this.subscriber]) redis.on('error', (error) => this.#trouble(error))
    this.channels = new Channels(this.subscriber)
    this.queues = new Queues(this.redis, this.names, this.options.telemetry)
    const { store, connection, fleet } = this.options
    this.#ownStore = store === undefined ? new RedisStore({ connection, fleet }) : undefined
    /** @type {import('./store.js').ThreadStore | undefined} */
    this.store = this.#ownStore ?? store ?? undefined
    this.#starting = this.#begin()
    this.#starting.catch((error) => this.#failed(error))
    if (this.options.signals.length > 0) this.#handleSignals()
  }

  get name() {
    return this.options.name
  }

  /** Resolves once it takes jobs. */
  ready() {
    this.#awaited = true
    return this.#starting
  }

  /** @param {unknown} error why it takes no jobs, now and later */
  #failed(error) {
    if (this.#closing.signal.aborted) return
    this.#trouble(error)
    if (this.#awaited || this.listenerCount('error') > 0) return
    process.emitWarning(`worker ${this.name} of the fleet can't begin: ${messageOf(error)}`)
  }

  /** The worker of BullMQ that runs its jobs. */
  get bullmq() {
    return this.#active?.turns.worker
  }

  async #start() {
    const { options } = this
    const codex = typeof options.codex === 'function' ? options.codex() : new Codex(options.codex)
    /** @type {import('./turn-queue.js').TurnQueue | undefined} */
    let turns
    const session = this.#session(() => turns)
    /** @type {import('./entry-queue.js').EntryQueue | undefined} */
    let entry
    /** @template T @param {Promise<T>} promise */
    const untilClosed = (promise) => untilAborted(promise, this.#closing.signal, closed)
    try {
      // A machine without a codex takes no jobs.
      await untilClosed(codex.connect())
      await untilClosed(session.persist(() => session.register()))
      const threads = new Threads(codex, this.store, {
        most: options.maxOpenThreads,
        maxBytes: options.maxThreadBytes,
        busy: () => new Set(turns?.runs.map(({ key }) => key)),
      })
      codex.on('connection', (/** @type {{ type: string }} */ { type }) => {
        if (type === 'closed' || type === 'lost') threads.clear()
      })
      turns = this.#turnQueue(session, threads, () => entry?.look())
      turns.pause(this.#limitedUntil > Date.now())
      entry = new EntryQueue(session, this.queues, turns, {
        concurrency: options.concurrency,
        leaseMs: options.leaseMs,
        submitScheduled: (job) => submitScheduled(this, job),
      })
      new Keeper(session, this.queues, options)
      const told = (/** @type {string} */ message) =>
        this.#told(/** @type {import('./turn-queue.js').TurnQueue} */ (turns), threads, message)
      const unlisten = await untilClosed(this.channels.listen(this.names.control(session.id), told))
      const active = { session, codex, turns, entry, unlisten }
      session.on('limit', (until) => this.#limit(until))
      session.on('beat', () => entry?.look())
      session.on('lost', (why) => this.#lost(active, why))
      session.signal.throwIfAborted()
      this.#active = active
    } catch (error) {
      session.end()
      await Promise.all([entry?.close(true), turns?.close(true)])
      await codex.close().catch((/** @type {unknown} */ trouble) => this.#trouble(trouble))
      throw error
    }
    this.emit('ready', { session: session.id })
  }

  /** @param {() => import('./turn-queue.js').TurnQueue | undefined} turns */
  #session(turns) {
    const { options, redis, names } = this
    const session = new Session(redis, names, {
      name: options.name,
      leaseMs: options.leaseMs,
      account: options.account,
      info: {
        name: options.name,
        host: hostname(),
        pid: process.pid,
        version,
        format: FORMAT,
        concurrency: options.concurrency,
        account: options.account,
      },
      load: () => ({
        running: turns()?.running ?? 0,
        waiting: turns()?.waiting ?? 0,
        limitedUntil: this.#limitedUntil,
      }),
    })
    session.on('trouble', (error) => this.#trouble(error))
    return session
  }

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./threads.js').Threads} threads
   * @param {() => void} changed
   */
  #turnQueue(session, threads, changed) {
    const { options } = this
    return new TurnQueue(
      session,
      this.queues,
      {
        threads,
        profiles: options.profiles,
        tools: options.tools,
        onLost: options.onLost,
        answerWithinMs: options.answerWithinMs,
        limits: { maxBytes: options.maxEventBytes, keepMs: options.keepMs },
        account: options.account,
        limited: (until) => {
          session.run('limit', options.account, until).catch((error) => this.#trouble(error))
          this.#limit(until)
        },
      },
      {
        concurrency: options.concurrency,
        leaseMs: options.leaseMs,
        bullmq: options.bullmq,
        changed,
      },
    )
  }

  /**
   * @param {import('./turn-queue.js').TurnQueue} turns
   * @param {import('./threads.js').Threads} threads
   * @param {string} message
   */
  #told(turns, threads, message) {
    const [what = '', ...rest] = message.split(' ')
    const name = rest.join(' ')
    if (what === 'line') void turns.moved(name)
    else if (what === 'forget') threads.drop(rest.slice(1).join(' '), rest[0])
    else if (what === 'job') turns.nudge(name)
    if (what !== '') return
    turns.wakeAll()
    turns.nudge()
  }

  /**
   * The lease is gone: nothing that runs here counts any more. It ends, and a new session begins.
   *
   * @param {Active} active
   * @param {string} why
   */
  #lost(active, why) {
    // One that was still beginning says so itself, and one that is closed is ended by that.
    if (this.#active !== active) return
    this.#active = undefined
    this.#starting = this.#restart(active)
    this.#starting.catch(() => {})
    this.emit('lost', why)
  }

  /** A machine that is busy may need longer for its codex; one that has none says so at once. */
  async #begin() {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#start()
      } catch (error) {
        // A lease may run out while the rest of it begins.
        const isBusy = error instanceof TimeoutError || error instanceof StaleTokenError
        if (!isBusy || attempt === 3 || this.#closing.signal.aborted) throw error
        this.#trouble(error)
      }
    }
  }

  /** @param {Active} lost */
  async #restart(lost) {
    await this.#stop(lost, true)
    // Commands of turns that are interrupted must not go on beside those of whoever has the key now.
    await lost.codex.close().catch((/** @type {unknown} */ error) => this.#trouble(error))
    const { signal } = this.#closing
    for (let pause = 100; !signal.aborted; pause = Math.min(2 * pause, 5_000)) {
      try {
        return await this.#start()
      } catch (error) {
        if (signal.aborted) return
        this.#trouble(error)
        await sleep(pause, undefined, { ref: false, signal }).catch(() => {})
      }
    }
  }

  /** @param {Active} active @param {boolean} force */
  async #stop(active, force) {
    for (const run of active.turns.runs) run.stop('fence')
    active.unlisten()
    await Promise.all([active.entry.close(force), active.turns.close(force)])
  }

  /** @param {number} until */
  #limit(until) {
    if (until <= Date.now() || until <= this.#limitedUntil) return
    this.#limitedUntil = until
    clearTimeout(this.#limitTimer)
    this.#active?.turns.pause(true)
    // So that `stats()` tells at once.
    void this.#active?.session.beat()
    this.emit('limited', { until: new Date(until), account: this.options.account })
    const over = () => {
      const left = this.#limitedUntil - Date.now()
      if (left > 0) {
        this.#limitTimer = setTimeout(over, Math.min(left, 2 ** 30)).unref()
        return
      }
      this.#active?.turns.pause(false)
      this.#active?.entry.look()
      this.emit('unlimited')
    }
    over()
  }

  /** @param {unknown} error */
  #trouble(error) {
    // Without a listener an `error` would end the process; a Redis that is away for a while is no reason.
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  /**
   * Leaves: takes no new jobs, lets turns finish for `drainMs`, then interrupts and hands them over.
   *
   * @param {{ drainMs?: number }} [options]
   * @returns {Promise<void>}
   */
  close({ drainMs = this.options.drainMs } = {}) {
    // Who closes it again may have less time.
    this.#deadline = Math.min(this.#deadline, clock() + Math.max(0, drainMs))
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close() {
    this.#closing.abort()
    clearTimeout(this.#limitTimer)
    await this.#starting.catch(() => {})
    const active = this.#active
    if (active !== undefined) {
      await this.#drain(active).catch((error) => this.#trouble(error))
      active.session.end()
      await this.#stop(active, true)
      await active.codex.close().catch((/** @type {unknown} */ error) => this.#trouble(error))
    }
    this.#active = undefined
    // The lease may have run out while it left.
    await this.#starting.catch(() => {})
    await this.queues.close()
    await this.#ownStore?.close()
    await Promise.all([disconnect(this.redis), disconnect(this.subscriber)])
    // Until here a signal waits for it.
    this.#unhandle?.()
    this.emit('closed')
  }

  /** @param {Active} active */
  async #drain({ session, turns, entry }) {
    await session.persist(() => session.run('drain', session.id))
    await entry.close(false)
    await turns.worker.pause(true)
    const release = async (/** @type {string} */ key) => {
      const moved = await session.persist(() => session.run('release', key, session.id))
      await session.persist(() => this.queues.putAll(moved))
    }
    const keys = await session.persist(() => this.redis.smembers(this.names.keysOf(session.id)))
    const busy = new Set(turns.runs.map(({ key }) => key))
    for (const key of keys) if (!busy.has(key)) await release(key)
    // Those that wait here for others of their key find that it is somebody else's.
    while (turns.runs.length > 0 && !session.signal.aborted) {
      if (clock() >= this.#deadline) for (const run of turns.runs) run.stopped ?? run.stop('drain')
      turns.wakeAll()
      for (const key of busy) {
        if (turns.runs.some((run) => run.key === key)) continue
        busy.delete(key)
        await release(key)
      }
      await sleep(20)
    }
    for (const key of busy) await release(key)
    if ((await session.persist(() => session.run('leave', session.id))) === 1) {
      await this.queues.remove(turns.worker.name).catch((error) => this.#trouble(error))
    }
  }

  #handleSignals() {
    const handle = (/** @type {NodeJS.Signals} */ signal) => {
      draining++
      const over = () => {
        draining--
        // What the signal would have done, had it not been waited for; others may have their own plans.
        if (draining === 0 && process.listenerCount(signal) === 0) process.kill(process.pid, signal)
      }
      this.close().then(over, over)
    }
    const { signals } = this.options
    for (const signal of signals) process.once(signal, handle)
    this.#unhandle = () => {
      for (const signal of signals) process.off(signal, handle)
    }
  }

  [/** @type {typeof Symbol.asyncDispose} */ (Symbol.asyncDispose ?? Symbol('asyncDispose'))]() {
    return this.close()
  }
}

const closed = () => new FleetError('the worker was closed', { code: 'FLEET_CLOSED' })

callsAsCalled(FleetWorker, 'ready close', '')

module.exports.FleetWorker = FleetWorker
