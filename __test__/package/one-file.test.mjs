// What index.js loads, in the one file in which it is published.

import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { oneFile } from '../../scripts/one-file.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

test('the published package loads one file in place of many, and each module once', (t) => {
  // Within the checkout, whose addon is found from there.
  const folder = mkdtempSync(join(root, 'target/one-file-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const names = ['index.js', 'package.json', 'binding.js', 'glue', 'exec', 'doctor']
  for (const name of names) cpSync(join(root, name), join(folder, name), { recursive: true })
  const checkout = createRequire(import.meta.url)(join(root, 'index.js'))
  const { early, late } = oneFile(folder)
  assert.ok(early.includes('glue/setup.js') && early.includes('glue/errors.js'))
  assert.ok(
    late.includes('glue/strict.js') && late.includes('doctor/index.js'),
    'what is loaded late stays so',
  )

  process.env.NAPI_RS_NATIVE_LIBRARY_PATH ??= addonOf(createRequire(import.meta.url).cache)
  const load = createRequire(join(folder, 'index.js'))
  const { CodexError, ...published } = load('./index.js')
  assert.deepEqual(Object.keys({ ...published, CodexError }).sort(), Object.keys(checkout).sort())
  const loaded = Object.keys(load.cache).filter((file) => file.startsWith(folder))
  assert.deepEqual(
    loaded.map((file) => file.slice(folder.length + 1)).sort(),
    ['binding.js', join('glue', 'all.js'), 'index.js', 'package.json'].sort(),
  )
  // Whoever requires a module by its own file, as the other entries do, gets that of the one file.
  assert.equal(load('./glue/errors.js').classes.CodexError, CodexError)
  assert.equal(typeof load('./exec/index.js').Codex, 'function')
  // Bundlers warn of files that require each other in a circle.
  const required = (/** @type {string} */ file) =>
    [...readFileSync(join(folder, 'glue', file), 'utf8').matchAll(/require\('(\.[^']*\.js)'\)/g)].map(
      ([, name]) => name,
    )
  assert.deepEqual(
    ['all', 'late', 'bundled'].map((name) => required(`${name}.js`)),
    [['./late.js'], [], []],
  )
  assert.equal(load('./glue/strict.js'), load('./glue/all.js')('glue/strict.js'))
  assert.equal(typeof load('./doctor/index.js').diagnose, 'function')
  assert.throws(() => oneFile(folder), /already/)
})

/** The addon that this process has. @param {NodeJS.Dict<NodeModule>} cache */
function addonOf(cache) {
  const file = Object.keys(cache).find((name) => name.endsWith('.node'))
  assert.ok(file !== undefined)
  return file
}

test('each entry in CommonJS shows all its names to whoever reads them without running it', async () => {
  const load = createRequire(import.meta.url)
  const { exports } = load('../../package.json')
  const entries = Object.values(exports).flatMap((entry) => entry.require?.default ?? [])
  assert.ok(entries.length > 8)
  for (const entry of entries) {
    const file = join(root, entry)
    const seen = await import(pathToFileURL(file).href)
    for (const [name, value] of Object.entries(load(file)))
      assert.equal(seen[name], value, `${entry}: ${name}`)
  }
})
