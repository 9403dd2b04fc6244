'use strict'

/**
 * A configuration without the tables that hold nothing but undefined: those are not there, while `{}` empties a table.
 * JSON, by which it goes on from here, can't tell them apart.
 *
 * @param {unknown} config
 * @param {unknown[]} [around] what it is in
 * @returns {unknown} undefined for such a table
 */
function withoutUndefined(config, around = []) {
  // One that contains itself is refused later on.
  if (!isTable(config) || around.includes(config)) return config
  const entries = Object.entries(config)
  const given = entries
    .map(([key, value]) => [key, withoutUndefined(value, [...around, config])])
    .filter(([, value]) => value !== undefined)
  return entries.length > 0 && given.length === 0 ? undefined : Object.fromEntries(given)
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isTable(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  // Also the plain objects of another realm.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = { withoutUndefined }
