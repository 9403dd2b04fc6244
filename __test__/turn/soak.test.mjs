// What a program holds that runs for long: a small run of `npm run soak`, and what that would find.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { judge } from '../../scripts/soak/flat.mjs'
import { measuredPart, pageText } from '../../scripts/soak/page.mjs'
import { soak } from '../../scripts/soak/start.mjs'
import { rigPath } from '../support/rig.mjs'

test('turns of all kinds leave nothing behind', { timeout: 170_000 }, async () => {
  const order = { on: /** @type {const} */ ('scripted'), executable: rigPath, turns: 1000, lanes: 4 }
  const { samples, counts, leftBehind } = await soak({ ...order, samples: 20, seed: 1 })
  const { kinds } = await import('../../scripts/soak/kinds.mjs')
  assert.deepEqual(
    Object.keys(kinds).filter((kind) => !counts[kind]),
    [],
  )
  // So few turns say nothing of what the allocators keep, and V8 still compiles: 2 KB for each turn are found.
  const grown = judge(samples).filter(({ name, second, last, flat }) =>
    name === 'heapUsed' ? last - second > 1.5e6 : !flat && name !== 'rss',
  )
  assert.deepEqual(grown, [])
  assert.equal(leftBehind, 0)
})

/** @typedef {import('../../scripts/soak/measure.mjs').Sample} Sample */
const one = { rss: 90e6, heapUsed: 9e6, external: 2e6, listeners: 5, resources: 2 }
const still = { ...one, descriptors: 40, threads: 15, processes: 4 }

for (const [name, perTurn] of Object.entries({
  rss: 32,
  heapUsed: 1,
  external: 1,
  listeners: 1e-4,
  resources: 1e-4,
  descriptors: 1e-4,
  threads: 1e-4,
  processes: 1e-4,
})) {
  test(`what a million turns add to ${name} is found`, () => {
    const samples = Array.from({ length: 100 }, (_, at) => {
      const turns = (at + 1) * 10_000
      const sample = /** @type {Record<string, number>} */ ({ turns, ...still })
      sample[name] = Math.floor((sample[name] ?? 0) + perTurn * turns)
      return /** @type {any} */ (sample)
    })
    const found = judge(samples).flatMap((series) => (series.flat ? [] : [series.name]))
    assert.deepEqual(found, [name])
  })
}

test('docs/long-running.md has the figures of bench/soak.json', () => {
  const read = (/** @type {string} */ path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const words = (/** @type {string} */ text) => text.replace(/[\s-]+/g, ' ')
  const measured = pageText(JSON.parse(read('bench/soak.json')))
  assert.equal(words(measuredPart(read('docs/long-running.md'))), words(measured))
})
