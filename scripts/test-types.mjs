// npm run test:types                 programs against the types, by every TypeScript from the oldest that is supported
// npm run test:types -- --pinned     by that of this checkout alone
//
// As users compile: under each way to find modules, with and without the types of a browser, as strict as there is.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** From the oldest that is supported, as docs/typescript.md says; the newest is that of this checkout. */
const VERSIONS = ['5.2.2', '5.4.5', '5.6.3', '5.9.3', '6.0.3']

const STRICT = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  // Found where it is compiled, and not among the packages of this checkout.
  preserveSymlinks: true,
  types: ['node'],
}
const WITHOUT_DOM = ['es2023', 'esnext.disposable']
const WITH_DOM = [...WITHOUT_DOM, 'dom', 'dom.iterable']
/** What a program sets, and its files: one that is CommonJS can't be for a bundler. */
const ESM = ['consumer.ts']
const BOTH = [...ESM, 'required.cts']
const WAYS = {
  node16: { files: BOTH, module: 'node16', moduleResolution: 'node16', lib: WITHOUT_DOM },
  'nodenext, with DOM': { files: BOTH, module: 'nodenext', moduleResolution: 'nodenext', lib: WITH_DOM },
  bundler: { files: ESM, module: 'esnext', moduleResolution: 'bundler', lib: WITHOUT_DOM },
  'bundler, with DOM': { files: ESM, module: 'esnext', moduleResolution: 'bundler', lib: WITH_DOM },
}
/** What stands beside the package in a program: the types of Node, and the peer that has types of its own in ours. */
const BESIDE = ['@types/node', 'undici-types', '@opentelemetry/api']

/**
 * Compiles the program in each way, and gives what a compiler has against it.
 *
 * @param {string} tsc path of the compiler's JavaScript
 */
async function compile(tsc) {
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-types-'))
  try {
    await mkdir(join(folder, 'node_modules'))
    await symlink(root, join(folder, 'node_modules/codex-node'), 'junction')
    for (const name of BESIDE) {
      const at = join(folder, 'node_modules', name)
      await mkdir(dirname(at), { recursive: true })
      await symlink(join(root, 'node_modules', name), at, 'junction')
    }
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const programs = join(root, '__test__/fixtures/types')
    for (const name of await readdir(programs)) await copyFile(join(programs, name), join(folder, name))
    /** @type {Record<string, string>} */
    const problems = {}
    for (const [way, { files, ...options }] of Object.entries(WAYS)) {
      const file = join(folder, 'tsconfig.json')
      await writeFile(file, JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }))
      try {
        await run(process.execPath, [tsc, '-p', file], { cwd: folder, maxBuffer: 2 ** 26 })
      } catch (error) {
        const { stdout, message } = /** @type {{ stdout?: string, message: string }} */ (error)
        problems[way] = (stdout || message).slice(0, 5000)
      }
    }
    return problems
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The compiler of this checkout. */
const pinned = join(root, 'node_modules/typescript/bin/tsc')

/**
 * A compiler, installed where it is not yet.
 * @param {string} version
 */
async function install(version) {
  const prefix = join(root, 'target/typescript', version)
  const tsc = join(prefix, 'node_modules/typescript/bin/tsc')
  if (!existsSync(tsc)) {
    await mkdir(prefix, { recursive: true })
    await writeFile(join(prefix, 'package.json'), '{"private":true}')
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const args = [
      'install',
      '--no-save',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `typescript@${version}`,
    ]
    await run(npm, args, { cwd: prefix, shell: process.platform === 'win32' })
  }
  return tsc
}

const { values } = parseArgs({ options: { pinned: { type: 'boolean' } } })
const require = createRequire(import.meta.url)
/** @type {Map<string, string>} */
const compilers = new Map()
if (!values.pinned) for (const version of VERSIONS) compilers.set(version, await install(version))
compilers.set(require('typescript/package.json').version, pinned)
for (const [version, tsc] of compilers) {
  const problems = Object.entries(await compile(tsc))
  for (const [way, said] of problems) console.error(`TypeScript ${version}, ${way}:\n${said}`)
  console.log(`TypeScript ${version}: ${problems.length === 0 ? 'ok' : 'failed'}`)
  if (problems.length > 0) process.exitCode = 1
}
