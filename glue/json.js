'use strict'

const { types } = require('node:util')

/** A variable of `env` that is there as undefined: to be unset. No variable can have this for its value. */
const UNSET = '\0'
/** codex reads 128 levels of a message, and answers nothing to what is deeper; some are the envelope's. */
const MOST_NESTED = 120

/**
 * Arguments as JSON text for the native side. What JSON would drop or bend in silence is refused, with its
 * path; bytes become base64, and a lone surrogate U+FFFD.
 *
 * @param {unknown} value
 * @param {string} what name of the argument, for errors
 * @returns {string | undefined} undefined for undefined
 */
function encode(value, what) {
  if (value === undefined) return undefined
  /** @type {Places} */
  const places = new Map()
  /** @type {string | undefined} */
  const text = JSON.stringify(value, function (key, item) {
    // Before toJSON, which turns a Buffer into numbers.
    const raw = /** @type {Record<string, unknown>} */ (this)[key]
    const parent = places.get(/** @type {object} */ (this))?.path ?? what
    const path = key === '' ? parent : Array.isArray(this) ? `${parent}[${key}]` : `${parent}.${key}`
    if (parent === 'options.env' && item === undefined) return UNSET
    if (parent === 'options.env' && item === UNSET) throw argumentError(`${path}: holds a NUL character`)
    const isImage = /** @type {{ type?: unknown }} */ (this).type === 'image'
    const isImageData = what === 'input' && key === 'data' && isImage
    if (types.isUint8Array(raw) && (isImageData || takesBytes(what))) {
      return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64')
    }
    if (isImageData && raw !== undefined) throw argumentError(`${path}: must be a Uint8Array`)
    // Where a signal is no option, that is what is wrong with it.
    if (this === value && nameOf(raw) === 'an AbortSignal') return {}
    // What has a toJSON says itself what it is.
    const lost = withoutJson(ArrayBuffer.isView(raw) ? raw : item)
    if (lost !== undefined) throw argumentError(`${path}: ${lost} is not accepted here, only JSON data is`)
    if (typeof item === 'number' && !Number.isFinite(item)) {
      throw argumentError(`${path}: ${item} is not accepted; give a finite number`)
    }
    if (typeof item === 'object' && item !== null) {
      if (isAround(item, this, places)) throw argumentError(`${path}: the value contains itself`)
      const depth = (places.get(/** @type {object} */ (this))?.depth ?? 0) + 1
      if (depth > MOST_NESTED) throw argumentError(`${what}: is nested more than ${MOST_NESTED} levels deep`)
      places.set(item, { path, holder: this, depth })
    }
    return item
  })
  // A toJSON may give undefined.
  return text === undefined ? undefined : wellFormed(text)
}

/**
 * Whether bytes may stand anywhere in an argument: options take none, an input only as the data of an image.
 * @param {string} what
 */
function takesBytes(what) {
  return what !== 'options' && what !== 'input'
}

/**
 * What a value is that has no JSON, or would become `{}`.
 * @param {unknown} value
 * @returns {string | undefined}
 */
function withoutJson(value) {
  if (['function', 'symbol', 'bigint'].includes(typeof value)) return `a ${typeof value}`
  if (types.isPromise(value)) return 'a promise, which was not awaited,'
  if (types.isMap(value) || types.isSet(value)) return 'a Map or Set'
  if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return 'binary data'
  if (types.isSymbolObject(value) || types.isBigIntObject(value)) return nameOf(value)
  if (!isData(value)) return nameOf(value)
  return isIterable(value) ? `${nameOf(value)}, which is iterable but no array,` : undefined
}

/**
 * Whether it gives values that JSON has nothing of.
 * @param {any} value
 */
function isIterable(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || types.isBoxedPrimitive(value))
    return false
  return typeof value[Symbol.asyncIterator] === 'function' || typeof value[Symbol.iterator] === 'function'
}

/**
 * Whether JSON has all of a value: not so of the instances of classes, of whose inside it shows a part or nothing.
 * @param {unknown} value
 */
