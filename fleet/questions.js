'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('../glue/signals.js')
const { run } = require('./redis.js')

/**
 * A question as it lies in Redis.
 *
 * @typedef {object} Question
 * @property {string} id
 * @property {string} jobId
 * @property {string} key
 * @property {string} handler the handler that would be asked: `onApproval`, ...
 * @property {unknown} request
 * @property {number} until when it is declined, in ms since 1970
 */

const HANDLERS = ['onApproval', 'onUserInput', 'onElicitation', 'onPermissions']

/** What codex asks in the turns of one job, put where anybody may answer it. */
class Questions {
  #count = 0
  /** @type {Map<string, (answer: any) => void>} */
  #open = new Map()

  /**
   * @param {import('./event-log.js').Writer} writer
   * @param {number} withinMs
   * @param {(event: { method: string, params: unknown }) => void} tell
   * @param {(call: () => Promise<any>) => Promise<any>} persist
   */
  constructor(writer, withinMs, tell, persist) {
    this.writer = writer
    this.withinMs = withinMs
    this.tell = tell
    this.persist = persist
  }

  /**
   * Handlers that ask whoever subscribes. Those that a profile has answer themselves.
   *
   * @param {Record<string, any>} profile
   * @returns {Record<string, any>}
   */
  handlers(profile) {
    return Object.fromEntries(
      HANDLERS.filter((name) => profile[name] === undefined).map((name) => [
        name,
        (/** @type {unknown} */ request, /** @type {{ signal: AbortSignal }} */ { signal }) =>
          this.#ask(name, request, signal),
      ]),
    )
  }

  /**
   * @param {string} handler
   * @param {unknown} request
   * @param {AbortSignal} signal
   */
  async #ask(handler, request, signal) {
    const { redis, names, id: jobId, key, session, token } = this.writer
    const id = `${jobId}.${token}.${++this.#count}`
    /** @type {Question} */
    const question = { id, jobId, key, handler, request, until: Date.now() + this.withinMs }
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    let off = () => {}
    // Before it is put: an answer may come at once.
    const answered = new Promise((resolve, reject) => {
      this.#open.set(id, resolve)
      timer = setTimeout(() => reject(new Error(`nobody answered within ${this.withinMs} ms`)), this.withinMs)
      off = onAbort(signal, () => reject(signal.reason))
    })
    answered.catch(() => {})
    let outcome = 'answered'
    try {
      const text = JSON.stringify(question)
      const taken = await this.persist(() =>
        run(redis, names.root, 'ask', jobId, key, session, token, id, text),
      )
      if (taken !== 1) throw new Error('the key is somebody else’s by now')
      this.tell({ method: 'fleet/request', params: question })
      return await answered
    } catch (error) {
      outcome = signal.aborted ? 'withdrawn' : 'declined'
      throw error
    } finally {
      clearTimeout(timer)
      off()
      this.#open.delete(id)
      this.tell({ method: 'fleet/requestClosed', params: { id, outcome } })
      if (outcome !== 'answered') run(redis, names.root, 'withdraw', jobId, id).catch(() => {})
    }
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  answer(id, text) {
    const { answer } = JSON.parse(text)
    this.#open.get(id)?.(answer)
  }
}

module.exports.Questions = Questions
