// @ts-check
'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { untilAborted } = require('../glue/signals.js')
const { Gate } = require('./gate.js')

/** @typedef {import('node:http').ServerResponse} ServerResponse */
/** @typedef {{ type: string, [key: string]: unknown }} SseEvent */

/**
 * @param {SseEvent} event
 * @returns {string} the event as one server-sent event
 */
function sse(event) {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/**
 * One answer on its way to codex. When the client leaves, whatever waits here rejects, so that a script that
 * hangs, sleeps or stands at a gate ends with its connection.
 */
class ResponseStream {
  #response
  #left = new AbortController()
  #hanging = new Gate()

  /** @param {ServerResponse} response */
  constructor(response) {
    this.#response = response
    // A write that loses its client must not become an uncaught error of the test process.
    response.on('error', () => this.#left.abort())
    response.once('close', () => this.#left.abort())
    if (response.destroyed) this.#left.abort()
  }

  /** True when the connection is closed, by either side. */
  get closed() {
    return this.#left.signal.aborted
  }

  /** True when the head is out, so that the answer can no longer become another. */
  get started() {
    return this.#response.headersSent
  }

  /**
   * @param {number} status
   * @param {Record<string, string>} headers
   */
  start(status, headers) {
    this.#left.signal.throwIfAborted()
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
  }

  /**
   * Resolves when the kernel has taken the text: that is the backpressure, and lets `cut` lose nothing.
   *
   * @param {string} text
   * @returns {Promise<void>}
   */
  write(text) {
    /** @type {Promise<void>} */
    const written = new Promise((resolve, reject) => {
      this.#response.write(text, (error) => {
        // The write can fail before the stream has closed; it means the same.
        if (error) this.#left.abort()
        error ? reject(error) : resolve()
      })
    })
    return this.until(written)
  }

  /** @param {SseEvent} event */
  event(event) {
    return this.write(sse(event))
  }

  /** @param {number} ms */
  async sleep(ms) {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#left.signal })
  }

  /**
   * @template T
   * @param {PromiseLike<T>} promise
   * @returns {Promise<T>} rejects when the client leaves first
   */
  until(promise) {
    const { signal } = this.#left
    return untilAborted(Promise.resolve(promise), signal, () => signal.reason)
  }

  /** @param {unknown} waited a gate or a promise, or undefined to go on at once */
  async waitFor(waited) {
    if (waited !== undefined) await this.until(Gate.arrive(waited))
  }

  /** Waits until `release`. */
  async hang() {
    this.#hanging = new Gate()
    await this.until(this.#hanging.opened)
  }

  /** Ends the `hang` of this moment, if there is one. */
  release() {
    this.#hanging.open()
  }

  /** @param {string} [text] */
  end(text) {
    this.#response.end(text)
  }

  cut() {
    this.#response.destroy()
  }
}

module.exports = { ResponseStream, sse }
