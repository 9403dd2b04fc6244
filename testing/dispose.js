// @ts-check
'use strict'

/**
 * Gives a class `[Symbol.asyncDispose]`, where this Node has the symbol (20.5.1 and later).
 *
 * @template {object} T
 * @param {new (...args: never[]) => T} target
 * @param {(this: T) => Promise<void>} dispose
 */
function asyncDisposable(target, dispose) {
  if (typeof Symbol.asyncDispose !== 'symbol') return
  Object.defineProperty(target.prototype, Symbol.asyncDispose, { value: dispose, configurable: true })
}

module.exports = { asyncDisposable }
