#!/usr/bin/env node
// Compiles a program against the types as users do: by every TypeScript from the oldest supported, under each way to find
// modules, with and without the types of a browser. `--pinned` does so with the TypeScript of this checkout alone.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** From the oldest that is supported, as the README says. */
const VERSIONS = ['5.2.2', '5.4.5', '5.6.3', '5.9.3', '6.0.3']

const STRICT = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  types: ['node'],
}
const WITHOUT_DOM = ['es2023', 'esnext.disposable']
const WAYS = {
  node16: { module: 'node16', moduleResolution: 'node16', lib: WITHOUT_DOM },
  'nodenext, with DOM': {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    verbatimModuleSyntax: true,
    lib: [...WITHOUT_DOM, 'dom', 'dom.asynciterable'],
  },
  bundler: { module: 'esnext', moduleResolution: 'bundler', verbatimModuleSyntax: true, lib: WITHOUT_DOM },
}

/**
 * Compiles the program in each way, and gives what a compiler has against it.
 *
 * @param {string} tsc path of the compiler's JavaScript
 */
export async function compile(tsc) {
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-types-'))
  try {
    await mkdir(join(folder, 'node_modules/@types'), { recursive: true })
    await symlink(root, join(folder, 'node_modules/codex-node'), 'junction')
    await symlink(
      join(root, 'node_modules/@types/node'),
      join(folder, 'node_modules/@types/node'),
      'junction',
    )
    await symlink(
      join(root, 'node_modules/undici-types'),
      join(folder, 'node_modules/undici-types'),
      'junction',
    )
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const program = join(root, '__test__/fixtures/types/consumer.ts')
    /** @type {Record<string, string>} */
    const problems = {}
    for (const [way, options] of Object.entries(WAYS)) {
      const file = join(folder, 'tsconfig.json')
      // Found where it is compiled, and not among the packages of this checkout.
      const compilerOptions = { ...STRICT, ...options, preserveSymlinks: true }
      await writeFile(join(folder, 'consumer.ts'), `${await read(program)}`)
      await writeFile(file, JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
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

/** @param {string} file */
async function read(file) {
  const { readFile } = await import('node:fs/promises')
  return readFile(file, 'utf8')
}

/** The compiler of this checkout. */
export const pinned = join(root, 'node_modules/typescript/bin/tsc')

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
    const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', `typescript@${version}`]
    await run(npm, args, { cwd: prefix, shell: process.platform === 'win32' })
  }
  return tsc
}

async function main() {
  const { values } = parseArgs({ options: { pinned: { type: 'boolean' } } })
  const compilers = new Map([['pinned', pinned]])
  if (!values.pinned) for (const version of VERSIONS) compilers.set(version, await install(version))
  for (const [version, tsc] of compilers) {
    const problems = Object.entries(await compile(tsc))
    for (const [way, said] of problems) console.error(`TypeScript ${version}, ${way}:\n${said}`)
    console.log(`TypeScript ${version}: ${problems.length === 0 ? 'ok' : 'failed'}`)
    if (problems.length > 0) process.exitCode = 1
  }
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) await main()
