// @ts-check
'use strict'

const { argumentError } = require('../glue/json.js')
const { isRecord, show } = require('./validate.js')

/** @param {string} key */
function tomlKey(key) {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : tomlString(key)
}

/** @param {string} text */
function tomlString(text) {
  // A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f')
}

/**
 * @param {unknown} value
 * @param {string} where
 * @returns {string}
 * @throws {TypeError} for what TOML cannot say: null, functions, NaN, infinity
 */
function tomlValue(value, where) {
  if (typeof value === 'string') return tomlString(value)
  if (typeof value === 'boolean' || Number.isFinite(value)) return String(value)
  if (Array.isArray(value)) return `[${value.map((entry) => tomlValue(entry, where)).join(', ')}]`
  if (isRecord(value)) {
    const pairs = defined(value).map(
      ([key, entry]) => `${tomlKey(key)} = ${tomlValue(entry, `${where}.${key}`)}`,
    )
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
  }
  throw argumentError(`${where}: expected a string, number, boolean, array or object, got ${show(value)}`)
}

/** @param {Record<string, unknown>} table */
function defined(table) {
  return Object.entries(table).filter(([, value]) => value !== undefined)
}

/**
 * @param {Record<string, unknown>} table undefined values are left out
 * @param {string[]} [path] where the table stands in the document
 * @returns {string} a TOML document, its plain values before its tables
 */
function toToml(table, path = []) {
  const entries = defined(table)
  const lines = entries
    .filter(([, value]) => !isRecord(value))
    .map(([key, value]) => `${tomlKey(key)} = ${tomlValue(value, [...path, key].join('.'))}\n`)
  // A table that holds only tables is made by them.
  const wanted = lines.length > 0 || entries.length === 0
  const head = path.length > 0 && wanted ? `\n[${path.map(tomlKey).join('.')}]\n` : ''
  const tables = entries.map(([key, value]) => (isRecord(value) ? toToml(value, [...path, key]) : ''))
  return head + lines.join('') + tables.join('')
}

module.exports = { toToml }
