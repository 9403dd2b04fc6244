// Builds the addon and writes binding.js and index.d.ts.
//
//   node scripts/build.mjs             for development and tests: fast to build
//   node scripts/build.mjs --release   as it is shipped
//   ... --target TRIPLE, --cross-compile, --use-napi-cross: handed to `napi build`

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

/** @param {string[]} options */
export function build(options = []) {
  const release = options.includes('--release')
  const handedOn = options.filter((option) => option !== '--release')
  // The types that no class carries: those written by hand, and the options that the Rust tests write.
  mkdirSync(join(root, 'target'), { recursive: true })
  const header = ['header.d.ts', 'options.d.ts'].map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  writeFileSync(join(root, 'target/header.d.ts'), header.join('\n'))

  const cli = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist/cli.js')
  const profile = release ? ['--profile', 'addon'] : []
  const args = ['build', '--platform', ...profile, '--js', 'binding.js', '--dts', 'index.d.ts', ...handedOn]
  const { status, error } = spawnSync(process.execPath, [cli, ...args], { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`napi build ended with status ${status}`)
  repairBinding()
}

/** The loader names what it exports one by one; index.js takes more than the classes. */
function repairBinding() {
  const file = join(root, 'index.d.ts')
  const types = readFileSync(file, 'utf8').replaceAll('globalThis.Symbol', 'Symbol')
  writeFileSync(file, types)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build(process.argv.slice(2))
