// The cells of the table as tests.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { expected } from './expected.mjs'
import { faults, memoryLimit } from './faults.mjs'
import { play } from './stage.mjs'
import { states } from './states.mjs'

/** The bound of `close()`: all its graces, on a machine that is busy. */
const CLOSE_MS = 10_000

/** @typedef {readonly [fault: string, state: string]} Name */

/** All that can be played. @type {Name[]} */
export const playable = Object.entries(expected).flatMap(([fault, row]) =>
  Object.entries(row).flatMap(([state, cell]) =>
    'why' in cell ? [] : [/** @type {const} */ ([fault, state])],
  ),
)

/**
 * One test for each.
 *
 * @param {string} title
 * @param {readonly Name[]} names
 */
export function playAll(title, names) {
  // They wait more than they compute.
  describe(title, { concurrency: 6 }, () => {
    for (const [faultName, stateName] of names) {
      const fault = /** @type {import('./faults.mjs').Fault} */ (faults[faultName])
      const how = faultName === 'memory' ? ` (by ${memoryLimit.kind})` : ''
      test(`${fault.title}${how}: ${states[stateName]?.title}`, async (t) => {
        const cell = expected[faultName]?.[stateName]
        assert.ok(cell !== undefined && !('why' in cell))
        const played = await play(t, fault, stateName)
        const said = JSON.stringify(played, null, 1)
        for (const [name, { gives }] of Object.entries(played.pending)) {
          assert.ok(isOf(cell.meanwhile, name, gives), `${name} gives ${gives}: ${said}`)
        }
        assert.ok(cell.next.includes(played.next.gives), `the next call gives ${played.next.gives}: ${said}`)
        assert.ok(
          cell.after.includes(played.after.gives),
          `the one after gives ${played.after.gives}: ${said}`,
        )
        assert.deepEqual(played.left, { descriptors: [], files: [], processes: [] }, said)
        assert.ok(played.closeMs < CLOSE_MS, said)
        const { code, signal, stderr } = played.ended
        if (fault.ends) assert.equal(signal, 'SIGKILL', said)
        else assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' }, said)
      })
    }
  })
}

/** @param {import('./expected.mjs').Meanwhile} meanwhile @param {string} name @param {string} gives */
function isOf(meanwhile, name, gives) {
  return meanwhile[name]?.includes(gives) ?? false
}
