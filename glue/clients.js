'use strict'

// Which client a thread is of, and where that is connected to.

/** @type {WeakMap<object, object>} */
const clients = new WeakMap()
/** @type {WeakMap<object, string>} */
const urls = new WeakMap()

/**
 * The client of a thread; a client is its own.
 * @param {object} object
 */
function clientOf(object) {
  return clients.get(object) ?? object
}

/**
 * A thread was made by a client, or from a thread of it.
 *
 * @param {object} thread
 * @param {object} by
 */
function belongsTo(thread, by) {
  clients.set(thread, clientOf(by))
}

/**
 * A client was made.
 *
 * @param {object} codex
 * @param {any} options
 */
function made(codex, options) {
  if (typeof options?.url === 'string') urls.set(codex, options.url)
}

/** @param {object} object */
function urlOf(object) {
  return urls.get(clientOf(object))
}

/**
 * The model of the turns of a thread, as far as it is known.
 *
 * @param {any} object
 * @returns {string | undefined}
 */
function modelOf(object) {
  try {
    return object.defaults?.model ?? undefined
  } catch {
    return undefined
  }
}

module.exports = { belongsTo, clientOf, made, modelOf, urlOf }
