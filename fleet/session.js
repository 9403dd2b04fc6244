'use strict'

const { clearInterval, setInterval } = require('node:timers')
const { randomBytes } = require('node:crypto')
const { EventEmitter, setMaxListeners } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const { clock } = require('../glue/clock.js')
const { untilAborted } = require('../glue/signals.js')
const { fenced } = require('./errors.js')
const { run } = require('./redis.js')

/**
 * The time that a worker is one: from taking a lease to losing or leaving it. What is written under its name counts
 * only while the lease holds, and a name is never used again: one that was stopped and comes back is somebody new.
 *
 * Emits `lost` (the lease ran out, or was taken for run out), `dead` with sessions that others have lost, and `limit`
 * with until when the account is at its limit.
 */
class Session extends EventEmitter {
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #lastBeat = 0
  #beating = false
  #controller = new AbortController()

  /**
   * @param {import('ioredis').Redis} redis
   * @param {import('./names.js').Names} names
   * @param {{ name: string, leaseMs: number, account: string, info: Record<string, unknown>, load: () => object }} options
   */
  constructor(redis, names, options) {
    super()
    // Each call that waits to be made again listens.
    setMaxListeners(0, this.signal)
    this.redis = redis
    this.names = names
    this.options = options
    this.id = `${options.name}-${randomBytes(6).toString('hex')}`
  }

  /** Aborted when the lease is lost. */
  get signal() {
    return this.#controller.signal
  }

  async register() {
    const { leaseMs, info } = this.options
    const asked = clock()
    await this.run('register', this.id, leaseMs, JSON.stringify(info), /** @type {number} */ (info.format))
    // It may have been given up meanwhile.
    if (this.signal.aborted) return
    clearInterval(this.#timer)
    this.#lastBeat = asked
    this.#timer = setInterval(() => this.beat(), leaseMs / 4)
  }

  /** Renews the lease, or finds that it is lost. By its own clock, too: Redis may be what is away. */
  async beat() {
    if (this.signal.aborted) return
    const { leaseMs, load, account } = this.options
    if (clock() - this.#lastBeat > leaseMs) return this.lose('the lease ran out')
    if (this.#beating) return
    this.#beating = true
    const asked = clock()
    try {
      const [alive, dead, limit] = await this.run('beat', this.id, leaseMs, JSON.stringify(load()), account)
      if (clock() - this.#lastBeat > leaseMs) return this.lose('the lease ran out')
      if (alive !== 1) return this.lose('others have taken this worker for dead')
      this.#lastBeat = asked
      this.emit('beat')
      this.emit('limit', Number(limit))
      for (const session of dead) this.emit('dead', session)
    } catch (error) {
      // Redis is full or starting: the next beat tells.
      this.emit('trouble', error)
    } finally {
      this.#beating = false
    }
  }

  /** @param {string} why */
  lose(why) {
    if (this.signal.aborted) return
    clearInterval(this.#timer)
    this.#controller.abort(fenced(`worker session ${this.id}`))
    this.emit('lost', why)
  }

  /** Ends it without anything being lost. */
  end() {
    clearInterval(this.#timer)
    this.#controller.abort(fenced(`worker session ${this.id}`))
  }

  /**
   * @param {string} script
   * @param {(string | number | Buffer)[]} args
   */
  run(script, ...args) {
    return run(this.redis, this.names.root, script, ...args)
  }

  /**
   * A call that is made again while Redis can't take it (it is away, starting or full), for as long as the lease holds.
   *
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async persist(call) {
    for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
      try {
        return await untilAborted(call(), this.signal, () => this.signal.reason)
      } catch (error) {
        if (this.signal.aborted || !isPassing(error)) throw error
        this.emit('trouble', error)
        await sleep(pause, undefined, { signal: this.signal }).catch(() => {})
        if (this.signal.aborted) throw error
      }
    }
  }
}

/** @param {unknown} error */
function isPassing(error) {
  const message = String(/** @type {Error} */ (error)?.message)
  return !/^(WRONGTYPE|ERR wrong|ERR Error compiling|NOPERM|NOAUTH)/.test(message)
}

module.exports.Session = Session
