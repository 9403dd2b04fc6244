'use strict'

// What errors hold of a turn, without the secrets of its client.

const native = require('./native.js')

/** Redacts the secrets in the text of a JSON value. @typedef {(json: string) => string} Redact */

/**
 * That of a client.
 * @param {any} codex
 * @returns {Redact}
 */
const redactOf = (codex) => (json) => native.redact(codex, json)

/**
 * A value without secrets in its texts, or as it is where there are none. What is no plain data stays.
 *
 * @template T
 * @param {Redact | undefined} redact
 * @param {T} value
 * @returns {T}
 */
function redacted(redact, value) {
  if (redact === undefined || value === undefined) return value
  try {
    const json = JSON.stringify(value)
    if (redact(json) === json) return value
  } catch {
    // It is no JSON.
  }
  return copied(redact, value, new Map())
}

/**
 * @param {Redact} redact
 * @param {any} value
 * @param {Map<object, unknown>} known what was met already: it may hold itself
 * @returns {any}
 */
function copied(redact, value, known) {
  if (typeof value === 'string') return JSON.parse(redact(JSON.stringify(value)))
  if (typeof value !== 'object' || value === null) return value
  if (known.has(value)) return known.get(value)
  if (Array.isArray(value)) {
    /** @type {unknown[]} */
    const items = []
    known.set(value, items)
    for (const item of value) items.push(copied(redact, item, known))
    return items
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  /** @type {Record<string, unknown>} */
  const fields = {}
  known.set(value, fields)
  for (const [name, field] of Object.entries(value))
    fields[copied(redact, name, known)] = copied(redact, field, known)
  return fields
}

module.exports = { redactOf, redacted }
