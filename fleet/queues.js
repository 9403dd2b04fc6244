'use strict'

const { ENTRY } = require('./names.js')
const { bullmq, run } = require('./redis.js')

/** How many queues of workers are remembered. */
const MOST = 2_000

/** The queues of BullMQ: one of entry, and one for each worker session. */
class Queues {
  /** @type {Map<string, import('bullmq').Queue>} */
  #queues = new Map()

  /**
   * @param {import('ioredis').Redis} redis
   * @param {import('./names.js').Names} names
   * @param {import('bullmq').Telemetry} [telemetry]
   */
  constructor(redis, names, telemetry) {
    this.redis = redis
    this.names = names
    this.telemetry = telemetry
  }

  /** @returns what every object of BullMQ gets here */
  options() {
    const { redis, names, telemetry } = this
    return { connection: redis, prefix: names.queues, ...(telemetry === undefined ? {} : { telemetry }) }
  }

  /** @param {string} name */
  get(name) {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const { Queue } = bullmq()
    const queue = new Queue(name, {
      .../** @type {any} */ (this.options()),
      skipMetasUpdate: true,
      streams: { events: { maxLen: 100 } },
    })
    queue.on('error', () => {})
    this.#queues.set(name, queue)
    for (const [old, unused] of this.#queues) {
      if (this.#queues.size <= MOST) break
      if (old === ENTRY || old === name) continue
      this.#queues.delete(old)
      void unused.close().catch(() => {})
    }
    return queue
  }

  /**
   * Puts a job into a queue. The same place twice is once.
   *
   * @param {string} name of the queue
   * @param {string} id
   * @param {string} place how often it was queued
   * @param {Record<string, any>} [job] options of BullMQ
   */
  async put(name, id, place, job = {}) {
    const { delay, ...rest } = job
    const isEntry = name === ENTRY
    await this.get(name).add(
      'turn',
      { id },
      {
        ...rest,
        ...(isEntry && delay ? { delay } : {}),
        ...(isEntry ? { attempts: 1, removeOnComplete: true, removeOnFail: true } : {}),
        jobId: `${id}.${place}`,
      },
    )
  }

  /**
   * The same for what a script has moved.
   *
   * @param {string[][]} moved ids, queues and places
   */
  async putAll(moved) {
    for (const [id = '', queue = '', place = ''] of moved) {
      await this.put(queue, id, place, await this.jobOptions(id))
    }
  }

  /** @param {string} id @returns {Promise<Record<string, any>>} */
  async jobOptions(id) {
    const text = await this.redis.hget(this.names.job(id), 'opts')
    const { delay: _, ...rest } = JSON.parse(text ?? '{}')
    return rest
  }

  /**
   * Gives a job another place, if it has had none since.
   *
   * @param {string} id
   * @param {string} seen its place
   */
  async requeue(id, seen) {
    const [queue, place] = await run(this.redis, this.names.root, 'requeue', id, seen)
    if (queue !== undefined) await this.put(queue, id, place, await this.jobOptions(id))
  }

  /**
   * Whether BullMQ still has a job to give to somebody.
   *
   * @param {string[][]} places ids, queues and places
   * @returns {Promise<boolean[]>}
   */
  async have(places) {
    const pipeline = this.redis.pipeline()
    for (const [id, queue, place] of places) {
      pipeline.hmget(`${this.names.queues}:${queue}:${id}.${place}`, 'name', 'finishedOn')
    }
    const answers = (await pipeline.exec()) ?? []
    return answers.map(([, answer]) => {
      const [name, finished] = /** @type {[string | null, string | null]} */ (answer ?? [null, null])
      return name !== null && finished === null
    })
  }

  /** @param {string} name */
  async remove(name) {
    const queue = this.get(name)
    this.#queues.delete(name)
    await queue.obliterate({ force: true })
    await queue.close()
  }

  async close() {
    const queues = [...this.#queues.values()]
    this.#queues.clear()
    await Promise.all(queues.map((queue) => queue.close().catch(() => {})))
  }
}

module.exports.Queues = Queues
