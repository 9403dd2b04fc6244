// @ts-check
'use strict'

const { mkdir, mkdtemp, realpath, rm, writeFile } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { asCalled, callsAsCalled } = require('../glue/caller.js')
const { CONFIG_OPTIONS, codexConfigToml } = require('./config.js')
const { asyncDisposable } = require('./dispose.js')
const { checkObject, is } = require('./validate.js')

/** @typedef {import('./index.js').CodexHomeOptions} CodexHomeOptions */

const REMOVE_ATTEMPTS = 20
const REMOVE_PAUSE_MS = 100

/** A throw-away home for codex; see index.d.ts. */
class CodexHome {
  #root

  /** @param {string} root */
  constructor(root) {
    this.#root = root
    this.home = join(root, 'home')
    this.codexHome = join(root, 'codex')
    this.workspace = join(root, 'workspace')
    /** @type {Record<string, string>} */
    this.env = { HOME: this.home, CODEX_HOME: this.codexHome, ...withoutProxy(process.env) }
    if (process.platform === 'win32') this.env.USERPROFILE = this.home
  }

  async remove() {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await rm(this.#root, { recursive: true, force: true })
      } catch (error) {
        // A codex that is about to exit still creates files in folders that are being emptied.
        const code = error instanceof Error && 'code' in error ? error.code : undefined
        if (code === 'ENOENT') continue
        if (attempt >= REMOVE_ATTEMPTS) throw error
        await sleep(REMOVE_PAUSE_MS)
      }
    }
  }
}

callsAsCalled(CodexHome, 'remove', '')
asyncDisposable(CodexHome, function () {
  return this.remove()
})

/**
 * The provider is on loopback, which no proxy reaches. Some programs look at one of the names, some at the other.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function withoutProxy({ NO_PROXY, no_proxy = NO_PROXY }) {
  const hosts = [no_proxy, '127.0.0.1', 'localhost', '::1'].filter(Boolean).join(',')
  return { NO_PROXY: hosts, no_proxy: hosts }
}

/**
 * @param {{ url: string }} provider
 * @param {CodexHomeOptions} [options]
 * @returns {Promise<CodexHome>}
 */
function createCodexHome(provider, options = {}) {
  return asCalled(createCodexHome, async () => {
    checkObject(options, { ...CONFIG_OPTIONS, parent: is.string }, 'createCodexHome')
    const { parent = tmpdir(), ...configOptions } = options
    const toml = codexConfigToml(provider, configOptions)
    // Resolved, because codex reports resolved paths, and the temporary folder is a link on macOS.
    const home = new CodexHome(await realpath(await mkdtemp(join(parent, 'codex-home-'))))
    try {
      for (const folder of [home.home, home.codexHome, home.workspace]) await mkdir(folder)
      await writeFile(join(home.codexHome, 'config.toml'), toml)
    } catch (error) {
      await home.remove()
      throw error
    }
    return home
  })
}

module.exports = { CodexHome, createCodexHome }
