'use strict'

// The handles of each thread that a program has and has not closed.

const { clientOf } = require('./clients.js')

/**
 * By the ids of their threads, for each client.
 * @typedef {Map<string, Set<WeakRef<object>>>} Handles
 * @type {WeakMap<object, Handles>}
 */
const handles = new WeakMap()
/** Where each is. @type {WeakMap<object, { of: Handles, id: string, ref: WeakRef<object> }>} */
const places = new WeakMap()
/** @type {FinalizationRegistry<{ of: Handles, id: string, ref: WeakRef<object> }>} */
const dropped = new FinalizationRegistry(remove)

/** @param {any} thread that was made */
function opened(thread) {
  if (places.has(thread)) return
  const client = clientOf(thread)
  const of = handles.get(client) ?? new Map()
  handles.set(client, of)
  const place = { of, id: thread.id, ref: new WeakRef(thread) }
  const those = of.get(place.id) ?? new Set()
  of.set(place.id, those.add(place.ref))
  places.set(thread, place)
  dropped.register(thread, place, place)
}

/**
 * A handle was closed.
 *
 * @param {object} thread
 * @returns {string | undefined} the thread that was let go of with its last handle
 */
function closed(thread) {
  const place = places.get(thread)
  if (place === undefined) return undefined
  places.delete(thread)
  dropped.unregister(place)
  remove(place)
  return place.of.has(place.id) ? undefined : place.id
}

/** @param {{ of: Handles, id: string, ref: WeakRef<object> }} place */
function remove({ of, id, ref }) {
  const those = of.get(id)
  if (those?.delete(ref) && those.size === 0) of.delete(id)
}

module.exports = { closed, opened }
