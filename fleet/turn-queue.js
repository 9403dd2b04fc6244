'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { Waiter } = require('./event-log.js')
const { StaleTokenError } = require('./errors.js').classes
const { queueOf } = require('./names.js')
const { bullmq } = require('./redis.js')
const { Run } = require('./runner.js')

/** How many jobs a worker may hold that wait for others of their key, in all and of one key; more go back to BullMQ. */
const WAITING = 256
const WAITING_OF_KEY = 8
/** When they come again, where nobody calls them earlier. */
const PARKED_MS = 10_000
/** Those of BullMQ itself for what is between two attempts. */
const STRATEGIES = ['fixed', 'exponential']

/**
 * @typedef {import('./runner.js').Outcome} Outcome
 *
 * A job that is here. `nudged`: somebody has said something for it before it ran.
 * @typedef {{ key: string | undefined, run?: import('./runner.js').Run, nudged: boolean, over: Promise<Outcome> }} Here
 */

/** The queue of one worker session: its jobs, in the order of their keys. */
class TurnQueue {
  /** @type {Map<string, Here>} */
  #jobs = new Map()
  /** How many of each key. @type {Map<string, number>} */
  #keys = new Map()
  /** Those that were given back to BullMQ until it is their turn. @type {Set<string>} */
  #parked = new Set()
  /** Those that wait for another of their key, first things first. @type {Map<string, { seq: number, waiter: import('./event-log.js').Waiter }[]>} */
  #lines = new Map()
  /** Those of whom Redis is just asked whether they may run. @type {Set<{ key: string | undefined, woken: boolean }>} */
  #asking = new Set()
  #asks = 0
  #running = 0
  /** @type {(() => void)[]} */
  #free = []

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./queues.js').Queues} queues
   * @param {import('./runner.js').Means} means
   * @param {{ concurrency: number, leaseMs: number, bullmq: object, changed: () => void }} options `changed`: who is here, or may come
   */
  constructor(session, queues, means, options) {
    this.session = session
    this.queues = queues
    this.means = means
    this.options = options
    const { Worker } = bullmq()
    this.worker = new Worker(
      queueOf(session.id),
      (job, token) => this.#process(job, /** @type {string} */ (token)),
      {
        removeOnComplete: { age: 3600, count: 200 },
        removeOnFail: { age: 24 * 3600, count: 200 },
        ...options.bullmq,
        .../** @type {any} */ (queues.options()),
        name: session.options.name,
        concurrency: options.concurrency + WAITING,
        lockDuration: Math.max(options.leaseMs, 5_000),
        stalledInterval: Math.max(options.leaseMs, 1_000),
        // A job that comes again is told from a new one by what the fleet knows of it.
        maxStalledCount: 1_000_000,
      },
    )
    this.worker.on('error', (error) => session.emit('trouble', error))
  }

  /** Jobs that run, or could. */
  get load() {
    return this.#running + this.#free.length
  }
  get running() {
    return this.#running
  }
  get waiting() {
    return this.#jobs.size - this.#running
  }
  /** @returns {import('./runner.js').Run[]} */
  get runs() {
    return [...this.#jobs.values()].flatMap(({ run }) => run ?? [])
  }
  /** @param {string} key whether a job of it is here */
  hasOf(key) {
    return this.#keys.has(key)
  }

  /** Somebody has said something for a job, or, without an id, may have for any. @param {string} [id] */
  nudge(id) {
    for (const here of id === undefined ? this.#jobs.values() : [this.#jobs.get(id)]) {
      if (here?.run !== undefined) here.run.nudge()
      else if (here !== undefined) here.nudged = true
    }
  }

  /**
   * @param {import('bullmq').Job} job
   * @param {string} lock
   */
  async #process(job, lock) {
    const { DelayedError, UnrecoverableError } = bullmq()
    const { id, key } = job.data ?? {}
    if (typeof id !== 'string') throw new UnrecoverableError('no job of this package')
    const tries = {
      attempt: job.attemptsMade + 1,
      attempts: job.opts.attempts ?? 1,
      strategy: this.#unknownStrategy(job),
    }
    const outcome = await this.#once(id, key, tries)
    const later = async (/** @type {number} */ at) => {
      await job.moveToDelayed(at, lock)
      throw new DelayedError()
    }
    if (outcome.kind === 'retry') throw outcome.error
    if (outcome.kind === 'later') await later(outcome.until)
    if (outcome.kind === 'passed') await this.queues.putAll(outcome.moved)
    if (outcome.kind === 'elsewhere') {
      const place = await this.session.redis.hget(this.session.names.job(id), 'd')
      // Where it was moved already, its place is another.
      if (place !== null && `${id}.${place}` === job.id) await this.queues.requeue([id, place])
    }
    return {}
  }

