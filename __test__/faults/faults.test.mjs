// Each fault, and each state of a client: a part of all that `npm run test:faults` plays. And the page that users read.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { playAll } from './cells.mjs'
import { expected } from './expected.mjs'
import { faults } from './faults.mjs'
import { states } from './states.mjs'
import { withTables } from './table.mjs'

test('every fault has its cell for every state', () => {
  assert.deepEqual(Object.keys(expected), Object.keys(faults))
  for (const row of Object.values(expected)) assert.deepEqual(Object.keys(row), Object.keys(states))
})

test('docs/faults.md has what is tested: npm run test:faults -- --write', () => {
  const page = readFileSync(new URL('../../docs/faults.md', import.meta.url), 'utf8')
  assert.equal(page, withTables(page))
})

// The others are of Linux: its limits, its disks, its /proc. What other systems do is tested part by part.
if (process.platform === 'linux') {
  playAll('faults', [
    ['killCodex', 'approval'],
    ['stopCodex', 'exec'],
    ['killProgram', 'tool'],
    ['drop', 'review'],
    ['halfOpen', 'steering'],
    ['diskFull', 'starting'],
    ['temporaryFull', 'exec'],
    ['descriptors', 'idle'],
    ['descriptorsOfCodex', 'starting'],
    ['memory', 'compaction'],
    ['clock', 'streaming'],
  ])
}
