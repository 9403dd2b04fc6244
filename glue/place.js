'use strict'

const { basename, dirname } = require('node:path')
const { fileURLToPath } = require('node:url')

/** The file that this code is in: of this package, or a bundle. */
const file = typeof __filename === 'string' ? __filename : moduleFile()

/** A bundle of ES modules has no `__filename`, but its stack frames are URLs. */
function moduleFile() {
  const [url] = /file:\/\/\S+?(?=:\d+:\d+)/.exec(String(new Error('where am I?').stack)) ?? []
  return url === undefined ? undefined : fileURLToPath(url)
}

/** @param {string} path */
function packageFolder(path) {
  const folder = dirname(path)
  return basename(folder) === 'glue' ? dirname(folder) : folder
}

module.exports = {
  /** @type {string | undefined} */
  file,
  /** The folder of this package, or that of the bundle which it is in. */
  folder: file === undefined ? undefined : packageFolder(file),
}
