'use strict'

const { onAbort, withReason } = require('../glue/abort.js')
const { withCaller } = require('../glue/caller.js')
const { BatchIterator } = require('../glue/iterator.js')

/**
 * @typedef {import('../glue/iterator.js').NativeReader & { result: () => Promise<any>, cancel: () => void }} Reader
 */

/** The events of one turn, which begins when the first is asked for: an async generator but for its prototype. */
class EventStream {
  #reader
  #signal
  /** @type {InstanceType<typeof BatchIterator<any>> | undefined} */
  #events
  #over = false
  #off = () => {}
  #caller

  /**
   * @param {Reader} reader
   * @param {import('../glue/caller.js').Caller} caller
   * @param {AbortSignal} [signal]
   */
  constructor(reader, caller, signal) {
    this.#reader = reader
    this.#caller = caller
    this.#signal = signal
  }

  /** @returns {Promise<IteratorResult<any, any>>} */
  async next() {
    if (this.#over) return { value: undefined, done: true }
    this.#events ??= this.#begin()
    try {
      const next = await this.#events.next()
      if (next.done) this.#end()
      return next
    } catch (error) {
      this.#end()
      throw withCaller(withReason(error, this.#signal), this.#caller)
    }
  }

  /**
   * Ends the turn, if it still runs, and everything below it.
   *
   * @param {any} [value]
   * @returns {Promise<IteratorResult<any, any>>}
   */
  async return(value) {
    this.#end()
    if (this.#events === undefined) await this.#reader.leave(false)
    else await this.#events.return()
    return { value: await value, done: true }
  }

  /**
   * @param {unknown} error
   * @returns {Promise<never>}
   */
  async throw(error) {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose]() {
    await this.return()
  }

  [Symbol.asyncIterator]() {
    return this
  }

  get [Symbol.toStringTag]() {
    return 'AsyncGenerator'
  }

  /** The result, once all events were read. */
  async result() {
    try {
      return await this.#reader.result()
    } catch (error) {
      throw withReason(error, this.#signal)
    }
  }

  #begin() {
    if (this.#signal !== undefined) this.#off = onAbort(this.#signal, this.#reader.cancel)
    return new BatchIterator(this.#reader)
  }

  #end() {
    this.#over = true
    this.#off()
  }
}

module.exports = { EventStream }
