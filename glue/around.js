'use strict'

// What stands around the calls of the native classes: budgets, and whoever subscribes to a channel.

const { types } = require('node:util')
const { watchCall } = require('./budget.js')
const { tellCall } = require('./channels.js')
const native = require('./native.js')

/**
 * A call of a method, with what is to stand around it.
 *
 * @param {any} object
 * @param {string} name of the method
 * @param {unknown[]} args
 * @param {(args: unknown[]) => any} call
 */
function around(object, name, args, call) {
  let watch
  try {
    watch = watchCall(object, name, args)
  } catch (error) {
    // Calls that give a promise never throw.
    return Promise.reject(error)
  }
  const told = tellCall(object, name, args)
  if (watch === undefined && told === undefined) return call(args)
  if (watch?.over !== undefined) told?.judge?.(watch.over)
  const given = watch?.args ?? args
  const act = () => lookedOn(told, watch?.hear, () => call(given))
  try {
    const outcome = told === undefined ? act() : told.within(act)
    if (!types.isPromise(outcome)) {
      told?.gave(outcome)
      return outcome
    }
    const watched = watch === undefined ? outcome : watch.after(outcome)
    return told === undefined ? watched : told.after(watched)
  } catch (error) {
    told?.threw(error)
    throw error
  }
}

/**
 * A call whose requests belong to a trace, and whose turn is heard of.
 *
 * @template T
 * @param {import('./channels.js').Told | undefined} told
 * @param {((line: string | null | undefined) => void) | undefined} watcher
 * @param {() => T} call
 * @returns {T}
 */
function lookedOn(told, watcher, call) {
  const { trace, hear } = told ?? {}
  if (trace === undefined && hear === undefined && watcher === undefined) return call()
  const both =
    hear === undefined || watcher === undefined
      ? (hear ?? watcher)
      : (/** @type {string | null | undefined} */ line) => {
          watcher(line)
          hear(line)
        }
  native.lookOn(trace?.traceparent, trace?.tracestate, both, hear !== undefined)
  try {
    return call()
  } finally {
    native.lookOn()
  }
}

module.exports = { around }
