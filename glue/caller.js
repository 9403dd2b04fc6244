'use strict'

/**
 * Where a call came from. Taken when it is made, and put into words only if it fails.
 * @typedef {{ stack?: string }} Caller
 */

/** The method by which an iterator is told who asked for it: `for await` has frames of its own alone. */
const CALLED = Symbol.for('codex-node.called')

/**
 * Who called `callee`.
 *
 * @param {Function} callee whose frame and those above it are not the caller's
 * @returns {Caller}
 */
function callerOf(callee) {
  const caller = {}
  Error.captureStackTrace?.(caller, callee)
  return caller
}

/**
 * An error of this package, which was made when the caller's frames were gone, with these frames.
 *
 * @param {any} error
 * @param {Caller | undefined} caller
 */
function withCaller(error, caller) {
  const frames = caller !== undefined && isOurs(error) ? framesOf(caller.stack) : undefined
  if (frames === undefined) return error
  Object.defineProperty(error, 'stack', {
    value: `${error.name}: ${error.message}${frames}`,
    configurable: true,
    enumerable: false,
    writable: true,
  })
  return error
}

/**
 * Whether an error was made by this package, also by another evaluation of it.
 * @param {any} error
 */
function isOurs(error) {
  if (typeof error !== 'object' || error === null || typeof error.code !== 'string') return false
  return error.code === 'INVALID_ARGUMENT' || typeof error.retryable === 'boolean'
}

/**
 * The frames of a stack, each on its line. Nothing where a program gives stacks another form.
 * @param {unknown} stack
 */
function framesOf(stack) {
  if (typeof stack !== 'string') return undefined
  const begin = stack.search(/\n\s+at /)
  return begin < 0 ? undefined : stack.slice(begin)
}

/**
 * A call of this package that is an async function: what it rejects with has the frames of who called it.
 *
 * @template T
 * @param {Function} callee
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function asCalled(callee, call) {
  const caller = callerOf(callee)
  try {
    return await call()
  } catch (error) {
    throw withCaller(error, caller)
  }
}

module.exports = { CALLED, asCalled, callerOf, withCaller }
