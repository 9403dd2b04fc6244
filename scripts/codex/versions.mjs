import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npmOutput, root, SetupError } from '../setup.mjs'

const VERSION = /^\d+\.\d+\.\d+[\w.-]*$/
/** Where a user reads which codex the types are of. */
const NAMING = ['README.md', 'CHANGELOG.md']

/**
 * @param {string} wanted a version, `latest` or another tag of npm, or `oldest`: what peerDependencies ask for
 * @returns {Promise<string>}
 */
export async function resolveVersion(wanted) {
  if (VERSION.test(wanted)) return wanted
  if (wanted === 'oldest') return oldestVersion()
  if (!/^[a-z][\w-]*$/.test(wanted))
    throw new SetupError(`a version of codex, latest or oldest, not "${wanted}"`)
  const version = npmOutput(['view', `@openai/codex@${wanted}`, 'version']).trim()
  if (!VERSION.test(version)) throw new SetupError(`npm knows no @openai/codex@${wanted}`)
  return version
}

/** The version that HEAD pins, whatever was installed since. */
export async function pinnedVersion() {
  const text = execFileSync('git', ['show', 'HEAD:package.json'], { cwd: root, encoding: 'utf8' })
  return String(JSON.parse(text).devDependencies['@openai/codex'])
}

export async function oldestVersion() {
  const { peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const range = String(peerDependencies['@openai/codex'])
  const version = /^>=(\d+\.\d+\.\d+)$/.exec(range)?.[1]
  if (version === undefined) throw new SetupError(`peerDependencies: no oldest codex in ${range}`)
  return version
}

/**
 * Writes the new version where users read which one the types are of.
 *
 * @param {string} from
 * @param {string} to
 */
export async function nameVersion(from, to) {
  for (const name of NAMING) {
    const file = join(root, name)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replaceAll(`codex ${from}`, `codex ${to}`))
  }
}
