'use strict'

const { name, version } = require('../package.json')
const { folder } = require('./place.js')

/** Where this thread keeps the addon: Node would load it anew for whoever has cleared `require.cache`. */
const PLACE = Symbol.for(`${name}@${version}:${folder}`)

/** @type {Record<symbol, any>} */
const everybody = globalThis
if (everybody[PLACE] === undefined) {
  const addon = load()
  // In a bundle it is what bundled.mjs exports.
  Object.defineProperty(everybody, PLACE, { value: addon.default ?? addon })
}

/** @returns {any} */
function load() {
  // What `#addon` stands for outside of bundles, by a name that no bundler follows: for what package.json names Node loads
  // much first, and an archive that stands for a folder may show its files to `require` alone.
  const load = Reflect.get(module, 'require')
  if (typeof load === 'function') {
    try {
      return Reflect.apply(load, module, ['../binding.js'])
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return require('#addon')
}

/** @param {any} error */
function isMissing(error) {
  return error?.code === 'MODULE_NOT_FOUND' && String(error.message).includes('../binding.js')
}

/**
 * The addon, one in each thread, however often this package is evaluated.
 * @type {any}
 */
module.exports = everybody[PLACE]
