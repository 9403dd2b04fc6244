'use strict'

const { clock } = require('../glue/clock.js')
const { queueOf } = require('./names.js')

/** How many keys of a dead worker are moved at once: other commands of Redis come in between. */
const KEYS_AT_ONCE = 100
/** How many pending jobs one sweep looks at. */
const SWEPT = 500

/** What each worker does for all: moves the keys of the dead, and finds jobs that fell between two steps. */
class Keeper {
  /** @type {Set<string>} */
  #burying = new Set()
  #sweeping = false
  #sweptAt = 0
  #from = 0

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./queues.js').Queues} queues
   * @param {{ leaseMs: number }} options
   */
  constructor(session, queues, { leaseMs }) {
    this.session = session
    this.queues = queues
    this.leaseMs = leaseMs
    session.on('dead', (/** @type {string} */ dead) => void this.#bury(dead))
    session.on('beat', () => void this.#sweep())
  }

  /** @param {string} dead */
  async #bury(dead) {
    if (this.#burying.has(dead)) return
    this.#burying.add(dead)
    try {
      for (let how = 'more'; how === 'more'; ) {
        const [next, moved = []] = await this.session.run('bury', dead, KEYS_AT_ONCE)
        how = next
        await this.queues.putAll(moved)
        if (how === 'done') await this.queues.remove(queueOf(dead))
      }
    } catch (error) {
      // What was moved and not put into a queue is found by the sweep.
      this.session.emit('trouble', error)
    } finally {
      this.#burying.delete(dead)
    }
  }

  /** Jobs without a place in BullMQ: whoever was to put them there died in between. */
  async #sweep() {
    if (this.#sweeping || clock() - this.#sweptAt < this.leaseMs / 2) return
    this.#sweeping = true
    this.#sweptAt = clock()
    try {
      const age = Math.max(1_000, this.leaseMs / 2)
      const [count, found] = await this.session.run('stale', age, this.#from, SWEPT)
      this.#from = count < SWEPT ? 0 : this.#from + SWEPT
      const have = found.length === 0 ? [] : await this.queues.have(found)
      const without = found.filter((/** @type {string[]} */ _, /** @type {number} */ index) => !have[index])
      await this.queues.requeue(...without.map((/** @type {string[]} */ [id, , place]) => [id, place]))
      await this.#clean()
    } catch (error) {
      this.session.emit('trouble', error)
    } finally {
      this.#sweeping = false
    }
  }

  /** Queues of sessions that are over. */
  async #clean() {
    const { redis, names } = this.session
    const [all, old] = await this.session.run('graves', Math.max(2 * this.leaseMs, 5_000))
    for (const session of all) {
      if (
        await redis.exists(
          `${names.queues}:${queueOf(session)}:id`,
          `${names.queues}:${queueOf(session)}:meta`,
        )
      ) {
        await this.queues.remove(queueOf(session))
      }
    }
    if (old.length > 0) await redis.zrem(`${names.root}graves`, ...old)
  }
}

module.exports.Keeper = Keeper
