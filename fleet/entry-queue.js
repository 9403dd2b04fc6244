'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { clock } = require('../glue/clock.js')
const { ENTRY } = require('./names.js')
const { bullmq } = require('./redis.js')

/** When a job whose key is just being moved is looked at again. */
const AGAIN_MS = 100
/** For how long a key that was taken counts before its job has arrived. */
const ARRIVES_MS = 3_000

/**
 * The queue of jobs whose key nobody has, and of those that are due later. Any worker with room takes one, and with it
 * the key; a job of somebody else's key is passed on to that one.
 */
class EntryQueue {
  /** Keys taken of which no job has arrived, and when. @type {Map<string, number>} */
  #coming = new Map()
  #closed = false

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./queues.js').Queues} queues
   * @param {import('./turn-queue.js').TurnQueue} turns
   * @param {{ concurrency: number, leaseMs: number, submitScheduled: (job: import('bullmq').Job) => Promise<void> }} options
   */
  constructor(session, queues, turns, options) {
    this.session = session
    this.queues = queues
    this.turns = turns
    this.options = options
    const { Worker } = bullmq()
    this.worker = new Worker(ENTRY, (job, token) => this.#process(job, /** @type {string} */ (token)), {
      .../** @type {any} */ (queues.options()),
      name: session.options.name,
      concurrency: Math.min(4, options.concurrency),
      lockDuration: Math.max(options.leaseMs, 5_000),
      stalledInterval: Math.max(options.leaseMs, 1_000),
      maxStalledCount: 1_000_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 100 },
    })
    this.worker.on('error', (error) => session.emit('trouble', error))
  }

  /** Whether another key may come here. */
  get hasRoom() {
    for (const [key, at] of this.#coming) {
      if (clock() - at > ARRIVES_MS || this.turns.hasOf(key)) this.#coming.delete(key)
    }
    return !this.turns.paused && this.turns.load + this.#coming.size < this.options.concurrency
  }

  /**
   * @param {import('bullmq').Job} job
   * @param {string} lock
   */
  async #process(job, lock) {
    const { DelayedError, UnrecoverableError } = bullmq()
    if (job.name === 'scheduled') return this.options.submitScheduled(job)
    const id = job.data?.id
    if (typeof id !== 'string') throw new UnrecoverableError('no job of this package')
    const can = this.hasRoom && !this.#closed
    // Before anybody else is asked whether there is room. Further jobs of a key that is here take none.
    const { key: ofKey = id } = job.data
    if (can && !this.turns.hasOf(ofKey)) this.#coming.set(ofKey, clock())
    const [how, placed = []] = await this.session.run('route', id, this.session.id, can ? 1 : 0)
    const [, queue, place, key, options] = placed
    if (how !== 'to' || queue !== this.turns.worker.name) this.#coming.delete(ofKey)
    if (how === 'to') await this.queues.put(queue, id, place, key, JSON.parse(options))
    this.look()
    if (how !== 'wait') return
    await job.moveToDelayed(Date.now() + AGAIN_MS, lock)
    throw new DelayedError()
  }

  /** Takes keys while there is room, and only then. */
  look() {
    if (this.#closed) return
    const room = this.hasRoom
    if (room && this.worker.isPaused()) this.worker.resume()
    else if (!room && !this.worker.isPaused()) void this.worker.pause(true)
  }

  /** Takes no more. @param {boolean} force */
  async close(force) {
    this.#closed = true
    const ended = this.worker.close(force).catch(() => {})
    await (force ? Promise.race([ended, sleep(5_000, undefined, { ref: false })]) : ended)
  }
}

module.exports.EntryQueue = EntryQueue
