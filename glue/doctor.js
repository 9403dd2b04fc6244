'use strict'

const { argumentError, checkObject } = require('./json.js')
const { folder } = require('./place.js')
const { searchFrom } = require('./program.js')

/**
 * What stands in the way of a client, or nothing.
 *
 * @param {any} codex
 * @param {Record<string, any>} options those of the client
 * @param {() => any} another makes one with the same options
 * @param {unknown} given the options of this call
 */
function doctor(codex, options, another, given) {
  if (given != null) checkObject(given, 'options')
  const { signal, ...others } = /** @type {any} */ (given ?? {})
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw argumentError(`options: there is no ${unknown}; doctor() takes signal`)
  signal?.throwIfAborted()
  // Loaded when it is asked for: nobody needs it in a program that runs well.
  const { diagnose } = require('../doctor/index.js')
  return diagnose({
    options,
    env: environment(options),
    searchFrom: searchFrom(folder),
    // Streams of one's own can't be opened a second time.
    client: options.transport === undefined ? another : () => lent(codex),
    signal,
  })
}

/**
 * What codex would get.
 *
 * @param {Record<string, any>} options
 * @returns {Record<string, string | undefined>}
 */
function environment({ env = {}, inheritEnv = true }) {
  const all = { ...(inheritEnv ? process.env : {}), ...env }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/**
 * A client that goes on after this.
 *
 * @param {any} codex
 */
function lent(codex) {
  return { connect: codex.connect.bind(codex), account: codex.account, close: async () => {} }
}

module.exports = { doctor }
