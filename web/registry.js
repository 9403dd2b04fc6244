// @ts-check
'use strict'

const { after, invalid, withDefaults } = require('./options.js')
const { turnResponse } = require('./response.js')

/** @typedef {import('../index.js').Turn<unknown>} Turn */
/** @typedef {{ turn: Turn, ended: boolean, bytes: number, forgetAt: number }} Kept */

/** Turns by their ids, for tabs that come again: those that run, and for a while those that have ended. */
class TurnRegistry {
  #maxBytes
  #keepMs
  /** In the order in which they were added, and behind those in which they ended. @type {Map<string, Kept>} */
  #kept = new Map()
  #stop = () => {}

  /** @param {import('./index.js').TurnRegistryOptions} [options] */
  constructor(options) {
    const { maxBytes, keepMs } = withDefaults(options, { maxBytes: 64 * 1024 * 1024, keepMs: 600_000 })
    this.#maxBytes = maxBytes
    this.#keepMs = keepMs
  }

  /**
   * @template {Turn} T
   * @param {T} turn
   * @returns {T}
   */
  add(turn) {
    if (typeof turn?.stream !== 'function') throw invalid('turn: must be a Turn')
    if (this.#kept.has(turn.id)) return turn
    const kept = { turn, ended: false, bytes: 0, forgetAt: Number.POSITIVE_INFINITY }
    this.#kept.set(turn.id, kept)
    const ended = () => this.#ended(kept)
    turn.run().then(ended, ended)
    this.#tidy()
    return turn
  }

  /**
   * @param {string} id
   * @returns {Turn | undefined}
   */
  get(id) {
    return this.#kept.get(id)?.turn
  }

  /** @param {string} id */
  delete(id) {
    return this.#kept.delete(id)
  }

  clear() {
    this.#stop()
    this.#kept.clear()
  }

  get size() {
    return this.#kept.size
  }

  /** What the events take that are kept. */
  get bytes() {
    let bytes = 0
    for (const kept of this.#kept.values()) bytes += kept.ended ? kept.bytes : kept.turn.keptBytes
    return bytes
  }

  /**
   * @param {string} id
   * @param {Request} request
   * @param {import('./index.js').TurnResponseOptions} [options]
   */
  response(id, request, options) {
    return turnResponse(this.get(id), request, options)
  }

  /** @param {Kept} kept */
  #ended(kept) {
    if (this.#kept.get(kept.turn.id) !== kept) return
    kept.ended = true
    kept.bytes = kept.turn.keptBytes
    kept.forgetAt = Date.now() + this.#keepMs
    // The oldest end is forgotten first.
    this.#kept.delete(kept.turn.id)
    this.#kept.set(kept.turn.id, kept)
    this.#tidy()
  }

  /** Forgets what is too old or too much. One that runs is never forgotten. */
  #tidy() {
    this.#stop()
    let bytes = this.bytes
    const now = Date.now()
    let next = Number.POSITIVE_INFINITY
    for (const [id, kept] of this.#kept) {
      if (!kept.ended) continue
      if (kept.forgetAt <= now || bytes > this.#maxBytes) {
        this.#kept.delete(id)
        bytes -= kept.bytes
      } else {
        next = Math.min(next, kept.forgetAt)
      }
    }
    this.#stop = next === Number.POSITIVE_INFINITY ? () => {} : after(next - now, () => this.#tidy())
  }
}

module.exports = { TurnRegistry }
