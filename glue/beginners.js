'use strict'

// Which calls begin a turn, in which thread, and where their options are.

const { clientOf } = require('./clients.js')

/** Methods of threads and clients, and the place of the options among their arguments. */
const METHODS = new Map(Object.entries({ run: 1, turn: 1, proceed: 0, review: 1, compact: 0 }))
/** Functions of the addon that go on after a turn, which is the first argument, in its thread. */
const AFTER = new Map([
  ['askTurn', { at: 2, call: 'turn' }],
  ['proceedTurn', { at: 1, call: 'proceed' }],
])

/**
 * A call that begins a turn.
 *
 * @typedef {object} Beginning
 * @property {any} by the thread, or the client
 * @property {string} of what that is
 * @property {string} call as programs know it
 * @property {string | undefined} threadId
 * @property {unknown} input
 * @property {number} at the place of the options
 * @property {any} options
 * @property {object | undefined} after the turn that it goes on after
 *
 * @param {any} object whose method it is, if it is one
 * @param {string} name
 * @param {unknown[]} args
 * @returns {Beginning | undefined}
 */
function beginningCall(object, name, args) {
  if (object === undefined) {
    const way = AFTER.get(name)
    if (way === undefined) return undefined
    const { at, call } = way
    const after = /** @type {any} */ (args[0])
    const { threadId } = after
    const input = at === 2 ? args[1] : undefined
    return { by: clientOf(after), of: 'Thread', call, threadId, input, at, options: args[at], after }
  }
  const at = METHODS.get(name)
  // A turn has a method `run`, too, which begins nothing.
  if (at === undefined || typeof object.steer === 'function') return undefined
  return {
    by: object,
    of: object.constructor.name,
    call: name,
    threadId: typeof object.id === 'string' ? object.id : undefined,
    input: at === 0 ? undefined : args[0],
    at,
    options: args[at],
    after: undefined,
  }
}

module.exports = { beginningCall }
