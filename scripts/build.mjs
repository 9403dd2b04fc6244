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
  const header = ['header.d.ts', 'schemas.d.ts', 'options.d.ts'].map((name) =>
    readFileSync(join(root, 'src', name), 'utf8'),
  )
  writeFileSync(join(root, 'target/header.d.ts'), header.join('\n'))

  const cli = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist/cli.js')
  const profile = release ? ['--profile', 'addon'] : []
  const args = ['build', '--platform', ...profile, '--js', 'binding.js', '--dts', 'index.d.ts', ...handedOn]
  const { status, error } = spawnSync(process.execPath, [cli, ...args], { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`napi build ended with status ${status}`)
  repairTypes()
}

/** What napi makes of the classes is nearly right. */
function repairTypes() {
  const file = join(root, 'index.d.ts')
  const types = readFileSync(file, 'utf8')
    .replaceAll('globalThis.Symbol', 'Symbol')
    // A name of the loader, which index.js does not pass on.
    .replace(/\/\*\*(?:(?!\*\/)[^])*\*\/\nexport declare const __napiBindingTarget:.*\n\n/, '')
    // Only the classes of Rust extend nothing, and `new` makes none without a constructor.
    .replace(/^export declare class \w+(?:<.*>)? \{\n(?:(?!\}\n).*\n)*/gm, (text) =>
      /^ +constructor\(/m.test(text) ? text : text.replace('\n', '\n  private constructor()\n'),
    )
    // Classes of Rust have no parameters; this one is of what its final message is parsed to.
    .replace('export declare class Turn {', 'export declare class Turn<Parsed = unknown> {')
  writeFileSync(file, types)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build(process.argv.slice(2))
