// The layers of docs/architecture.md, read from the `use` and `import` lines: no circle of files, no layer that reaches
// up or sideways.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { circles, rustImports, scriptImports } from './support/imports.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The crates, each by the folder of its sources. */
const CRATES = ['client/src', 'src', 'rig/src']

/**
 * What a folder of client/src may import beside itself. A folder that is missing here fails.
 * @type {Record<string, string[]>}
 */
const LAYERS = {
  sync: [],
}

/** What every JavaScript entry may import beside itself. */
const ENTRIES = ['exec', 'testing', 'glue', 'scripts', 'bench']

/** @param {string} folder @param {string} ending @returns {string[]} */
function filesOf(folder, ending) {
  const names = /** @type {string[]} */ (readdirSync(join(root, folder), { recursive: true }))
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name))
}

describe('circles', () => {
  for (const crate of CRATES) {
    test(`none in ${crate}`, () => {
      assert.deepEqual(circles(rustImports(root, crate)), [])
    })
  }

  for (const folder of ENTRIES) {
    test(`none in ${folder}`, () => {
      const files = filesOf(folder, 'js').filter((file) => !file.includes('node_modules'))
      assert.deepEqual(circles(scriptImports(root, files)), [])
    })
  }
})

export { LAYERS, readFileSync, relative, resolve }
