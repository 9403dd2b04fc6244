// What the commands of a checkout need before they can begin: tools, and the packages of package-lock.json.

import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What a user can mend; shown without a stack. */
export class SetupError extends Error {}

/**
 * Installs the packages that are missing, if any.
 *
 * @throws {SetupError} Node is too old, there is no Rust, or npm could not install
 */
export async function setUp() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetupError(`Node ${process.versions.node} is too old: codex-node needs 20 or later`)
  }
  const { status, error } = spawnSync('cargo', ['--version'], { stdio: 'ignore', cwd: root })
  if (error !== undefined || status !== 0) {
    throw new SetupError('cargo does not run: codex-node is built with Rust, see https://rustup.rs')
  }
  if (await isInstalled()) return
  console.log('Installing the packages of package-lock.json ...')
  // Without scripts: no dependency needs its own, and ours would build the addon a second time.
  // With NODE_ENV=production npm would leave the tools out.
  npm([
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
}

/**
 * @param {string[]} args
 * @throws {SetupError} npm failed; it has said why
 */
export function npm(args) {
  runNpm(args, 'inherit')
}

/**
 * @param {string[]} args
 * @returns {string} what npm prints
 * @throws {SetupError} npm failed; it has said why
 */
export function npmOutput(args) {
  return runNpm(args, 'pipe')
}

/**
 * How npm is called.
 *
 * @param {string[]} args
 * @param {string} [script] the npm that runs us, under `npm run`; it is a script, and so needs no shell on Windows
 * @param {string} [platform]
 * @returns {{ program: string, given: string[], shell: boolean }}
 */
export function npmCall(args, script = process.env.npm_execpath ?? '', platform = process.platform) {
  if (basename(script) === 'npm-cli.js') {
    return { program: process.execPath, given: [script, ...args], shell: false }
  }
  const shell = platform === 'win32'
  // A shell takes a space in a folder's name for the end of it.
  return { program: 'npm', given: shell ? args.map((argument) => `"${argument}"`) : args, shell }
}

/** @param {string[]} args @param {'inherit' | 'pipe'} output */
function runNpm(args, output) {
  const { program, given, shell } = npmCall(args)
  const { status, error, stdout } = spawnSync(program, given, {
    cwd: root,
    stdio: ['ignore', output, 'inherit'],
    encoding: 'utf8',
    shell,
  })
  if (error !== undefined || status !== 0) {
    throw new SetupError(`npm ${args[0]} failed: ${error?.message ?? `status ${status}`}`)
  }
  return stdout ?? ''
}

/** Whether node_modules holds what package-lock.json asks for on this platform. */
async function isInstalled() {
  const [wanted, installed] = await Promise.all([
    readLock(join(root, 'package-lock.json')),
    // npm writes it last, so that a broken install has none.
    readLock(join(root, 'node_modules/.package-lock.json')),
  ])
  if (wanted === undefined || installed === undefined) return false
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    const found = installed[path]
    return found === undefined ? optional === true : found.version === version
  })
}

/**
 * @param {string} file
 * @returns {Promise<Record<string, { version?: string, optional?: boolean }> | undefined>}
 */
async function readLock(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8')).packages
  } catch {
    return undefined
  }
}
