'use strict'

const { constants, promises: fs } = require('node:fs')
const { createRequire } = require('node:module')
const { delimiter, dirname, isAbsolute, join, resolve } = require('node:path')

/**
 * A codex that could be started, in the order in which it is looked for.
 * @typedef {object} Candidate
 * @property {string} origin who names it
 * @property {string} path
 * @property {boolean} exists whether there is a file that this user may run
 * @property {string | null} version
 * @property {string | null} problem why it can't be used, if it can't
 */

const NAMES = process.platform === 'win32' ? ['codex.exe', 'codex.cmd'] : ['codex']

/**
 * Every place where codex may be, whether or not one before it is taken.
 *
 * @param {{ codexPath?: string, env: Record<string, string | undefined>, searchFrom: string[] }} where
 * @returns {Promise<{ origin: string, path: string }[]>}
 */
async function candidates({ codexPath, env, searchFrom }) {
  /** @type {{ origin: string, path: string }[]} */
  const found = []
  if (codexPath !== undefined) found.push({ origin: 'the option codexPath', path: resolve(codexPath) })
  if (env.CODEX_PATH) found.push({ origin: 'CODEX_PATH', path: resolve(env.CODEX_PATH) })
  for (const folder of searchFrom) {
    const launcher = launcherFrom(folder)
    if (launcher !== undefined) found.push({ origin: `the package beside ${folder}`, path: launcher })
  }
  const path = Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1] ?? ''
  for (const folder of path.split(delimiter).filter((one) => isAbsolute(one))) {
    for (const name of NAMES) {
      const file = join(folder, name)
      if (await isFile(file)) found.push({ origin: 'PATH', path: file })
    }
  }
  return found.filter((one, at) => found.findIndex((other) => other.path === one.path) === at)
}

/** @param {string} folder */
function launcherFrom(folder) {
  try {
    const manifest = createRequire(join(folder, 'x.js')).resolve('@openai/codex/package.json')
    return join(dirname(manifest), 'bin', 'codex.js')
  } catch {
    return undefined
  }
}

/** @param {string} path */
async function isFile(path) {
  try {
    return (await fs.stat(path)).isFile()
  } catch {
    return false
  }
}

/**
 * Why a file can't be run, if it can't.
 *
 * @param {string} path
 * @returns {Promise<string | undefined>}
 */
async function whyNot(path) {
  if (!(await isFile(path))) return 'there is no such file'
  try {
    // npm's launcher is run by Node, and needs no right of its own.
    await fs.access(path, path.endsWith('.js') ? constants.R_OK : constants.X_OK)
    return undefined
  } catch {
    return 'this user may not run it'
  }
}

module.exports = { candidates, whyNot }
