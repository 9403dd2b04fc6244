// One name is one type, over all entries of the package.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** @type {Record<string, any>} */
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The names in the braces of an export, as those outside know them, with those inside. @param {string} list */
function namesIn(list) {
  const names = list.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '').split(',')
  return names.flatMap((name) => {
    const [inside, outside = inside] = name
      .trim()
      .replace(/^type\s+/, '')
      .split(/\s+as\s+/)
    return inside ? [[outside, inside]] : []
  })
}

/**
 * What a file of types exports, with the file that declares it.
 *
 * @param {string} file
 * @returns {Map<string, string>}
 */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8')
  /** @type {Map<string, string>} */
  const found = new Map()
  const beside = (/** @type {string} */ from) =>
    from.startsWith('.') ? join(dirname(file), from.replace(/\.(m?)js$/, '.d.$1ts')) : undefined
  const declared = /^export (?:declare )?(?:abstract )?(?:class|interface|type|enum|namespace) (\w+)/gm
  for (const [, name] of text.matchAll(declared)) found.set(String(name), `${relative(root, file)} ${name}`)
  const place = (/** @type {string} */ inside, /** @type {string | undefined} */ from) => {
    const there = from === undefined ? undefined : beside(from)
    return (there && exportsOf(there).get(inside)) ?? `${from ?? relative(root, file)} ${inside}`
  }
  /** @type {Map<string, [string, string | undefined]>} what it has from other files, and hands on by name alone */
  const imported = new Map()
  /** @type {[string, string][]} */
  const later = []
  const clauses = /^(import|export)(?: type)? \{([^}]*)\}(?: from '([^']+)')?/gm
  for (const [, word, list = '', from] of text.matchAll(clauses)) {
    for (const [outside = '', inside = ''] of namesIn(list)) {
      if (word === 'import') imported.set(outside, [inside, from])
      else if (from !== undefined) found.set(outside, place(inside, from))
      else later.push([outside, inside])
    }
  }
  for (const [outside, inside] of later) {
    found.set(outside, place(...(imported.get(inside) ?? /** @type {const} */ ([inside, undefined]))))
  }
  for (const [, from = ''] of text.matchAll(/^export \* from '([^']+)'/gm)) {
    const there = beside(from)
    assert.ok(there !== undefined && existsSync(there), `${file}: ${from}`)
    for (const [name, place] of exportsOf(there)) found.set(name, found.get(name) ?? place)
  }
  return found
}

test('a name that several entries export is one type, but for those of @openai/codex-sdk', () => {
  const sdk = readFileSync(join(root, 'node_modules/@openai/codex-sdk/dist/index.d.ts'), 'utf8')
  const theirs = new Set(
    [...sdk.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list = '']) =>
      namesIn(list).map(([name]) => name),
    ),
  )
  assert.ok(theirs.has('ThreadOptions'))
  /** @type {Map<string, Map<string, string>>} by name, the entries of each type */
  const places = new Map()
  const entries = Object.entries(exports).filter(([, { require }]) => require?.types)
  assert.ok(entries.length >= 8, `${entries.length}`)
  for (const [entry, { require }] of entries) {
    const all = exportsOf(join(root, require.types))
    assert.ok(all.size > 0, entry)
    for (const [name, place] of all) {
      places.set(name, (places.get(name) ?? new Map()).set(place, entry))
    }
  }
  assert.equal(places.get('TurnEvent')?.size, 1)
  const twice = [...places].filter(([, types]) => types.size > 1)
  const isForced = (/** @type {[string, Map<string, string>]} */ [name, types]) =>
    theirs.has(name) && [...types.values()].sort().join() === '.,./exec'
  assert.deepEqual(
    twice.filter((one) => !isForced(one)).map(([name, types]) => [name, ...types]),
    [],
  )
  assert.ok(twice.some(([name]) => name === 'Codex'))
})
