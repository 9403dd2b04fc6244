import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { npm, root, SetupError } from '../setup.mjs'

/**
 * Another codex from npm, downloaded once.
 *
 * @param {string} version
 * @returns {Promise<string>} a path for CODEX_PATH
 */
export async function installCodex(version) {
  if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(version))
    throw new SetupError(`--codex wants a version, not "${version}"`)
  const folder = join(root, '.cache/codex', version)
  const launcher = join(folder, 'node_modules/@openai/codex/bin/codex.js')
  if (!existsSync(launcher)) {
    await mkdir(folder, { recursive: true })
    console.log(`Downloading codex ${version} to ${folder} ...`)
    const quietly = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
    npm(['install', '--prefix', folder, ...quietly, `@openai/codex@${version}`])
  }
  return launcher
}
