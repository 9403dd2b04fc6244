'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { clock } = require('../glue/clock.js')

/** How long after its beginning a turn of a thread that is kept already is kept at the earliest: a short one once, at its end. */
const FIRST_MS = 500
/** How often at most, from then on. */
const EVERY_MS = 2_000

/** Keeps a thread while its turn runs: what has happened since the last time, not too often, and never twice at once. */
class Checkpoints {
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  /** @type {Promise<void> | undefined} */
  #keeping
  #wanted = false
  #ended = false
  #next

  /**
   * @param {() => Promise<void>} keep does not reject
   * @param {number} firstMs how long it waits at first
   */
  constructor(keep, firstMs) {
    this.keep = keep
    this.#next = clock() + firstMs
  }

  /** Something has happened that is worth keeping. */
  due() {
    this.#wanted = true
    if (this.#timer !== undefined || this.#keeping !== undefined || this.#ended) return
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#next - clock()))
  }

  #run() {
    this.#timer = undefined
    this.#wanted = false
    this.#next = clock() + EVERY_MS
    this.#keeping = this.keep().finally(() => {
      this.#keeping = undefined
      if (this.#wanted) this.due()
    })
  }

  /** No more of it; one that is under way is waited for. */
  async end() {
    this.#ended = true
    clearTimeout(this.#timer)
    await this.#keeping
  }
}

module.exports.Checkpoints = Checkpoints
module.exports.FIRST_MS = FIRST_MS
