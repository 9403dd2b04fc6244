'use strict'

const { name, version } = require('../package.json')

/** Where this thread keeps the addon: Node would load it anew for whoever has cleared `require.cache`. */
const PLACE = Symbol.for(`${name}@${version}:${__dirname}`)

/** @type {Record<symbol, any>} */
const everybody = globalThis
if (everybody[PLACE] === undefined) {
  Object.defineProperty(everybody, PLACE, { value: require('../binding.js') })
}

/**
 * The addon, one in each thread, however often this package is evaluated.
 * @type {any}
 */
module.exports = everybody[PLACE]
