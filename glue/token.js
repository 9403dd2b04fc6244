'use strict'

const { AsyncResource } = require('node:async_hooks')
const { messageOf } = require('./errors.js')

/** @typedef {() => Promise<string>} Give what it gives begins with what became of it: `+` a token, `-` no string, `!` it threw */

/**
 * Takes a token that is a function out of options. It runs in the context in which the client was made.
 *
 * @param {Record<string, unknown>} options
 * @returns {{ rest: Record<string, unknown>, token?: Give }}
 */
function takeToken(options) {
  if (typeof options.token !== 'function') return { rest: options }
  const { token, ...rest } = options
  const give = AsyncResource.bind(/** @type {() => unknown} */ (token))
  return {
    rest,
    token: async () => {
      try {
        const given = await give()
        return typeof given === 'string' ? `+${given}` : `-${given === null ? 'null' : typeof given}`
      } catch (error) {
        return `!${messageOf(error)}`
      }
    },
  }
}

module.exports = { takeToken }
