'use strict'

// What a turn began with that was for it alone, so that it can be gone on with in the same way. It is with the turn, and
// held by nothing else: handlers hold what they close over, which may be the turn.

const { KINDS } = require('./handlers.js')
const native = require('./native.js')
const { isRecord } = require('./schema.js')

/** Settings that last are those of the thread by now; what names the input is of the input. */
const OF_TURN = [
  'signal',
  'inactivityTimeoutMs',
  'outputSchema',
  'outputRetries',
  'source',
  'turnTrigger',
  'serviceTierForTurn',
  'additionalContext',
  'cyberAccessProgram',
  ...KINDS,
]

/** @type {WeakMap<object, Record<string, unknown>>} */
const beginnings = new WeakMap()

/**
 * The turns that programs hold, so that each is one object. @type {Map<number, WeakRef<object>>}
 */
const held = new Map()
/** @type {FinalizationRegistry<{ key: number, ref: WeakRef<object> }>} */
const dropped = new FinalizationRegistry(({ key, ref }) => {
  if (held.get(key) === ref) held.delete(key)
})

/**
 * @template {object} T
 * @param {Promise<T>} promise of a turn
 * @param {unknown} options
 */
async function begun(promise, options) {
  /** @type {Record<string, unknown>} */
  const own = {}
  if (isRecord(options)) {
    for (const name of OF_TURN) if (options[name] !== undefined) own[name] = options[name]
  }
  const turn = await promise
  beginnings.set(turn, own)
  hold(turn)
  return turn
}

/**
 * The options of a turn that goes on with this one.
 * @param {object} turn
 */
function beginningOf(turn) {
  return beginnings.get(turn) ?? {}
}

/**
 * The signal that a turn was given, where it runs with another in its place.
 *
 * @param {object} turn
 * @param {unknown} signal
 */
function keepSignal(turn, signal) {
  const { signal: _, ...own } = beginningOf(turn)
  beginnings.set(turn, signal === undefined ? own : { ...own, signal })
}

/** What begins a turn anew that is not gone on with. @type {WeakMap<object, () => Promise<object>>} */
const anew = new WeakMap()

/**
 * @param {object} turn
 * @param {() => Promise<object>} begin
 */
function beginAnew(turn, begin) {
  anew.set(turn, begin)
}

/**
 * What begins a turn anew, where it is not gone on with.
 * @param {object} turn
 */
function anewOf(turn) {
  return anew.get(turn)
}

/** @param {object} turn */
function hold(turn) {
  const key = native.turnKey(turn)
  const ref = new WeakRef(turn)
  held.set(key, ref)
  dropped.register(turn, { key, ref })
}

/**
 * The object that the program has of a turn, else this one.
 *
 * @template {object} T
 * @param {T} turn
 * @returns {T}
 */
function same(turn) {
  const known = /** @type {T | undefined} */ (held.get(native.turnKey(turn))?.deref())
  if (known !== undefined) return known
  hold(turn)
  return turn
}

module.exports = { anewOf, beginAnew, begun, beginningOf, keepSignal, same }
