'use strict'

// Takes the place of binding.js in a bundle, by the condition `module` that bundlers set (see "imports" in package.json):
// no bundler follows these names, so none stumbles over a native file or over the packages of other platforms.
const { createRequire } = require('node:module')
const { realpathSync } = require('node:fs')
const { sep } = require('node:path')
const { file } = require('./place.js')
const { programFolder } = require('./program.js')

/** The addon as its file and the package of this platform name it. */
function platform() {
  const own = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${own}-msvc`
  return process.platform === 'linux' ? `${own}-${isMusl() ? 'musl' : 'gnu'}` : own
}

function isMusl() {
  const report = /** @type {any} */ (process.report)
  if (!report) return false
  // Names of the network are slow to look up, and nobody asks for them.
  report.excludeNetwork = true
  return report.getReport().header.glibcVersionRuntime === undefined
}

/**
 * From where to look: the bundle, and the program, as some bundlers make up names for what is in a bundle. Never the
 * first argument of a program that was not named by a file: that may lie in any repository.
 */
function places() {
  const folder = programFolder()
  return [file, folder && `${folder}${sep}`].flatMap((path) => {
    try {
      return path === undefined ? [] : [path === file ? realpathSync(path) : path]
    } catch {
      return []
    }
  })
}

function load() {
  const { NAPI_RS_NATIVE_LIBRARY_PATH: named } = process.env
  const abi = platform()
  const names = named ? [named] : [`./codex-node.${abi}.node`, `codex-node-${abi}`]
  const from = places()
  const errors = []
  for (const place of from) {
    const load = createRequire(place)
    for (const name of names) {
      try {
        return load(name)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  throw new Error(
    `codex-node: its addon was not found as ${names.join(' or ')} from ${from.join(' or ')}. Copy ` +
      `node_modules/codex-node-${abi}/codex-node.${abi}.node beside the bundle, or do not bundle codex-node`,
    { cause: new AggregateError(errors) },
  )
}

module.exports = load()
