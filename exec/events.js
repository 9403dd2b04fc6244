'use strict'

const { withReason } = require('../glue/abort.js')
const { onAbort } = require('../glue/signals.js')
const { withCaller } = require('../glue/caller.js')
const { BatchIterator } = require('../glue/iterator.js')

/**
 * @typedef {import('../glue/iterator.js').NativeReader & { result: () => Promise<any>, cancel: () => void }} Reader
 *
 * @typedef {NonNullable<ReturnType<typeof import('./watch.js').watchTurn>['watch']>} Watch
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
  #watch

  /**
   * @param {Reader} reader
   * @param {import('../glue/caller.js').Caller} caller
   * @param {AbortSignal} [signal]
   * @param {Watch} [watch] who looks on
   */
  constructor(reader, caller, signal, watch) {
    this.#reader = reader
    this.#caller = caller
    this.#signal = signal
    this.#watch = watch
  }

  /** @returns {Promise<IteratorResult<any, any>>} */
  async next() {
    if (this.#over) return { value: undefined, done: true }
    this.#events ??= this.#begin()
    try {
      const next = await this.#events.next()
      if (!next.done) this.#watch?.event(next.value)
      else {
        this.#end()
        this.#watch?.end(await this.#reader.result())
      }
      return next
    } catch (error) {
      this.#end()
      const thrown = withCaller(withReason(error, this.#signal), this.#caller)
      this.#watch?.end(undefined, thrown)
      throw thrown
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
    this.#watch?.end()
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
      const result = await this.#reader.result()
      return this.#watch === undefined ? result : this.#watch.judge(result)
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
