'use strict'

const { types } = require('node:util')

/**
 * Where a call came from. Taken when it is made, and put into words only if it fails.
 * @typedef {{ stack?: string }} Caller
 */

/** The method by which an iterator is told who asked for it: `for await` has frames of its own alone. */
const CALLED = Symbol.for('codex-node.called')

/** What an error of this package has that has the form of another's. */
const FRAMED = Symbol.for('codex-node.framed')

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
 * An error of this package, which was made when the caller's frames were gone, with these frames. One of the system has
 * them behind its own.
 *
 * @param {any} error
 * @param {Caller | undefined} caller
 */
function withCaller(error, caller) {
  const ours = isOurs(error)
  const frames = caller !== undefined && (ours || isOfSystem(error)) ? framesOf(caller.stack) : undefined
  if (frames === undefined) return error
  const before = ours ? `${error.name}: ${error.message}` : String(error.stack).replace(frames, '')
  Object.defineProperty(error, 'stack', {
    value: `${before}${frames}`,
    configurable: true,
    enumerable: false,
    writable: true,
  })
  return error
}

/** Whether it is an error of a file or a socket: Node makes those where nobody who called is left. @param {any} error */
function isOfSystem(error) {
  return types.isNativeError(error) && typeof (/** @type {any} */ (error).syscall) === 'string'
}

/**
 * Whether an error was made by this package, also by another evaluation of it.
 * @param {any} error
 */
function isOurs(error) {
  if (typeof error !== 'object' || error === null) return false
  if (error[FRAMED] === true) return true
  if (typeof error.code !== 'string') return false
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

/**
 * Has the public methods of a class of JavaScript say who called them.
 *
 * @param {Function} of
 * @param {string} calls that give a promise, by their names
 * @param {string} loops that give an async generator
 */
function callsAsCalled({ prototype }, calls, loops) {
  for (const name of `${calls} ${loops}`.split(' ').filter(Boolean)) {
    const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, name))
    const original = descriptor.value
    const isLoop = loops.split(' ').includes(name)
    const { [name]: value } = {
      /** @this {unknown} @param {unknown[]} args */
      [name](...args) {
        const callee = /** @type {Function} */ (value)
        const call = () => Reflect.apply(original, this, args)
        return isLoop ? looping(callerOf(callee), call()) : asCalled(callee, call)
      },
    }
    Object.defineProperty(prototype, name, { ...descriptor, value })
  }
}

/**
 * A loop that says who made it. It may be left while it waits, so nothing stands between.
 *
 * @param {Caller} caller
 * @param {any} loop
 */
function looping(caller, loop) {
  for (const name of ['next', 'return', 'throw']) {
    const original = loop[name]
    const value = async (/** @type {unknown[]} */ ...args) => {
      try {
        return await Reflect.apply(original, loop, args)
      } catch (error) {
        throw withCaller(error, caller)
      }
    }
    Object.defineProperty(loop, name, { value, configurable: true, writable: true })
  }
  return loop
}

module.exports = { CALLED, FRAMED, asCalled, callerOf, callsAsCalled, withCaller }