  /**
   * With one that BullMQ does not know a job would stay where it is for ever, and its key with it.
   *
   * @param {import('bullmq').Job} job
   * @returns {string | undefined} how its attempts follow each other, where nobody here knows that
   */
  #unknownStrategy({ opts }) {
    const { type } = Object(opts.backoff)
    const isKnown = this.worker.opts.settings?.backoffStrategy !== undefined || STRATEGIES.includes(type)
    return type === undefined || isKnown ? undefined : type
  }

  /**
   * Runs a job that may be here already: BullMQ gives it a second time when this process was too busy to say that it
   * is alive.
   *
   * @param {string} id
   * @param {string | undefined} key unknown of a job that an older version put there
   * @param {import('./runner.js').Tries} tries
   * @returns {Promise<Outcome>}
   */
  #once(id, key, tries) {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known.over
    /** @type {Here} */
    const here = { key, nudged: false, over: Promise.resolve({ kind: 'over' }) }
    this.#jobs.set(id, here)
    this.#count(key ?? id, 1)
    here.over = this.#run(id, here, tries).finally(() => {
      this.#jobs.delete(id)
      this.#count(key ?? id, -1)
    })
    this.options.changed()
    return here.over
  }

  /** @param {string} key @param {number} by */
  #count(key, by) {
    const count = (this.#keys.get(key) ?? 0) + by
    if (count === 0) this.#keys.delete(key)
    else this.#keys.set(key, count)
  }

  /**
   * @param {string} id
   * @param {Here} here
   * @param {import('./runner.js').Tries} tries
   * @returns {Promise<Outcome>}
   */
  async #run(id, here, tries) {
    const begun = await this.#turnOf(id, here.key)
    if (!Array.isArray(begun)) return begun
    const key = begun[1]
    /** @type {string[] | undefined} */
    let next
    try {
      const run = new Run(this.session, this.means, id, begun, tries)
      run.nudged ||= here.nudged
      here.run = run
      const outcome = await run.run()
      if (outcome.kind === 'over') next = outcome.next
      return outcome
    } catch (error) {
      // Whoever has the key now goes on with it.
      if (error instanceof StaleTokenError || this.session.signal.aborted) return { kind: 'over' }
      throw error
    } finally {
      here.run = undefined
      this.#release()
      this.wake(key)
      if (next !== undefined) void this.#callNext(next)
    }
  }

  /**
   * Waits until there is room for a job and it is the first of its key.
   *
   * @param {string} id
   * @param {string | undefined} ofKey
   * @returns {Promise<Outcome | any[]>}
   */
  async #turnOf(id, ofKey) {
    const { session } = this
    const ask = ++this.#asks
    for (;;) {
      // Before it is asked for: what may run is marked as sent with that.
      await this.#room()
      if (session.signal.aborted) {
        this.#release()
        return { kind: 'over' }
      }
      const asking = { key: ofKey, woken: false }
      this.#asking.add(asking)
      let begun
      try {
        begun = await this.#begin(id, ofKey, ask)
      } finally {
        // From here on to the line nothing is waited for: between the two it could be called in vain.
        this.#asking.delete(asking)
      }
      const [how, key, seq] = begun
      this.#parked.delete(id)
      if (how === 'go') return begun
      this.#release()
      if (how === 'ended') return { kind: 'over' }
      if (how === 'elsewhere') return { kind: 'elsewhere' }
      // The line has moved meanwhile: it may be the first by now.
      if (asking.woken) continue
      const line = this.#lines.get(key) ?? []
      if (line.length >= WAITING_OF_KEY || this.#jobs.size > this.options.concurrency + WAITING / 2) {
        this.#parked.add(id)
        return { kind: 'later', until: Date.now() + PARKED_MS }
      }
      await this.#inLine(key, Number(seq))
      if (session.signal.aborted) return { kind: 'over' }
    }
  }

  /**
   * @param {string} id
   * @param {string | undefined} key
   * @param {number} ask
   * @returns {Promise<any[]>}
   */
  #begin(id, key, ask) {
    const { session, means } = this
    const call = () => {
      const { threadId, token } = means.threads.heldOf(key)
      return session.run('begin', id, session.id, threadId, token, ask)
    }
    return session.persist(call).catch((error) => {
      this.#release()
      throw error
    })
  }

  /** @returns {void | Promise<void>} */
  #room() {
    if (this.#running >= this.options.concurrency || this.paused) {
      return new Promise((resolve) => this.#free.push(resolve))
    }
    this.#running++
  }

  /** @param {number} most of those that wait for room */
  #let(most) {
    for (const free of this.#free.splice(0, most)) {
      this.#running++
      free()
    }
  }

  #release() {
    this.#running--
    this.#fill()
    this.options.changed()
  }

  #fill() {
    if (this.paused && !this.session.signal.aborted) return
    this.#let(Math.max(0, this.options.concurrency - this.#running))
  }

  paused = false
  /** @param {boolean} paused while the account is at its limit nothing begins */
  pause(paused) {
    this.paused = paused
    if (!paused) this.#fill()
  }

  /**
   * @param {string} key
   * @param {number} seq
   */
  async #inLine(key, seq) {
    const line = this.#lines.get(key) ?? []
    this.#lines.set(key, line)
    const entry = { seq, waiter: new Waiter() }
    line.push(entry)
    line.sort((a, b) => a.seq - b.seq)
    await entry.waiter.since(0)
    line.splice(line.indexOf(entry), 1)
    if (line.length === 0) this.#lines.delete(key)
  }

  /** @param {string} key whose line may have moved */
  wake(key) {
    for (const one of this.#asking) if (one.key === key || one.key === undefined) one.woken = true
    this.#lines.get(key)?.[0]?.waiter.wake()
  }

  /** Everybody looks again: something may have been missed, or the session is over. */
  wakeAll() {
    for (const one of this.#asking) one.woken = true
    for (const line of this.#lines.values()) line[0]?.waiter.wake()
    if (this.session.signal.aborted) this.#let(this.#free.length)
  }

  /** The line of a key has moved by what somebody else did. @param {string} key */
  async moved(key) {
    this.wake(key)
    try {
      await this.#callNext(await this.session.run('head', key))
    } catch (error) {
      this.session.emit('trouble', error)
    }
  }

  /**
   * Calls the next of a key where it was given back to BullMQ: those that wait here need not be the first, as one with a
   * priority overtakes others in the queue.
   *
   * @param {string[]} next the first in the line of the key, and its place
   */
  async #callNext([id, place = '']) {
    if (this.session.signal.aborted) return
    try {
      if (id !== undefined && !this.#jobs.has(id) && this.#parked.delete(id))
        await this.queues.requeue([id, place])
    } catch (error) {
      this.session.emit('trouble', error)
    }
  }

  /** Ends it: by force where the session is lost. @param {boolean} force */
  async close(force) {
    this.wakeAll()
    await Promise.race([this.worker.close(force).catch(() => {}), sleep(5_000, undefined, { ref: false })])
  }
}

module.exports.TurnQueue = TurnQueue
