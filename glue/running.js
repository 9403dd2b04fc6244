'use strict'

// What runs in threads, and input to it. Methods of `Thread` and `Codex` that are made of others.

const { abortError } = require('./abort.js')
const { untilAborted } = require('./signals.js')
const { same } = require('./beginning.js')
const { callerOf } = require('./caller.js')
const { isError } = require('./errors.js')
const { checkObject, checkSignal, encode } = require('./json.js')
const native = require('./native.js')

/** Options of a turn that also go with input to one that runs. */
const OF_INPUT = [
  'additionalContext',
  'clientUserMessageId',
  'responsesapiClientMetadata',
  'responsesapiClientMetadataPatch',
  'extra',
]

/** Who sends to a thread, so that what is sent later comes later. @type {WeakMap<object, Promise<unknown>>} */
const sending = new WeakMap()

const ofThread = {
  get currentTurn() {
    const turn = native.currentTurn(this)
    return turn === null ? null : same(turn)
  },

  /**
   * @this {any}
   * @param {unknown} input
   * @param {Record<string, unknown>} [options]
   */
  async send(input, options) {
    // As it is now: it may be changed while it waits.
    encode(input, 'input')
    if (options != null) checkObject(options, 'options')
    const { signal } = /** @type {{ signal?: AbortSignal }} */ (options ?? {})
    if (signal !== undefined) checkSignal(signal, 'options')
    const caller = callerOf(ofThread.send)
    const before = sending.get(this)
    const sent = after(before, () => steerOrStart(this, input, options))
    sending.set(
      this,
      sent.catch(() => {}),
    )
    // The server may have taken what has left.
    return untilAborted(sent, signal, () => abortError(/** @type {AbortSignal} */ (signal), caller))
  },
}

const ofCodex = {
  /** @this {any} */
  turns() {
    return native.runningTurns(this).map(same)
  },
}

/**
 * @template T
 * @param {Promise<unknown> | undefined} before
 * @param {() => Promise<T>} then
 */
async function after(before, then) {
  await before
  return then()
}

/**
 * @param {any} thread
 * @param {unknown} input
 * @param {Record<string, unknown>} [options]
 */
async function steerOrStart(thread, input, options) {
  const signal = /** @type {AbortSignal | undefined} */ (options?.signal)
  const running = signal?.aborted ? null : await runningIn(thread)
  if (running !== null) {
    try {
      await running.steer(input, inputOptions(options))
      return { turn: running, steered: true }
    } catch (error) {
      // It has ended, or is one that takes no input, as a review: then the input has its own turn after it.
      if (!tookNothing(error)) throw error
    }
  }
  return { turn: await thread.turn(input, options), steered: false }
}

/**
 * The turn that runs, whoever began it.
 * @param {any} thread
 */
async function runningIn(thread) {
  const own = thread.currentTurn
  if (own !== null) return own
  return native.activeTurn(thread) === null ? null : thread.runningTurn()
}

/** @param {Record<string, unknown> | undefined} options */
function inputOptions(options) {
  if (options === undefined || options === null) return undefined
  return Object.fromEntries(Object.entries(options).filter(([name]) => OF_INPUT.includes(name)))
}

/** @param {unknown} error */
function tookNothing(error) {
  if (!isError(error)) return false
  const { rpcCode, message } = /** @type {{ rpcCode?: number, message: string }} */ (error)
  return (
    rpcCode !== undefined &&
    /no active turn|expected active turn|ActiveTurnNotSteerable|cannot be steered/i.test(message)
  )
}

/**
 * Methods of the addon's classes that it does not have itself.
 * @type {[object, Record<string, PropertyDescriptor>][]}
 */
const added = [
  [native.Thread.prototype, Object.getOwnPropertyDescriptors(ofThread)],
  [native.Codex.prototype, Object.getOwnPropertyDescriptors(ofCodex)],
]

module.exports = { added }
