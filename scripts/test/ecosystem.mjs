// What the tests of runtimes, bundlers and hosts share: a project of a user with the packed packages, and programs that
// are run in it, one after the other, with a codex from elsewhere.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildAddon } from '../build.mjs'
import { root, setUp } from '../setup.mjs'

/** After which time a program that has not ended is killed; machines of a CI are slow. */
const LIMIT_MS = 300_000

/**
 * Packs the packages, the addon first where there is none, and installs them into a project.
 *
 * @param {string} project its folder; what was installed in there before stays
 * @param {object} [manifest] its package.json
 */
export async function prepare(project, manifest = {}) {
  await setUp()
  if (!readdirSync(root).some((name) => name.endsWith('.node'))) await buildAddon()
  // Only now: it needs what has just been installed.
  const { installPackages, packPackages } = await import('./package.mjs')
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, ...manifest }, null, 2))
  // Paths of tarballs that are gone would be in it.
  rmSync(join(project, 'package-lock.json'), { force: true })
  const packed = mkdtempSync(join(tmpdir(), 'codex-node-packed-'))
  try {
    console.log(`Installing into ${project} ...`)
    installPackages(project, await packPackages(packed), '--prefer-offline')
  } finally {
    rmSync(packed, { recursive: true, force: true, maxRetries: 10 })
  }
  return { env: environment(), ...runner() }
}

/** An environment in which nothing of the user's is found, but the codex to test with. */
export function environment() {
  const wanted =
    /^(PATH|PATHEXT|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|TEMP|TMP|TMPDIR|HOME|USERPROFILE|LANG)$/i
  const passed = Object.entries(process.env).filter(([name]) => wanted.test(name))
  const { CODEX_PATH = join(root, 'node_modules/@openai/codex/bin/codex.js') } = process.env
  if (!existsSync(CODEX_PATH)) throw new Error(`${CODEX_PATH} is missing`)
  return /** @type {NodeJS.ProcessEnv} */ ({ ...Object.fromEntries(passed), CODEX_PATH })
}

export function runner() {
  /** @type {string[]} */
  const failed = []
  let count = 0

  /**
   * Says how something went.
   *
   * @param {string} name
   * @param {number} started
   * @param {string | undefined} wrong
   * @param {string} [output]
   */
  function report(name, started, wrong, output = '') {
    count += 1
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`
    console.log(`  ${wrong === undefined ? 'ok  ' : 'FAIL'} ${name} (${took})`)
    if (wrong === undefined) return true
    failed.push(name)
    console.log(`${wrong}\n${output.trim().split('\n').slice(-40).join('\n')}\n`)
    return false
  }

  /**
   * Runs a program to its end, and says how it went.
   *
   * @param {string} name
   * @param {string} program
   * @param {string[]} args
   * @param {{ cwd: string, env: NodeJS.ProcessEnv, says?: RegExp, never?: RegExp, shell?: boolean }} options what its output
   *   has to match, and what it must not
   * @returns {Promise<boolean>}
   */
  async function run(name, program, args, { cwd, env, says = /passed/, never, shell = false }) {
    const started = Date.now()
    const { output, ended } = await play(program, args, { cwd, env, shell })
    return report(name, started, ended ?? unsaid(output, says, never), output)
  }

  /** Says how it all went. */
  function summary() {
    console.log(
      failed.length === 0 ? `${count} passed` : `${failed.length} of ${count} failed: ${failed.join(', ')}`,
    )
    return failed.length === 0
  }

  return { run, summary, report }
}

/**
 * @param {string} output
 * @param {RegExp} says
 * @param {RegExp} [never]
 */
function unsaid(output, says, never) {
  if (!says.test(output)) return `It did not say ${says}:`
  const found = never?.exec(output)
  if (found) return `It said ${found[0]}:`
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<{ output: string, ended?: string }>}
 */
function play(program, args, options) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    child.once('error', (error) => resolve({ output, ended: `It does not run: ${error.message}` }))
    child.once('close', (code, signal) => {
      clearTimeout(limit)
      resolve(code === 0 ? { output } : { output, ended: `It ended with ${signal ?? `status ${code}`}:` })
    })
  })
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
