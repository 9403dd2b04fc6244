// Builds the addon.
//
//   node scripts/build.mjs             for development; writes binding.js and index.d.ts from it, too
//   node scripts/build.mjs --check     for development; fails if binding.js or index.d.ts is not what it gives
//   node scripts/build.mjs --release   as it is shipped
//   ... --target TRIPLE, --cross-compile, --use-napi-cross: with --release, handed on to `napi build`
//
// Installs the packages of package-lock.json first, where they are missing.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError, setUp } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const { name, version, napi } = require('../package.json')

// Where .cargo/config.toml has the types of the binding written down, whoever compiles it.
const typeDefs = join(root, 'target/type-defs')
const library =
  { darwin: 'libcodex_node.dylib', win32: 'codex_node.dll' }[String(process.platform)] ?? 'libcodex_node.so'

/**
 * Runs a program to its end.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function run(program, args, env = {}) {
  const { status, signal, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error !== undefined) throw error
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ended with ${signal ?? `status ${status}`}`)
}

/** Builds the addon fast, in the target folder that it shares with the Rust tests, and puts it beside index.js. */
export async function buildAddon() {
  /** @type {Record<string, string>} */
  const env = {}
  // Compiled before, but by a checkout whose target folder has lost the types.
  if (!existsSync(join(typeDefs, name))) env.NAPI_FORCE_BUILD_CODEX_NODE = String(Date.now())
  await mkdir(typeDefs, { recursive: true })
  run('cargo', ['build', '--locked', '--package', name, '--target-dir', 'target'], env)
  const built = join(root, 'target/debug', library)
  const addon = join(root, `${napi.binaryName}.${platform()}.node`)
  // Replaced, not overwritten: a process that has the old one loaded goes on with it.
  await copyFile(built, `${addon}.new`)
  await rename(`${addon}.new`, addon)
}

/** This machine, as the file of the addon and the platform packages name it. */
function platform() {
  if (process.platform === 'darwin') return `darwin-${process.arch}`
  const { stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' })
  const abi = /^host: \S+-([a-z]+)$/m.exec(stdout)?.[1]
  if (abi === undefined) throw new Error('rustc -vV names no host')
  return `${process.platform}-${process.arch}-${abi}`
}

/** @param {string[]} options handed on to `napi build` */
export async function buildRelease(options = []) {
  const cli = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist/cli.js')
  // Only the addon: what is generated is in the repository, and checked by the tests.
  const args = ['build', '--platform', '--profile', 'addon', '--no-js', '--dts', 'target/napi-build.d.ts']
  run(process.execPath, [cli, ...args, ...options])
}

/**
 * The files that follow from the classes of the binding, by name.
 *
 * @returns {Promise<Record<string, string>>}
 */
async function generate() {
  const { generateTypeDef, writeJsBinding } = await import('@napi-rs/cli')
  // The types that no class carries: those written by hand, and the options that the Rust tests write.
  const header = await Promise.all(
    ['header.d.ts', 'schemas.d.ts', 'options.d.ts'].map((file) => readFile(join(root, 'src', file), 'utf8')),
  )
  const { exports, dts } = await generateTypeDef({
    typeDefDir: typeDefs,
    dtsHeader: header.join('\n'),
    constEnum: false,
    cwd: root,
  })
  const outputDir = join(root, 'target/generated')
  await writeJsBinding({
    platform: true,
    binaryName: napi.binaryName,
    packageName: napi.packageName,
    version,
    idents: exports,
    jsBinding: 'binding.js',
    outputDir,
  })
  return {
    'binding.js': await readFile(join(outputDir, 'binding.js'), 'utf8'),
    'index.d.ts': repairTypes(dts),
  }
}

/**
 * What napi makes of the classes is nearly right.
 *
 * @param {string} types
 */
function repairTypes(types) {
  return (
    types
      .replaceAll('globalThis.Symbol', 'Symbol')
      // A name of the loader, which index.js does not pass on.
      .replace(/\/\*\*(?:(?!\*\/)[\s\S])*\*\/\nexport declare const __napiBindingTarget:.*\n\n/, '')
      // What exec/index.js makes its classes of; index.js does not pass them on either.
      .replace(
        /(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export declare class Exec\w+ \{\n(?:(?!\}\n).*\n)*\}\n+/g,
        '',
      )
      // Only the classes of Rust extend nothing, and `new` makes none without a constructor.
      .replace(/^export declare class \w+(?:<.*>)? \{\n(?:(?!\}\n).*\n)*/gm, (text) =>
        /^ +constructor\(/m.test(text) ? text : text.replace('\n', '\n  private constructor()\n'),
      )
      // Classes of Rust have no parameters; this one is of what its final message is parsed to.
      .replace('export declare class Turn {', 'export declare class Turn<Parsed = unknown> {')
  )
}

/** Writes the files that follow from the binding. */
export async function writeGenerated() {
  for (const [file, text] of Object.entries(await generate())) await writeFile(join(root, file), text)
}

/**
 * Says what is wrong with the files that follow from the binding, or nothing.
 *
 * @returns {Promise<string | undefined>}
 */
export async function checkGenerated() {
  for (const [file, text] of Object.entries(await generate())) {
    // A checkout on Windows may have turned the line ends.
    const found = (await readFile(join(root, file), 'utf8')).replaceAll('\r\n', '\n').split('\n')
    const wanted = text.split('\n')
    const at = wanted.findIndex((line, i) => line !== found[i])
    if (at === -1 && wanted.length === found.length) continue
    const line = at === -1 ? wanted.length : at
    const difference = `line ${line + 1} is ${show(found[line])}, not ${show(wanted[line])}`
    return `${file} is stale: ${difference}. Run \`npm run build\` and commit the file`
  }
}

/** @param {string | undefined} line */
const show = (line) => (line === undefined ? 'missing' : `\`${line.trim()}\``)

async function main() {
  const [mode, ...options] = process.argv.slice(2)
  await setUp()
  if (mode === '--release') return buildRelease(options)
  await buildAddon()
  if (mode !== '--check') await writeGenerated()
  const problem = await checkGenerated()
  if (problem !== undefined) throw new SetupError(problem)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error)
    process.exitCode = 1
  }
}
