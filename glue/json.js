'use strict'

/**
 * Arguments as JSON text for the native side. What JSON would drop or bend in silence is refused, with its
 * path; bytes become base64.
 *
 * @param {unknown} value
 * @param {string} what name of the argument, for errors
 * @returns {string | undefined} undefined for undefined
 */
function encode(value, what) {
  if (value === undefined) return undefined
  /** @type {Map<object, string>} */
  const paths = new Map()
  return JSON.stringify(value, function (key, item) {
    // Before toJSON, which turns a Buffer into numbers.
    const raw = /** @type {Record<string, unknown>} */ (this)[key]
    const parent = paths.get(/** @type {object} */ (this)) ?? what
    const path = key === '' ? parent : Array.isArray(this) ? `${parent}[${key}]` : `${parent}.${key}`
    if (raw instanceof Uint8Array)
      return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64')
    switch (typeof item) {
      case 'number':
        if (!Number.isFinite(item))
          throw argumentError(`${path}: ${item} is not accepted; give a finite number`)
        break
      case 'function':
      case 'symbol':
      case 'bigint':
        throw argumentError(`${path}: a ${typeof item} is not accepted here`)
      case 'object':
        if (item !== null) {
          if (isAround(item, this, paths)) throw argumentError(`${path}: the value contains itself`)
          paths.set(item, path)
        }
    }
    return item
  })
}

/**
 * Whether `item` is one of the objects that hold `holder`.
 * @param {object} item
 * @param {unknown} holder
 * @param {Map<object, string>} paths
 */
function isAround(item, holder, paths) {
  const itemPath = paths.get(item)
  if (itemPath === undefined) return false
  if (item === holder) return true
  const holderPath = paths.get(/** @type {object} */ (holder))
  return (
    holderPath !== undefined &&
    (holderPath.startsWith(`${itemPath}.`) || holderPath.startsWith(`${itemPath}[`))
  )
}

/**
 * Options as JSON text, without the one that is not data.
 *
 * @param {unknown} options
 * @param {string} what
 * @param {'signal' | 'logger'} apart
 * @returns {[string | undefined, unknown]} the text, and what was taken out
 */
function encodeOptions(options, what, apart) {
  if (options === undefined) return [undefined, undefined]
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    const given = options === null ? 'null' : Array.isArray(options) ? 'an array' : `a ${typeof options}`
    throw argumentError(`${what}: ${given} is not accepted; give an object`)
  }
  const { [apart]: taken, ...rest } = /** @type {Record<string, unknown>} */ (options)
  if (apart === 'signal' && taken !== undefined && !isSignal(taken)) {
    throw argumentError(`${what}.signal: must be an AbortSignal`)
  }
  if (apart === 'logger' && taken !== undefined && typeof taken !== 'function') {
    throw argumentError(`${what}.logger: must be a function`)
  }
  return [encode(rest, what), taken]
}

/** @param {any} value */
function isSignal(value) {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof value.aborted === 'boolean' &&
    typeof value.addEventListener === 'function'
  )
}

/** @param {string} message */
function argumentError(message) {
  return Object.assign(new TypeError(message), { code: 'INVALID_ARGUMENT' })
}

module.exports = { encode, encodeOptions, argumentError }
