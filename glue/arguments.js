'use strict'

// A call that begins a turn or takes one up crosses into JavaScript twice: for its arguments, and for its outcome.

const { abortable } = require('./abort.js')
const { begun } = require('./beginning.js')
const { context } = require('./handlers.js')
const { encode, encodeOptions } = require('./json.js')
const { takeOptions, takeOutputOptions } = require('./options.js')
const { withOutput } = require('./output.js')

// As it was when this was loaded: programs may exchange it.
const { parse } = JSON

/**
 * What the calls take: the name of what stands before the options, and how these are read. `goesOn`: one may go on with
 * the turn in the way in which it began.
 *
 * @type {Record<string, { first?: string, take: (options: unknown, what: string) => import('./options.js').TakenOptions, goesOn?: boolean }>}
 */
const CALLS = {
  run: { first: 'input', take: ofTurn },
  turn: { first: 'input', take: ofTurn, goesOn: true },
  proceed: { take: ofTurn, goesOn: true },
  review: { first: 'target', take: ofTurn, goesOn: true },
  compact: { take: (options, what) => encodeOptions(options, what, 'signal') },
  continueTurn: { first: 'continuation', take: takeOutputOptions },
}

/** @param {unknown} options @param {string} what */
function ofTurn(options, what) {
  return takeOptions(options, what, 'signal')
}

/**
 * The arguments of such a call as the native side reads them, by these names. It hands them back to `settle`.
 *
 * @typedef {object} OfArguments
 * @property {string} [first] what stands before the options, as JSON
 * @property {boolean} [aborted] whether the signal is already, where there is one
 * @property {{ options: unknown }} [began] with which options, where one may go on so
 *
 * @typedef {import('./options.js').TakenOptions & OfArguments} TakenArguments
 *
 * @param {string} call
 * @param {unknown} first
 * @param {unknown} options
 * @returns {TakenArguments}
 */
function takeArguments(call, first, options) {
  const { first: name, take, goesOn } = /** @type {(typeof CALLS)[string]} */ (CALLS[call])
  const taken = take(options, 'options')
  return {
    ...taken,
    first: name === undefined ? undefined : encode(first, name),
    context: taken.context ?? context(),
    aborted: taken.apart?.aborted,
    began: goesOn ? { options } : undefined,
  }
}

/**
 * The outcome of such a call: tied to its signal, with its text read, and known for what it began with.
 *
 * @param {Promise<any>} promise of a turn, or of a result as JSON
 * @param {TakenArguments} taken
 * @param {() => void} cancel where there is a signal
 * @param {import('./redact.js').Redact | undefined} redact where there is a schema
 * @returns {Promise<any>}
 */
function settle(promise, { apart: signal, output, began }, cancel, redact) {
  let outcome = readText(promise)
  if (output !== undefined) outcome = withOutput(outcome, { ...output, redact }, signal)
  if (signal !== undefined) outcome = abortable(outcome, signal, cancel)
  return began === undefined ? outcome : begun(outcome, began.options)
}

/** @param {Promise<any>} promise */
async function readText(promise) {
  const value = await promise
  return typeof value === 'string' ? parse(value) : value
}

module.exports = { takeArguments, settle }
