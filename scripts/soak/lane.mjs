// One client and the turns that it runs, one after the other or several at once.

import { z } from 'zod'
import { Codex, defineTool } from '../../index.mjs'
import { kinds } from './kinds.mjs'
import { pick, random } from './random.mjs'

/** What takes longer hangs: also on a machine that is busy with other things. */
const LONGEST_MS = 300_000
/** So that a busy machine is no fault. */
const patient = { connectTimeoutMs: 120_000, requestTimeoutMs: 120_000 }

/**
 * Where the codex of a lane runs.
 *
 * @typedef {object} Place
 * @property {string} name
 * @property {import('../../index.js').CodexOptions} options of the client
 * @property {import('../../index.js').StartThreadOptions} thread options of its threads
 * @property {Record<string, number>} weights how often each kind
 * @property {number} patienceMs after how long a turn counts as silent
 * @property {(codex: Codex) => void | Promise<void>} crash kills codex
 * @property {() => void} [drop] cuts the line; without it the prompt does so
 * @property {(prompt: string) => import('../../exec/index.js').Thread} exec a thread of `codex exec` that answers so
 * @property {() => Promise<void>} [close]
 */

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => String(a + b),
})

export class Lane {
  /** How often it was asked for approval. */
  asked = 0
  /** How many turns of each kind. @type {Record<string, number>} */
  counts = {}
  /** How its last thread was left. */
  #left = 0
  #turnsLeft = 0
  /** Each kind once, so that also a short run has them all. @type {string[]} */
  #first
  /** @type {import('../../index.js').Thread | undefined} */
  #thread

  /**
   * @param {Place} place
   * @param {number} seed
   * @param {AbortSignal} signal of the whole program, which is never aborted
   */
  constructor(place, seed, signal) {
    this.place = place
    this.next = random(seed)
    this.signal = signal
    this.#first = Object.keys(place.weights).filter((kind) => place.weights[kind] !== 0)
    this.codex = new Codex({ ...place.options, ...patient })
  }

  /** Runs turns until there are no more. @param {(turns: number) => boolean} more */
  async work(more) {
    let turns = 0
    while (more(turns)) {
      const kind = this.#first.pop() ?? pick(this.place.weights, this.next)
      turns = (await this.#within(kind)) ?? 1
      this.counts[kind] = (this.counts[kind] ?? 0) + turns
    }
  }

  /** @param {string} kind */
  async #within(kind) {
    const where = () => `${kind} on ${this.place.name}, after ${JSON.stringify(this.counts)}`
    let timer
    const overdue = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it hangs: ${where()}`)), LONGEST_MS)
    })
    try {
      return await Promise.race([kinds[kind]?.(this), /** @type {Promise<undefined>} */ (overdue)])
    } catch (error) {
      throw new Error(`it failed: ${where()}`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  /** The thread in use; after some turns another. */
  async thread() {
    if (this.#thread !== undefined && this.#turnsLeft-- > 0) return this.#thread
    if (this.#thread !== undefined) await this.leave(this.#thread)
    this.#thread = await this.startThread()
    this.#turnsLeft = 5 + Math.floor(this.next() * 30)
    return this.#thread
  }

  /** A new thread, with all that a thread may have. It has handlers, so that forgotten it would be held. */
  startThread() {
    return this.codex.startThread({
      ...this.place.thread,
      tools: [add],
      onApproval: async () => {
        this.asked++
        return this.next() < 0.5 ? 'accept' : 'decline'
      },
    })
  }

  /** Ends a thread in one of the ways that programs do. @param {import('../../index.js').Thread} thread */
  async leave(thread) {
    this.#left = (this.#left + 1) % 2
    if (this.#left === 0) await thread.archive()
    await thread.close()
  }

  /** The signal of the program, for some of the turns. */
  sometimesSignal() {
    return this.next() < 0.25 ? { signal: this.signal } : {}
  }

  async reopen() {
    await this.codex.close()
    this.#thread = undefined
    this.codex = new Codex({ ...this.place.options, ...patient })
  }

  async close() {
    await this.codex.close()
    await this.place.close?.()
  }
}
