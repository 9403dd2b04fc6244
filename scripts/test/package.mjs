// The two packages that are published for this platform, packed from the checkout as the release workflow packs them,
// and installed as a user installs them.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { NapiCli } from '@napi-rs/cli'
import { oneFile } from '../one-file.mjs'
import { root } from '../setup.mjs'

/**
 * Packs codex-node without an addon, and the addon as the package of this platform.
 *
 * @param {string} folder to work in and to leave the tarballs in
 */
export async function packPackages(folder) {
  const stage = join(folder, 'stage')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const abi = platformAbi()
  const platformName = `${manifest.name}-${abi}`
  mkdirSync(stage, { recursive: true })
  // npm itself picks what `files` names: here it is enough to have all that could be meant.
  const tops = new Set([...manifest.files, 'README.md', 'LICENSE'].map((name) => name.split('/')[0]))
  for (const name of tops) {
    if (name === '*.node') continue
    const filter = (/** @type {string} */ path) => basename(path) !== 'node_modules'
    cpSync(join(root, name), join(stage, name), { recursive: true, filter })
  }
  oneFile(stage)
  // As `napi pre-publish` does, which names the other platforms, too.
  const published = { ...manifest, optionalDependencies: { [platformName]: manifest.version } }
  writeFileSync(join(stage, 'package.json'), JSON.stringify(published, null, 2))
  await new NapiCli().createNpmDirs({ cwd: stage })
  const platform = join(stage, 'npm', abi)
  const addon = join(platform, `${manifest.napi.binaryName}.${abi}.node`)
  copyFileSync(join(root, basename(addon)), addon)
  // The addon of a checkout is mostly debug information, which takes long to pack.
  if (process.platform === 'linux') spawnSync('strip', ['--strip-debug', addon], { stdio: 'ignore' })

  const [self, beside] = [stage, platform].map((from) => {
    const [{ filename, files }] = JSON.parse(
      npm(folder, 'pack', '--json', '--ignore-scripts', from.replaceAll('\\', '/')).stdout,
    )
    const paths = /** @type {{ path: string }[]} */ (files).map(({ path }) => path)
    return { tarball: join(folder, filename), files: paths }
  })
  if (self === undefined || beside === undefined) throw new Error('npm packed nothing')
  return { self, platform: { ...beside, name: platformName } }
}

/**
 * Installs both into a folder as `npm install` does, and what else its package.json asks for; no codex, which is an
 * optional peer.
 *
 * @param {string} folder a project; made if it is not there
 * @param {Awaited<ReturnType<typeof packPackages>>} packages
 * @param {'--offline' | '--prefer-offline'} [network] what else there is has to be fetched, or nothing
 * @returns {string} what npm said on stderr
 */
export function installPackages(folder, packages, network = '--offline') {
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(folder, 'package.json')))
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const tarballs = [packages.platform.tarball, packages.self.tarball].map((path) =>
    path.replaceAll('\\', '/'),
  )
  return npm(folder, 'install', network, '--no-audit', '--no-fund', ...tarballs).stderr
}

/**
 * @param {string} cwd
 * @param {string[]} args
 */
export function npm(cwd, ...args) {
  const shell = process.platform === 'win32'
  // A shell takes a space in a folder's name for the end of it.
  const given = shell ? args.map((argument) => `"${argument}"`) : args
  const done = spawnSync('npm', given, { cwd, shell, encoding: 'utf8', maxBuffer: 64 << 20 })
  if (done.error !== undefined || done.status !== 0) {
    // What its scripts said is in the one or the other.
    const said = [done.stdout, done.stderr].map((text) => text?.trimEnd().slice(-4000)).filter(Boolean)
    throw new Error(`npm ${args.join(' ')}: ${done.error?.message ?? said.join('\n')}`)
  }
  return done
}

/** This platform as the addon's file and the platform packages name it: that of the addon in the checkout. */
function platformAbi() {
  const own = `${process.platform}-${process.arch}`
  const report = /** @type {any} */ (process.report?.getReport() ?? {})
  const libc = report.header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu'
  const abi = { linux: `${own}-${libc}`, win32: `${own}-msvc` }[String(process.platform)] ?? own
  if (!readdirSync(root).includes(`codex-node.${abi}.node`)) {
    throw new Error(`codex-node.${abi}.node is missing: npm run build`)
  }
  return abi
}
