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

/** @typedef {import('./runner.js').Outcome} Outcome */

/** The queue of one worker session: its jobs, in the order of their keys. */
class TurnQueue {
  /** @type {Map<string, { run: import('./runner.js').Run | undefined, over: Promise<Outcome> }>} */
  #jobs = new Map()
  /** Those that wait for another of their key, first things first. @type {Map<string, { seq: number, waiter: import('./event-log.js').Waiter }[]>} */
  #lines = new Map()
  #wakes = 0
  #running = 0
  /** @type {(() => void)[]} */
  #free = []

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./queues.js').Queues} queues
   * @param {import('./runner.js').Means} means
   * @param {{ concurrency: number, leaseMs: number, bullmq: object, freed: () => void }} options
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
  /** @param {string} id */
  has(id) {
    return this.#jobs.has(id)
  }

  /**
   * @param {import('bullmq').Job} job
   * @param {string} lock
   */
  async #process(job, lock) {
    const { DelayedError, UnrecoverableError } = bullmq()
    const id = job.data?.id
    if (typeof id !== 'string') throw new UnrecoverableError('no job of this package')
    const tries = { attempt: job.attemptsMade + 1, attempts: job.opts.attempts ?? 1 }
    const outcome = await this.#once(id, tries)
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
   * Runs a job that may be here already: BullMQ gives it a second time when this process was too busy to say that it
   * is alive.
   *
   * @param {string} id
   * @param {{ attempt: number, attempts: number }} tries
   * @returns {Promise<Outcome>}
   */
  #once(id, tries) {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known.over
    /** @type {{ run: import('./runner.js').Run | undefined, over: Promise<Outcome> }} */
    const entry = { run: undefined, over: Promise.resolve({ kind: /** @type {const} */ ('over') }) }
    this.#jobs.set(id, entry)
    entry.over = this.#run(id, entry, tries).finally(() => this.#jobs.delete(id))
    return entry.over
  }

  /**
   * @param {string} id
   * @param {{ run: import('./runner.js').Run | undefined }} entry
   * @param {{ attempt: number, attempts: number }} tries
   * @returns {Promise<Outcome>}
   */
  async #run(id, entry, tries) {
    const begun = await this.#turnOf(id)
    if (!Array.isArray(begun)) return begun
    const key = begun[1]
    try {
      const run = new Run(this.session, this.means, id, begun, tries)
      entry.run = run
      return await run.run()
    } catch (error) {
      // Whoever has the key now goes on with it.
      if (error instanceof StaleTokenError || this.session.signal.aborted) return { kind: 'over' }
      throw error
    } finally {
      entry.run = undefined
      this.#release()
      this.wake(key)
      void this.#callNext(key)
      this.options.freed()
    }
  }

  /**
   * Waits until a job is the first of its key and there is room for it.
   *
   * @param {string} id
   * @returns {Promise<Outcome | any[]>}
   */
  async #turnOf(id) {
    const { session } = this
    let holds = false
    for (;;) {
      const wakes = this.#wakes
      const begun = await session.persist(() => session.run('begin', id, session.id))
      const [how, key, seq] = begun
      if (how === 'go') {
        if (holds || (await this.#room())) return begun
        // It waited, and what was true may not be any more.
        holds = true
        if (session.signal.aborted) return { kind: 'over' }
        continue
      }
      if (holds) this.#release()
      holds = false
      if (how === 'ended') return { kind: 'over' }
      if (how === 'elsewhere') return { kind: 'elsewhere' }
      const line = this.#lines.get(key) ?? []
      if (line.length >= WAITING_OF_KEY || this.#jobs.size > this.options.concurrency + WAITING / 2) {
        return { kind: 'later', until: Date.now() + PARKED_MS }
      }
      if (wakes === this.#wakes) await this.#inLine(key, Number(seq))
      if (session.signal.aborted) return { kind: 'over' }
    }
  }

  /** @returns {Promise<boolean>} whether there was room at once */
  async #room() {
    if (this.#running < this.options.concurrency && !this.paused) {
      this.#running++
      return true
    }
    await new Promise((resolve) => this.#free.push(() => resolve(undefined)))
    this.#running++
    return false
  }

  #release() {
    this.#running--
    this.#fill()
  }

  #fill() {
    if (this.paused && !this.session.signal.aborted) return
    for (let room = this.options.concurrency - this.#running; room > 0; room--) this.#free.shift()?.()
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
    this.#wakes++
    this.#lines.get(key)?.[0]?.waiter.wake()
  }

  /** Everybody looks again: something may have been missed, or the session is over. */
  wakeAll() {
    this.#wakes++
    for (const line of this.#lines.values()) line[0]?.waiter.wake()
    if (this.session.signal.aborted) for (const free of this.#free.splice(0)) free()
  }

  /** Calls the next of a key that waits in BullMQ and not here. @param {string} key */
  async #callNext(key) {
    if (this.session.signal.aborted || this.#lines.has(key)) return
    try {
      const [id, place] = await this.session.run('head', key)
      if (id !== undefined && !this.has(id)) await this.queues.requeue([id, place])
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
