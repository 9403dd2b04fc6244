import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * The native codex of this platform, from the package that `@openai/codex` pulls in.
 *
 * @returns {Promise<string>}
 */
export function findCodex() {
  return nativeCodex(createRequire(import.meta.url).resolve('@openai/codex/package.json'))
}

/**
 * @param {string} within a file of an installed `@openai/codex`
 * @returns {Promise<string>}
 */
export async function nativeCodex(within) {
  // The platform package is a dependency of @openai/codex, which a strict installer does not hoist.
  const fromCodex = createRequire(within)
  const name = `@openai/codex-${process.platform}-${process.arch}`
  const vendor = join(dirname(fromCodex.resolve(`${name}/package.json`)), 'vendor')
  for (const target of (await readdir(vendor)).sort()) {
    const manifest = join(vendor, target, 'codex-package.json')
    if (!existsSync(manifest)) continue
    const { entrypoint } = JSON.parse(await readFile(manifest, 'utf8'))
    return join(vendor, target, entrypoint)
  }
  throw new Error(`no codex-package.json under ${vendor}`)
}

/**
 * What `codex` says of its own protocol.
 *
 * @param {string} codex path of the native binary
 * @returns {Promise<{ version: string, schema: any, typescript: Record<string, string> }>}
 */
export async function printProtocol(codex) {
  const root = await mkdtemp(join(tmpdir(), 'codex-protocol-'))
  try {
    const [home, codexHome, json, ts] = ['home', 'codex-home', 'json', 'ts'].map((name) => join(root, name))
    for (const dir of [home, codexHome, json, ts]) await mkdir(/** @type {string} */ (dir))
    // The user's own config and login must not show in a committed file.
    const env = { ...process.env, HOME: home, USERPROFILE: home, CODEX_HOME: codexHome }
    const server = (/** @type {string[]} */ ...args) =>
      run(codex, ['app-server', ...args, '--experimental'], { env })
    const [{ stdout }] = await Promise.all([
      run(codex, ['--version'], { env }),
      server('generate-json-schema', '--out', /** @type {string} */ (json)),
      server('generate-ts', '--out', /** @type {string} */ (ts)),
    ])
    const version = /(\d+\.\d+\.\d+\S*)\s*$/.exec(stdout)?.[1]
    if (!version) throw new Error(`no version in the output of ${codex} --version: ${stdout}`)
    /** @type {Record<string, string>} */
    const typescript = {}
    // Of two of one name the later is that of the protocol's second version.
    for (const folder of [/** @type {string} */ (ts), join(/** @type {string} */ (ts), 'v2')]) {
      for (const file of await readdir(folder)) {
        if (!file.endsWith('.ts')) continue
        typescript[file.slice(0, -'.ts'.length)] = await readFile(join(folder, file), 'utf8')
      }
    }
    const file = join(/** @type {string} */ (json), 'codex_app_server_protocol.schemas.json')
    return { version, schema: JSON.parse(await readFile(file, 'utf8')), typescript }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
