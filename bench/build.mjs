// What is measured: the addon and the stand-in app-server, both as optimised as what users get.

import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** @returns {{ addon: string, server: string }} their paths */
export function build() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  cargo('build', '--profile', 'addon', '--package', 'codex-node')
  cargo('build', '--release', '--package', 'codex-rig')
  /** @type {Record<string, string>} */
  const libraries = { win32: 'codex_node.dll', darwin: 'libcodex_node.dylib' }
  const addon = join(target, 'addon', 'codex-node.node')
  copyFileSync(join(target, 'addon', libraries[process.platform] ?? 'libcodex_node.so'), addon)
  const server = `scripted-app-server${process.platform === 'win32' ? '.exe' : ''}`
  return { addon, server: join(target, 'release', server) }
}

/** @param {string[]} args */
function cargo(...args) {
  execFileSync('cargo', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
}
