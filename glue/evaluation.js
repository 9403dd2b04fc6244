'use strict'

const { types } = require('node:util')
const { around } = require('./around.js')
const { belongsTo } = require('./clients.js')
const { opened } = require('./handles.js')
const { CALLED, callerOf, withCaller } = require('./caller.js')
const native = require('./native.js')

/**
 * One evaluation of this package: hot reload, `jest.resetModules()`, another test file or bundle each make one, with
 * error classes of its own.
 * @typedef {{ id: number, hooks: object }} Evaluation
 *
 * What all evaluations in this thread share, as they share the addon.
 * @typedef {object} Shared
 * @property {number} evaluations how many there have been
 * @property {WeakMap<object, Evaluation>} owners which made an object: its errors and results are of that one
 * @property {[object, string | symbol, PropertyDescriptor][]} methods of all classes, as the addon has them
 */

const SHARED = Symbol.for('codex-node.evaluations')

/**
 * Makes what the native side asks of JavaScript known to it, as those of one evaluation, and has its classes say whom
 * they work for and who called them.
 *
 * @param {object} hooks
 * @param {(called: <F extends Function>(original: F) => F) => Map<object, Record<string, (original: (...args: any[]) => any) => Function>>} aroundOf
 *   what stands around methods
 * @param {[object, Record<string, PropertyDescriptor>][]} added further methods
 */
function evaluate(hooks, aroundOf, added) {
  native[SHARED] ??= begin()
  /** @type {Shared} */
  const shared = native[SHARED]
  shared.evaluations++
  /** @type {Evaluation} */
  const evaluation = { id: native.initialize(hooks), hooks }
  const around = aroundOf(called)
  // Those of an evaluation before would go on in a world that may be gone.
  for (const [prototype, name, descriptor] of shared.methods) {
    const wrap = around.get(prototype)?.[String(name)]
    const own = wrap === undefined ? descriptor : { ...descriptor, value: wrap(descriptor.value) }
    Object.defineProperty(prototype, name, attended(own, shared, String(name)))
  }
  for (const [prototype, descriptors] of added) {
    for (const [name, descriptor] of Object.entries(descriptors)) {
      Object.defineProperty(prototype, name, { ...attended(descriptor, shared, name), enumerable: false })
    }
  }

  /**
   * A function of the addon.
   * @template {Function} F
   * @param {F} original
   * @returns {F}
   */
  function called(original) {
    return attend(original, shared, () => evaluation)
  }

  /**
   * An object that was made by this evaluation: what comes of it is so too.
   * @param {object} object
   */
  function own(object) {
    shared.owners.set(object, evaluation)
  }

  return { called, evaluation, own }
}

/** @returns {Shared} */
function begin() {
  /** @type {Shared['methods']} */
  const methods = []
  for (const { prototype } of Object.values(native)) {
    if (prototype === undefined) continue
    for (const name of Reflect.ownKeys(prototype)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
      if (descriptor?.configurable && name !== 'constructor') methods.push([prototype, name, descriptor])
    }
  }
  return { evaluations: 0, owners: new WeakMap(), methods }
}

/**
 * A method or getter that says whom it works for, and who called it.
 *
 * @param {PropertyDescriptor} descriptor
 * @param {Shared} shared
 * @param {string} name
 * @returns {PropertyDescriptor}
 */
function attended(descriptor, shared, name) {
  /** @param {any} object */
  const owner = (object) => shared.owners.get(object)
  if (typeof descriptor.value === 'function') {
    return { ...descriptor, value: attend(descriptor.value, shared, owner, name) }
  }
  if (descriptor.get === undefined) return descriptor
  return { ...descriptor, get: attend(descriptor.get, shared, owner, name, plain) }
}

/**
 * Nothing stands around what only looks.
 * @type {typeof around}
 */
const plain = (_object, _name, args, call) => call(args)

/**
 * @template {Function} F
 * @param {F} original
 * @param {Shared} shared
 * @param {(object: any) => Evaluation | undefined} ownerOf
 * @param {string} [called] the name of the method: what stands around it may have none
 * @param {typeof around} [made]
 * @returns {F}
 */
function attend(original, shared, ownerOf, called = original.name, made = around) {
  /**
   * @this {any}
   * @param {unknown[]} args
   */
  function attending(...args) {
    const owner = ownerOf(this)
    let outcome
    try {
      const call = (/** @type {unknown[]} */ given) => Reflect.apply(original, this, given)
      outcome = within(owner, shared, () => made(this, called, args, call))
    } catch (error) {
      throw withCaller(error, callerOf(attending))
    }
    if (types.isPromise(outcome)) return settle(outcome, owner, this ?? args[0], shared, callerOf(attending))
    if (typeof outcome === 'object' && outcome !== null) {
      belongs(outcome, owner, shared)
      outcome[CALLED]?.(callerOf(attending))
    }
    return outcome
  }
  for (const name of ['name', 'length']) {
    const value = /** @type {any} */ (original)[name]
    Object.defineProperty(attending, name, { value, configurable: true })
  }
  return /** @type {any} */ (attending)
}

/**
 * @template T
 * @param {Evaluation | undefined} owner
 * @param {Shared} shared
 * @param {() => T} call
 * @returns {T}
 */
function within(owner, shared, call) {
  // Where there is but one it is the one.
  if (owner === undefined || shared.evaluations === 1) return call()
  const before = native.enter(owner.id)
  try {
    return call()
  } finally {
    native.enter(before)
  }
}

/**
 * @param {Promise<any>} promise
 * @param {Evaluation | undefined} owner
 * @param {any} object whose call it is, or what a function was called with
 * @param {Shared} shared
 * @param {import('./caller.js').Caller} caller
 */
async function settle(promise, owner, object, shared, caller) {
  try {
    const value = await promise
    if (typeof value === 'object' && value !== null) belongs(value, owner, shared)
    if (value instanceof native.Thread || value instanceof native.Turn) belongsTo(value, object)
    if (value instanceof native.Thread) opened(value)
    return value
  } catch (error) {
    throw withCaller(error, caller)
  }
}

/**
 * @param {object} value
 * @param {Evaluation | undefined} owner
 * @param {Shared} shared
 */
function belongs(value, owner, shared) {
  // Of data nothing comes.
  if (owner !== undefined && Object.getPrototypeOf(value) !== Object.prototype)
    shared.owners.set(value, owner)
}

module.exports = { evaluate }