function isData(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || types.isBoxedPrimitive(value))
    return true
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    // Also that of another realm.
    const isTop = Object.getPrototypeOf(at) === null
    if (isTop && Object.hasOwn(at, 'hasOwnProperty')) return true
    // `process.env` has a prototype with nothing in it; what is in others would be lost.
    if (nameOf(value) !== 'an Object' || Reflect.ownKeys(at).some((key) => key !== 'constructor'))
      return false
  }
  // Nothing is above it, as with the namespace of a module.
  return true
}

/**
 * What an object is called.
 * @param {any} value
 */
function nameOf(value) {
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  const name = value?.constructor?.name
  const called = typeof name === 'string' && name !== '' && tag === 'Object' ? name : tag
  return `${/^[aeio]/i.test(called) ? 'an' : 'a'} ${called}`
}

/** JSON text that was made already. */
class Encoded {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }
}

/**
 * JSON text without the escapes of lone surrogates, which the server does not take: it ignores the whole line.
 * @param {string} text
 */
function wellFormed(text) {
  // A lone surrogate is the only thing that JSON.stringify escapes like that; the rest skips escaped backslashes.
  return text.includes('\\ud') ? text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, replaceSurrogate) : text
}

/** @param {string} sequence */
function replaceSurrogate(sequence) {
  return sequence.length > 2 ? '\ufffd' : sequence
}

/** @typedef {Map<object, { path: string, holder: unknown, depth: number }>} Places where each object was met, and in which other */

/**
 * Whether `item` is one of the objects that hold `holder`, or that itself.
 * @param {object} item
 * @param {unknown} holder
 * @param {Places} places
 */
function isAround(item, holder, places) {
  for (let around = holder; around !== undefined; ) {
    if (around === item) return true
    around = places.get(/** @type {object} */ (around))?.holder
  }
  return false
}

/**
 * Options as JSON text, without the one that is not data.
 *
 * @param {unknown} options
 * @param {string} what
 * @param {'signal' | 'logger'} apart
 * @returns {{ json?: string, apart?: any }} the text, and what was taken out
 */
function encodeOptions(options, what, apart) {
  if (options === undefined) return {}
  checkObject(options, what)
  const { [apart]: taken, ...rest } = /** @type {Record<string, unknown>} */ (options)
  if (apart === 'signal' && taken !== undefined) checkSignal(taken, what)
  if (apart === 'logger' && taken !== undefined && typeof taken !== 'function') {
    throw argumentError(`${what}.logger: must be a function`)
  }
  return { json: encode(rest, what), apart: taken }
}

/**
 * Whether a copy of an object has all that it says: what its classes have beside methods would be lost.
 * @param {object} value
 */
function isCopied(value) {
  if (Object.prototype.toString.call(value) !== '[object Object]' || isIterable(value)) return false
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.getPrototypeOf(at) === null && Object.hasOwn(at, 'hasOwnProperty')) return true
    const all = Object.values(Object.getOwnPropertyDescriptors(at))
    if (all.some(({ value }) => typeof value !== 'function')) return false
  }
  return true
}

/**
 * Refuses options of which a copy has nothing, or a part: a promise, a Map, an instance of a class with more than fields of
 * its own and methods.
 * @param {unknown} options
 * @param {string} what
 */
function checkObject(options, what) {
  const isObject = options !== null && typeof options === 'object' && !Array.isArray(options)
  if (isObject && isCopied(options)) return
  const other = options === null ? 'null' : Array.isArray(options) ? 'an array' : `a ${typeof options}`
  const given = isObject ? (withoutJson(options) ?? nameOf(options)) : other
  throw argumentError(`${what}: ${given} is not accepted; give a plain object`)
}

/**
 * Whether it is an AbortSignal, of whichever realm or polyfill.
 * @param {any} value
 * @returns {value is AbortSignal}
 */
function isSignal(value) {
  return typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'
}

/**
 * Refuses what is none.
 * @param {any} value
 * @param {string} what
 */
function checkSignal(value, what) {
  if (!isSignal(value)) {
    throw argumentError(`${what}.signal: must be an AbortSignal`)
  }
}

/** @param {string} message */
function argumentError(message) {
  return Object.assign(new TypeError(message), { code: 'INVALID_ARGUMENT' })
}

module.exports = {
  Encoded,
  withoutJson,
  encode,
  encodeOptions,
  checkObject,
  checkSignal,
  isSignal,
  argumentError,
  wellFormed,
}
