// @ts-check
'use strict'

const { FRAMED } = require('../glue/caller.js')
const { onAbort } = require('../glue/signals.js')

/** @typedef {InstanceType<typeof import('./recorded-request.js').RecordedRequest>} RecordedRequest */
/** @typedef {(request: RecordedRequest) => unknown} Predicate */
/**
 * @typedef {object} Waiter
 * @property {Predicate} predicate
 * @property {(request: RecordedRequest) => void} resolve
 * @property {(error: unknown) => void} reject
 */

/** The model requests that no `nextRequest` has handed out yet, and the calls that wait for one. */
class RequestLog {
  #keep
  /** @type {RecordedRequest[]} */
  #fresh = []
  /** @type {Set<Waiter>} */
  #waiters = new Set()
  /** @type {string | undefined} */
  #closed

  #waits

  /**
   * @param {boolean} keep whether a request that nobody waits for is kept for a later call
   * @param {(isWaiting: boolean) => void} waits told when somebody waits, and when nobody does any more
   */
  constructor(keep, waits) {
    this.#keep = keep
    this.#waits = waits
  }

  /** @param {RecordedRequest} request */
  add(request) {
    for (const waiter of this.#waiters) {
      if (this.#matches(waiter, request)) return waiter.resolve(request)
    }
    if (this.#keep) this.#fresh.push(request)
  }

  /**
   * @param {Waiter} waiter
   * @param {RecordedRequest} request
   */
  #matches(waiter, request) {
    try {
      return Boolean(waiter.predicate(request))
    } catch (error) {
      waiter.reject(error)
      return false
    }
  }

  /**
   * @param {Predicate} predicate
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<RecordedRequest>}
   */
  async next(predicate, signal) {
    signal?.throwIfAborted()
    const found = this.#fresh.findIndex((request) => predicate(request))
    const [request] = found < 0 ? [] : this.#fresh.splice(found, 1)
    if (request) return request
    if (this.#closed !== undefined) throw closed(this.#closed)
    return this.#wait(predicate, signal)
  }

  /**
   * @param {Predicate} predicate
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<RecordedRequest>}
   */
  #wait(predicate, signal) {
    return new Promise((resolve, reject) => {
      let off = () => {}
      const leave = () => waiter.reject(signal?.reason)
      const settled = () => {
        this.#waiters.delete(waiter)
        if (this.#waiters.size === 0) this.#waits(false)
        off()
      }
      /** @type {Waiter} */
      const waiter = {
        predicate,
        resolve: (request) => {
          settled()
          resolve(request)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      this.#waits(true)
      if (signal !== undefined) off = onAbort(signal, leave)
    })
  }

  /** @param {string} reason what calls that still wait, and later ones, reject with */
  close(reason) {
    this.#closed = reason
    for (const waiter of this.#waiters) waiter.reject(closed(reason))
  }
}

/** @param {string} reason */
function closed(reason) {
  return Object.defineProperty(new Error(reason), FRAMED, { value: true })
}

module.exports = { RequestLog }
