// What is measured: the addon and the stand-in app-server, both as optimised as what users get.

import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/**
 * @param {{ development?: boolean }} [options] `development`: not optimised, which only shows that it all works
 * @returns {{ addon: string, server: string }} their paths
 */
export function build({ development = false } = {}) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  const profiles = development ? { addon: 'dev', server: 'dev' } : { addon: 'addon', server: 'release' }
  cargo('build', '--profile', profiles.addon, '--package', 'codex-node')
  cargo('build', '--profile', profiles.server, '--package', 'codex-rig')
  /** @param {string} profile its folder has its name, but for one */
  const folder = (profile) => join(target, profile === 'dev' ? 'debug' : profile)
  /** @type {Record<string, string>} */
  const libraries = { win32: 'codex_node.dll', darwin: 'libcodex_node.dylib' }
  const addon = join(folder(profiles.addon), 'codex-node.node')
  copyFileSync(join(folder(profiles.addon), libraries[process.platform] ?? 'libcodex_node.so'), addon)
  const server = `scripted-app-server${process.platform === 'win32' ? '.exe' : ''}`
  return { addon, server: join(folder(profiles.server), server) }
}

/** @param {string[]} args */
function cargo(...args) {
  execFileSync('cargo', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
}
