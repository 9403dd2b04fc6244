'use strict'

const { EventEmitter } = require('node:events')
const { buildError } = require('./errors.js')
const { argumentError } = require('./json.js')
const { rounds } = require('./rounds.js')
const { tell } = require('./tell.js')

/**
 * Who listens to which client.
 * @type {WeakMap<object, EventEmitter>}
 */
const emitters = new WeakMap()

/**
 * Adds or removes a listener of a client.
 *
 * @param {object} codex
 * @param {'on' | 'once' | 'off'} how
 * @param {unknown} event
 * @param {unknown} listener
 * @returns {((json: string) => void) | undefined} where the native side says what happens, with the first listener
 */
function listen(codex, how, event, listener) {
  if (event !== 'connection') {
    throw argumentError(
      `event: there is no ${JSON.stringify(event) ?? typeof event}; it must be 'connection'`,
    )
  }
  if (typeof listener !== 'function') throw argumentError('listener: must be a function')
  const known = emitters.get(codex)
  const emitter = known ?? new EventEmitter()
  emitter[how](event, /** @type {(event: object) => void} */ (listener))
  if (known !== undefined) return undefined
  emitters.set(codex, emitter)
  return (json) => deliver(emitter, json)
}

/**
 * What a listener throws must not end the host: it becomes a warning, and the others hear all the same.
 *
 * @param {EventEmitter} emitter
 * @param {string} json
 */
function deliver(emitter, json) {
  const { error, ...event } = JSON.parse(json)
  if (error !== undefined) event.error = buildError(error)
  for (const listener of emitter.rawListeners('connection')) {
    tell(listener.bind(emitter), "a listener of 'connection'", event)
  }
}

/**
 * What was told before a promise of the native side resolves has arrived when this one does: listeners do not keep
 * Node alive, and are told through a queue of their own.
 *
 * @param {Promise<void>} promise
 */
async function afterEvents(promise) {
  await promise
  // What the native side queued may wait for one more round of the loop; the first immediate may end this one.
  await rounds(3)
}

module.exports = { afterEvents, listen }
