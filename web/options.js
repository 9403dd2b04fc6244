// @ts-check
'use strict'

// Taken here: programs under test put clocks of their own in their place.
const { clearTimeout, setTimeout } = globalThis

/** @param {string} message */
function invalid(message) {
  return Object.assign(new TypeError(message), { code: 'INVALID_ARGUMENT' })
}

/**
 * The options with their defaults; one that nobody knows, or of another kind than its default, is refused.
 *
 * @template {Record<string, unknown>} T
 * @param {unknown} given
 * @param {T} defaults `undefined` where it is checked elsewhere
 * @returns {T}
 */
function withDefaults(given, defaults) {
  if (given === undefined || given === null) return { ...defaults }
  if (typeof given !== 'object') throw invalid(`options: must be an object, not ${typeof given}`)
  checkPlain(given)
  const options = { ...defaults }
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults)) {
      throw invalid(`options.${name}: there is no such option; there are ${Object.keys(defaults).join(', ')}`)
    }
    if (value === undefined) continue
    if (typeof defaults[name] === 'number') atLeastZero(`options.${name}`, value)
    Object.assign(options, { [name]: value })
  }
  return options
}

/**
 * Refuses what is no plain object: a promise that was not awaited has no option. Browsers run this too.
 * @param {object} given
 */
function checkPlain(given) {
  const prototype = Object.getPrototypeOf(given)
  if (prototype === null) return
  if (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')) return
  throw invalid(`options: must be a plain object, not ${Object.prototype.toString.call(given).slice(8, -1)}`)
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function atLeastZero(name, value) {
  if (typeof value === 'number' && value >= 0) return
  throw invalid(`${name}: must be a number of at least 0, not ${String(value)}`)
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function optionalFunction(name, value) {
  if (value !== undefined && typeof value !== 'function') throw invalid(`${name}: must be a function`)
}

/**
 * A timer that keeps no program alive, where programs are kept alive by timers.
 *
 * @param {() => void} then
 * @param {number} ms
 */
function after(ms, then) {
  // What timers take at most; longer ones would fire at once.
  const timer = setTimeout(then, Math.min(ms, 2 ** 31 - 1))
  if (typeof timer === 'object') timer.unref()
  return () => clearTimeout(timer)
}

module.exports = { after, atLeastZero, invalid, optionalFunction, withDefaults }
