'use strict'

const { createRequire } = require('node:module')
const { name, version } = require('../package.json')
const { file, folder } = require('./place.js')

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
  try {
    return require('#addon')
  } catch (error) {
    // An archive that stands for a folder may show its files to `require` and not to those who read package.json.
    if (!String(error).includes('#addon') || file === undefined) throw error
    // By another name, or bundlers would follow it.
    const load = createRequire(file)
    return load('../binding.js')
  }
}

/**
 * The addon, one in each thread, however often this package is evaluated.
 * @type {any}
 */
module.exports = everybody[PLACE]
