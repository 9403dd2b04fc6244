// Wrong values of arguments by what was asked for, and how a call refuses them.

import assert from 'node:assert/strict'
import { CodexError } from '../../index.mjs'
import { rejection } from './outcomes.mjs'

/**
 * A wrong value, and what the error says of it or of what is accepted.
 *
 * @typedef {[value: unknown, says: RegExp]} Wrong
 */

export const bytes = new Uint8Array([1, 2, 3])
export const cyclic = { within: {} }
cyclic.within = { again: [cyclic] }

/** @param {RegExp} says @param {unknown[]} values @returns {Wrong[]} */
export const wrong = (says, ...values) => values.map((value) => [value, says])

/** What stands in no option that is data. */
export const noData = [
  ...wrong(/a function|no function/, () => {}),
  ...wrong(/a symbol/, Symbol('s')),
  ...wrong(/a bigint/, 1n),
  ...wrong(/binary data/, bytes, Buffer.from('text'), new ArrayBuffer(1)),
  ...wrong(/contains itself/, cyclic),
]
export const noString = [...noData, ...wrong(/a string/, 5, true, {}, ['x'])]
export const noText = [...noString, ...wrong(/a string/, null)]
export const noFilledText = [...noText, ...wrong(/must not be empty/, '', ' ')]
export const noBoolean = [...noData, ...wrong(/a boolean/, 'yes', 0, {}, [])]
export const noTexts = [
  ...noData,
  ...wrong(/an array/, 'x', 5, {}, null),
  ...wrong(/\[1\].*a string/, ['x', 5], ['x', null]),
]
export const noTable = [
  ...noData,
  ...wrong(/an object/, 'a=1', 5, true, ['a']),
  ...wrong(/\.a\.b.*a function/, { a: { b: () => {} } }),
  ...wrong(/\.a\[1\].*NaN.*finite/, { a: [1, Number.NaN] }),
  ...wrong(/\.a.*Map or Set/, { a: new Map([['b', 1]]) }),
]
export const noMilliseconds = [
  ...noData,
  ...wrong(/whole number/, '5', -1, 1.5, 1e30, {}, [], true, null),
  ...wrong(/finite/, Number.NaN, Number.POSITIVE_INFINITY),
  ...wrong(/at least 1 \(milliseconds\)/, 0),
]
/** Of a few words. @param {RegExp} words @returns {Wrong[]} */
export const noWord = (words) => [...noData, ...wrong(words, 'no-such-word', '', 5, true, {}, [])]
export const noHandler = wrong(/must be a function/, 5, 'accept', {}, null, true)
export const noSignal = wrong(/must be an AbortSignal/, 5, 'abort', {}, null, new AbortController(), () => {})

export const noMethod = wrong(/must be a string/, undefined, null, 5, {}, ['x'], () => {}, Symbol('s'))
export const emptyMethod = wrong(/empty.*method of the protocol/, '', ' ')
export const noId = [
  ...wrong(/must be a string/, undefined, null, 5, {}, [], () => {}),
  ...wrong(/is empty/, '', ' ', '\n'),
]
export const noParams = [
  ...wrong(/^params: a function/, () => {}),
  ...wrong(/^params\.a: a symbol/, { a: Symbol('s') }),
  ...wrong(/^params\.a\[0\]: a bigint/, { a: [1n] }),
  ...wrong(/^params\.a: NaN.*finite/, { a: Number.NaN }),
  ...wrong(/^params\[0\]: -Infinity.*finite/, [Number.NEGATIVE_INFINITY]),
  ...wrong(/^params\.within\.again\[0\]: .*itself/, cyclic),
  ...wrong(/^params\.a: a Map or Set/, { a: new Set([1]) }),
  ...wrong(/^params: a promise/, Promise.resolve({})),
]

class WithGetters {
  get sandbox() {
    return 'read-only'
  }
}
/** Objects of which a copy has nothing. Functions: to read one may use it up. */
export const notPlain = /** @type {[() => object, RegExp][]} */ ([
  [() => Promise.resolve({ sandbox: 'read-only' }), /a promise, which was not awaited/],
  [() => new Map([['sandbox', 'read-only']]), /a Map or Set/],
  [() => new URLSearchParams('sandbox=read-only'), /a URLSearchParams/],
  [() => new WithGetters(), /a WithGetters/],
  [() => Object.create({ sandbox: 'read-only' }), /an Object/],
  [() => Object.create(Object.assign(Object.create(null), { sandbox: 'read-only' })), /an Object/],
])
export const noOptions = [
  ...wrong(/^options: .*object/, null, 5, 'x', true, []),
  ...notPlain.map(([make, says]) => /** @type {Wrong} */ ([make(), says])),
]

/**
 * The error is a TypeError of this package that names its argument.
 *
 * @param {unknown} error
 * @param {string} name
 * @param {RegExp} says
 */
export function check(error, name, says) {
  assert.ok(error instanceof TypeError, String(error))
  assert.ok(!(error instanceof CodexError))
  assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT', error.message)
  assert.ok(error.message.startsWith(name), `${error.message} does not begin with ${name}`)
  assert.match(error.message, says)
}

/**
 * An asynchronous call rejects, and never throws.
 *
 * @param {() => Promise<unknown>} call
 * @param {string} name
 * @param {RegExp} says
 */
export async function rejects(call, name, says) {
  const promise = call()
  assert.ok(promise instanceof Promise)
  check(await rejection(promise, TypeError), name, says)
}

/** @param {() => unknown} call @param {string} name @param {RegExp} says */
export function throws(call, name, says) {
  assert.throws(call, (error) => {
    check(error, name, says)
    return true
  })
}

/**
 * Every wrong value of every option.
 *
 * @param {Record<string, Wrong[]>} options
 * @param {object} [beside] what has to be there as well
 * @returns {[name: string, options: any, says: RegExp][]}
 */
export function eachOption(options, beside = {}) {
  return Object.entries(options).flatMap(([name, values]) =>
    values.map(
      ([value, says]) =>
        /** @type {[string, any, RegExp]} */ ([`options.${name}`, { ...beside, [name]: value }, says]),
    ),
  )
}

/**
 * The server has got nothing but these messages.
 *
 * @param {import('../../index.js').Codex} codex
 * @param {import('../support/rig.mjs').RigLog} log
 * @param {string[]} methods
 */
export async function sentNothing(codex, log, methods) {
  // What was sent before is in the log before this.
  await codex.notify('test/fence')
  await log.message('test/fence')
  assert.deepEqual(
    log.messages().map((message) => message.method),
    [...methods, 'test/fence'],
  )
}
