'use strict'

const { existsSync, readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { dirname, join, sep } = require('node:path')
const { fileURLToPath } = require('node:url')
const { file } = require('../glue/place.js')
const { programFolder } = require('../glue/program.js')

/**
 * @typedef {'v3' | 'v4'} Version of the interface between the AI SDK and models: 3 is that of AI SDK 6, 4 that of 7
 */

/** What each file belongs to that asked. @type {Map<string, Version | undefined>} */
const askers = new Map()
/** What the program has installed, once it was looked for. @type {{ version: Version } | undefined} */
let installed

/**
 * The version for whoever asks: AI SDK 6 and 7 may run in one process, and each takes a model for its own by this word
 * alone. AI SDK 7 takes both, so that 3 is the answer where nothing is known, as in a bundle.
 *
 * @param {Function} asked what is not to be taken for the one who asks
 * @returns {Version}
 */
function versionForCaller(asked) {
  const file = callerOf(asked)
  if (file !== undefined) {
    if (!askers.has(file)) askers.set(file, versionOf(packageOf(file)))
    const version = askers.get(file)
    if (version !== undefined) return version
  }
  installed ??= { version: versionInstalled() ?? 'v3' }
  return installed.version
}

/** @param {Function} asked @returns {string | undefined} the file of the function that called */
function callerOf(asked) {
  /** @type {{ stack?: string }} */
  const trace = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  Error.captureStackTrace(trace, asked)
  Error.stackTraceLimit = limit
  const place =
    typeof trace.stack === 'string'
      ? /\(?((?:file:\/\/|[A-Za-z]:\\|\/)[^()\n]*?):\d+:\d+\)?$/.exec(trace.stack)
      : null
  const path = place?.[1]
  if (path === undefined) return undefined
  return path.startsWith('file://') ? fileURLToPath(path) : path
}

/**
 * The nearest package.json above a file.
 * @param {string} file
 * @returns {string | undefined}
 */
function packageOf(file) {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest)) return manifest
    if (dirname(folder) === folder) return undefined
  }
}

/** The version for the `ai` that the program would load. */
function versionInstalled() {
  const folder = programFolder()
  for (const from of [folder && `${folder}${sep}`, file]) {
    if (from === undefined) continue
    try {
      return versionOf(createRequire(from).resolve('ai/package.json'))
    } catch {
      // It is not there, or says nothing of itself.
    }
  }
  return undefined
}

/**
 * @param {string | undefined} manifest
 * @returns {Version | undefined} undefined where it is not that of the AI SDK
 */
function versionOf(manifest) {
  if (manifest === undefined) return undefined
  try {
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'))
    if (name !== 'ai') return undefined
    return Number.parseInt(version, 10) >= 7 ? 'v4' : 'v3'
  } catch {
    return undefined
  }
}

module.exports = { versionForCaller }
