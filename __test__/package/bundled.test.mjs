// Where a bundle looks for the addon.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/rig.mjs'

const glue = fileURLToPath(new URL('../../glue', import.meta.url))

/** The package of this platform as `bundled.js` names it, with an addon that says where it was loaded from. */
function packageName() {
  const { platform, arch } = process
  if (platform === 'win32') return `codex-node-${platform}-${arch}-msvc`
  if (platform !== 'linux') return `codex-node-${platform}-${arch}`
  const report = /** @type {any} */ (process.report).getReport()
  return `codex-node-linux-${arch}-${report.header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
}

/** @param {string} folder */
function plant(folder) {
  const at = join(folder, 'node_modules', packageName())
  mkdirSync(at, { recursive: true })
  writeFileSync(join(at, 'index.js'), `module.exports = ${JSON.stringify(folder)}`)
}

test('the addon comes from the bundle or the program, never from beside an argument', (t) => {
  const folder = temporaryFolder(t)
  const [bundle, repository, program] = ['bundle', 'repository', 'program'].map((name) => {
    const made = join(folder, name)
    mkdirSync(made)
    return made
  })
  cpSync(glue, join(/** @type {string} */ (bundle), 'glue'), { recursive: true })
  plant(/** @type {string} */ (repository))
  plant(/** @type {string} */ (program))
  const notes = join(/** @type {string} */ (repository), 'notes.txt')
  writeFileSync(notes, '')
  const code = `console.log(require(${JSON.stringify(join(/** @type {string} */ (bundle), 'glue/bundled.js'))}))`
  const main = join(/** @type {string} */ (program), 'main.cjs')
  writeFileSync(main, code)
  const node = (/** @type {string[]} */ ...args) => spawnSync(process.execPath, args, { encoding: 'utf8' })

  const evaluated = node('-e', code, notes)
  assert.equal(evaluated.stdout, '')
  assert.match(evaluated.stderr, /its addon was not found/)
  const piped = spawnSync(process.execPath, ['-', notes], { encoding: 'utf8', input: code })
  assert.equal(piped.stdout, '')
  assert.equal(node(main, notes).stdout.trim(), program)
})
