// This package and packages of codex, installed somewhere else.

import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rigPath } from './rig.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Names of the platform's package of codex, and of its executable in there. */
const triples = /** @type {Record<string, string>} */ ({
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64': 'x86_64-pc-windows-msvc',
  'win32-arm64': 'aarch64-pc-windows-msvc',
})
const platform = `${process.platform}-${process.arch}`
const vendor = join('vendor', /** @type {string} */ (triples[platform]))
const program = process.platform === 'win32' ? 'codex.exe' : 'codex'
export const platformPackage = `@openai/codex-${platform}`

/**
 * Installs this package as a user has it, without what it depends on.
 *
 * @param {string} folder
 * @returns {string} where it is
 */
export function installSelf(folder) {
  const target = join(folder, 'node_modules/codex-node')
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const addons = readdirSync(root).filter((name) => name.endsWith('.node'))
  mkdirSync(target, { recursive: true })
  for (const name of ['package.json', ...files]) {
    // The guide, which no program loads.
    if (/^(docs|examples|bench)\//.test(name)) continue
    if (name === '*.node') for (const addon of addons) place(join(root, addon), join(target, addon))
    else cpSync(join(root, name), join(target, name), { recursive: true })
  }
  return target
}

/**
 * Puts the scripted app-server where the platform's package of codex has its executable.
 *
 * @param {string} modules the `node_modules` to put it in
 * @param {string} version what it says its version is: so tests know which one was started
 * @returns {string} its path
 */
export function installPlatformPackage(modules, version) {
  const folder = join(modules, platformPackage, vendor)
  mkdirSync(join(folder, 'codex-path'), { recursive: true })
  const layout = { layoutVersion: 1, entrypoint: `bin/${program}`, pathDir: 'codex-path' }
  writeFileSync(join(folder, 'codex-package.json'), JSON.stringify(layout))
  return installExecutable(join(folder, 'bin', program), version)
}

/**
 * Installs a package of codex whose executable is the scripted app-server.
 *
 * @param {string} modules the `node_modules` to put it in
 * @param {string} version
 * @returns {string} the path of its launcher script
 */
export function installCodex(modules, version) {
  const launcher = join(modules, '@openai/codex/bin/codex.js')
  mkdirSync(dirname(launcher), { recursive: true })
  writeFileSync(join(modules, '@openai/codex/package.json'), '{"name":"@openai/codex"}')
  writeFileSync(launcher, "#!/usr/bin/env node\nthrow new Error('the launcher must not run')\n", {
    mode: 0o755,
  })
  installPlatformPackage(modules, version)
  return launcher
}

/**
 * The scripted app-server as an executable of another name.
 *
 * @param {string} path
 * @param {string} version
 * @returns {string} its path
 */
export function installExecutable(path, version) {
  mkdirSync(dirname(path), { recursive: true })
  place(rigPath, path)
  writeFileSync(`${path}.rig.json`, JSON.stringify({ version }))
  return path
}

/** @param {string} from @param {string} to a file of megabytes, copied only where it must be */
function place(from, to) {
  try {
    linkSync(from, to)
  } catch {
    // By another process: one that is started meanwhile would have the file open as it is written, and nobody could run it.
    if (process.platform === 'win32') copyFileSync(from, to)
    else execFileSync('cp', [from, to])
  }
}
