// @ts-check
'use strict'

/** A latch between a test and the script; see index.d.ts. */
class Gate {
  #open = () => {}
  #reach = () => {}
  #isOpen = false

  constructor() {
    /** @type {Promise<void>} */
    this.opened = new Promise((resolve) => {
      this.#open = resolve
    })
    /** @type {Promise<void>} */
    this.reached = new Promise((resolve) => {
      this.#reach = resolve
    })
  }

  get isOpen() {
    return this.#isOpen
  }

  open() {
    this.#isOpen = true
    this.#open()
  }

  /**
   * How the provider arrives at the gate.
   *
   * @param {unknown} waited a Gate or a promise
   * @returns {PromiseLike<unknown>}
   */
  static arrive(waited) {
    if (!(waited instanceof Gate)) return /** @type {PromiseLike<unknown>} */ (waited)
    waited.#reach()
    return waited.opened
  }
}

function createGate() {
  return new Gate()
}

module.exports = { Gate, createGate }
