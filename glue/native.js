'use strict'

const { name, version } = require('../package.json')
const { folder } = require('./place.js')

/** Where this thread keeps the addon: Node would load it anew for whoever has cleared `require.cache`. */
const PLACE = Symbol.for(`${name}@${version}:${folder}`)

/** @type {Record<symbol, any>} */
const everybody = globalThis
if (everybody[PLACE] === undefined) {
  /** @type {any} */
  const addon = require('#addon')
  // In a bundle it is what bundled.mjs exports.
  Object.defineProperty(everybody, PLACE, { value: addon.default ?? addon })
}

/**
 * The addon, one in each thread, however often this package is evaluated.
 * @type {any}
 */
module.exports = everybody[PLACE]
