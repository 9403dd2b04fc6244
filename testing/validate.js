// @ts-check
'use strict'

const { argumentError } = require('../glue/json.js')

// A typo in a script must fail where it is written, not as a turn that ends in an unexpected way.

/** @typedef {{ accepts: string, test: (value: unknown) => boolean }} Check */

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param {unknown} value */
function isThenable(value) {
  return isRecord(value) && typeof value.then === 'function'
}

/**
 * @param {number} least
 * @param {string} accepts
 * @returns {Check}
 */
function integerFrom(least, accepts) {
  return { accepts, test: (value) => Number.isSafeInteger(value) && Number(value) >= least }
}

/**
 * @param {...string} values
 * @returns {Check}
 */
function oneOf(...values) {
  return {
    accepts: values.map((value) => JSON.stringify(value)).join(' or '),
    test: (value) => values.includes(String(value)) && typeof value === 'string',
  }
}

/** @satisfies {Record<string, Check>} */
const is = {
  string: { accepts: 'a string', test: (value) => typeof value === 'string' },
  boolean: { accepts: 'a boolean', test: (value) => typeof value === 'boolean' },
  function: { accepts: 'a function', test: (value) => typeof value === 'function' },
  array: { accepts: 'an array', test: Array.isArray },
  strings: {
    accepts: 'an array of strings',
    test: (value) => Array.isArray(value) && value.every((entry) => typeof entry === 'string'),
  },
  object: { accepts: 'an object', test: isRecord },
  typedObject: {
    accepts: 'an object with a string "type"',
    test: (value) => isRecord(value) && typeof value.type === 'string',
  },
  headers: {
    accepts: 'an object of strings',
    test: (value) => isRecord(value) && Object.values(value).every((entry) => typeof entry === 'string'),
  },
  count: integerFrom(0, 'an integer from 0'),
  positive: integerFrom(1, 'an integer from 1'),
  ms: {
    accepts: 'a number of milliseconds from 0',
    test: (value) => typeof value === 'number' && value >= 0 && value <= 0x7fffffff,
  },
}

/**
 * @param {unknown} value
 * @returns {string} a short rendering for an error message
 */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
  if (Array.isArray(value)) return 'an array'
  if (isRecord(value)) return `an object with the keys ${Object.keys(value).join(', ') || '(none)'}`
  return typeof value === 'function' ? 'a function' : String(value)
}

/**
 * @param {unknown} value
 * @param {Check} check
 * @param {string} where
 */
function expect(value, check, where) {
  if (!check.test(value)) throw argumentError(`${where}: expected ${check.accepts}, got ${show(value)}`)
}

/**
 * Checks every key of `value`; a key that is undefined counts as absent.
 *
 * @param {unknown} value
 * @param {Record<string, Check>} checks what is accepted, by key
 * @param {string} where the start of the error message
 * @param {readonly string[]} [required]
 * @returns {Record<string, unknown>} a copy without the absent keys
 */
function checkObject(value, checks, where, required = []) {
  expect(value, is.object, where)
  /** @type {Record<string, unknown>} */
  const out = {}
  for (const [key, entry] of Object.entries(/** @type {object} */ (value))) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined
    if (!check) {
      throw argumentError(`${where}.${key}: unknown key; accepted: ${Object.keys(checks).join(', ')}`)
    }
    if (entry === undefined) continue
    expect(entry, check, `${where}.${key}`)
    out[key] = entry
  }
  for (const key of required) {
    if (!(key in out)) throw argumentError(`${where}.${key}: missing; expected ${checks[key]?.accepts}`)
  }
  return out
}

module.exports = { checkObject, expect, integerFrom, is, isRecord, isThenable, oneOf, show }
