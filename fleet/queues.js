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

  /** Where in a trace a job is submitted, for when it has to be put into a queue by somebody outside of the trace. */
  trace() {
    const contexts = this.telemetry?.contextManager
    const metadata = contexts?.getMetadata(contexts.active())
    return metadata ? { telemetry: { metadata } } : {}
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
   * @param {string} key
   * @param {Record<string, any>} [job] options of BullMQ
   */
  async put(name, id, place, key, { telemetry: _, ...job } = {}) {
    await this.get(name).add('turn', { id, key }, placed(name, id, place, job))
  }

  /**
   * The same for what a script has moved: as few round trips as there are queues, since whoever moves them may die, too.
   *
   * @param {string[][]} moved what `placed` of the scripts gives: ids, queues, places, keys, options, what is left of a delay
   */
  async putAll(moved) {
    /** @type {Map<string, { name: string, data: { id: string, key: string }, opts: object }[]>} */
    const ofQueue = new Map()
    for (const [id = '', queue = '', place = '', key = '', options = '{}', delay = '0'] of moved) {
      // A job that was due once is not made to wait again.
      const opts = placed(queue, id, place, { ...JSON.parse(options), delay: Number(delay) })
      const job = { name: 'turn', data: { id, key }, opts }
      const jobs = ofQueue.get(queue)
      if (jobs === undefined) ofQueue.set(queue, [job])
      else jobs.push(job)
    }
    await Promise.all([...ofQueue].map(([queue, jobs]) => this.get(queue).addBulk(jobs)))
  }

  /**
   * Gives jobs another place, if they have had none since.
   *
   * @param {string[][]} seen ids and places
   */
  async requeue(...seen) {
    const places = await Promise.all(
      seen.map(([id = '', place = '']) => run(this.redis, this.names.root, 'requeue', id, place)),
    )
    await this.putAll(places.filter(({ length }) => length > 0))
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

/**
 * @param {string} queue
 * @param {string} id
 * @param {string} place
 * @param {Record<string, any>} job options of BullMQ
 */
function placed(queue, id, place, { delay, ...rest }) {
  const isEntry = queue === ENTRY
  return {
    ...rest,
    ...(isEntry && delay ? { delay } : {}),
    ...(isEntry ? { attempts: 1, removeOnComplete: true, removeOnFail: true } : {}),
    jobId: `${id}.${place}`,
  }
}

module.exports.Queues = Queues
