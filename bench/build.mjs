// What is measured: the addon and the stand-in app-server, both as optimised as what users get.

import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')

/**
 * @param {{ development?: boolean }} [options] `development`: not optimised, which only shows that it all works
 * @returns {{ addon: string, server: string }} their paths
 */
export function build({ development = false } = {}) {
  const profile = development ? 'dev' : 'release'
  const addon = buildAddon({ tree: root, development })
  cargo(root, 'build', '--profile', profile, '--package', 'codex-rig')
  const server = `scripted-app-server${process.platform === 'win32' ? '.exe' : ''}`
  return { addon, server: join(folderOf(profile), server) }
}

/**
 * The addon of a checkout, this or another one: all of them share what they depend on.
 *
 * @param {{ tree: string, development?: boolean, name?: string }} options `name` of the file
 * @returns {string} its path
 */
export function buildAddon({ tree, development = false, name = 'codex-node' }) {
  const profile = development ? 'dev' : 'addon'
  cargo(tree, 'build', '--profile', profile, '--package', 'codex-node')
  /** @type {Record<string, string>} */
  const libraries = { win32: 'codex_node.dll', darwin: 'libcodex_node.dylib' }
  const addon = join(folderOf(profile), `${name}.node`)
  copyFileSync(join(folderOf(profile), libraries[process.platform] ?? 'libcodex_node.so'), addon)
  return addon
}

/** @param {string} profile its folder has its name, but for one */
function folderOf(profile) {
  return join(target, profile === 'dev' ? 'debug' : profile)
}

/** @param {string} tree @param {string[]} args */
function cargo(tree, ...args) {
  const env = { ...process.env, CARGO_TARGET_DIR: target }
  execFileSync('cargo', args, { cwd: tree, env, stdio: ['ignore', 'inherit', 'inherit'] })
}
