'use strict'

const { types } = require('node:util')
const { around } = require('./around.js')
const { belongsTo } = require('./clients.js')
const { opened } = require('./handles.js')
const { CALLED, callerOf, withCaller } = require('./caller.js')
const native = require('./native.js')

/**
 * One evaluation of this package: hot reload, `jest.resetModules()`, another test file or bundle each make one, with
 * error classes of its own, and all that this package keeps of objects: `acts` are its methods of each class, `around`
 * stands around their calls.
 * @typedef {{ id: number, hooks: object, acts: Map<object, Record<string, Function>>, around: typeof around }} Evaluation
 *
 * What all evaluations in this thread share, as they share the addon.
 * @typedef {object} Shared
 * @property {number} evaluations how many there have been
 * @property {WeakMap<object, Evaluation>} owners which made an object: its errors and results are of that one
 * @property {[object, string | symbol, PropertyDescriptor][]} methods of all classes, as the addon has them
 * @property {Evaluation} latest
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
  const evaluation = { id: native.initialize(hooks), hooks, acts: new Map(), around }
  shared.latest = evaluation
  const wraps = aroundOf(called)
  const all = /** @type {Shared['methods']} */ ([
    ...shared.methods,
    ...added.flatMap(([prototype, descriptors]) =>
      Object.entries(descriptors).map(([name, own]) => [prototype, name, { ...own, enumerable: false }]),
    ),
  ])
  // What evaluations before have put there would attend to objects of nobody in a world that may be gone.
  for (const [prototype, name, descriptor] of all) {
    const { value, get } = descriptor
    const act = value === undefined ? get : (wraps.get(prototype)?.[String(name)]?.(value) ?? value)
    const acts = evaluation.acts.get(prototype) ?? {}
    evaluation.acts.set(prototype, acts)
    if (typeof act === 'function') acts[String(name)] = act
    Object.defineProperty(prototype, name, attended(descriptor, shared, prototype, String(name)))
  }

  /**
   * A function of the addon.
   * @template {Function} F
   * @param {F} original
   * @returns {F}
   */
  function called(original) {
    return attend(
      original,
      shared,
      () => evaluation,
      () => original,
    )
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
  const latest = /** @type {any} */ (undefined)
  return { evaluations: 0, owners: new WeakMap(), methods, latest }
}

/**
 * A method or getter that says whom it works for, and who called it. It is that of the evaluation which made the object.
 *
 * @param {PropertyDescriptor} descriptor
 * @param {Shared} shared
 * @param {object} prototype
 * @param {string} name
 * @returns {PropertyDescriptor}
 */
function attended(descriptor, shared, prototype, name) {
  /** @param {any} object */
  const owner = (object) => shared.owners.get(object)
  const { value, get } = descriptor
  /** @param {Evaluation} by */
  const act = (by) => by.acts.get(prototype)?.[name] ?? value ?? get
  if (typeof value === 'function') return { ...descriptor, value: attend(value, shared, owner, act, name) }
  if (get === undefined) return descriptor
  return { ...descriptor, get: attend(get, shared, owner, act, name, true) }
}

/**
 * @template {Function} F
 * @param {F} original
 * @param {Shared} shared
 * @param {(object: any) => Evaluation | undefined} ownerOf
 * @param {(by: Evaluation) => Function} actOf
 * @param {string} [called] the name of the method: what stands around it may have none
 * @param {boolean} [looks] nothing stands around what only looks
 * @returns {F}
 */
function attend(original, shared, ownerOf, actOf, called = original.name, looks = false) {
  /**
   * @this {any}
   * @param {unknown[]} args
   */
  function attending(...args) {
    const owner = ownerOf(this)
    let outcome
    try {
      const by = owner ?? shared.latest
      const act = actOf(by)
      const call = (/** @type {unknown[]} */ given) => Reflect.apply(act, this, given)
      outcome = within(owner, shared, () => (looks ? call(args) : by.around(this, called, args, call)))
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
  Object.defineProperty(attending, 'name', { value: original.name, configurable: true })
  // Most have none, as a function of the addon has no parameters to count.
  if (original.length > 0)
    Object.defineProperty(attending, 'length', { value: original.length, configurable: true })
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
