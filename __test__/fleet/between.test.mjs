// A worker that is killed between any two things that it asks of Redis: another goes on, each job ends once, nothing is
// asked of the agent twice.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fleet, FleetWorker } from '../../fleet/index.mjs'
import { RigLog, rigEnvironment, rigPath } from '../support/rig.mjs'
import { startFleet } from './support/fleet.mjs'

/** After how many commands the first worker is killed: more than two jobs have. */
const CUTS = 28
const AT_ONCE = 7
/** Every fourth, where not all are asked for: `npm run test:fleet` does. */
const EACH = process.env.FLEET_CUTS === 'all' ? 1 : 4

describe('between', () => {
  const cleanups = /** @type {(() => unknown)[]} */ ([])
  const inside = { after: (/** @type {() => any} */ f) => void cleanups.push(f) }
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  before(async () => {
    it = await startFleet(inside)
  })
  after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })

  /** @param {number} cut @returns {Promise<string[]>} what the agent was asked of what was submitted */
  async function killAfter(cut) {
    // What whoever goes on looks for, and puts there.
    const on = {
      'thread/items/list': { reply: { data: [], nextCursor: null, backwardsCursor: null } },
      'thread/inject_items': { reply: {} },
    }
    const { env, log } = rigEnvironment(/** @type {any} */ (inside), { on })
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const common = { fleet: `cut-${cut}`, codex, store: null, concurrency: 2 }
    const first = await it.machine('first', { ...common, leaseMs: 2_000, cut })
    await first.heard('ready')
    const { connection } = it
    const fleet = new Fleet({ connection, fleet: common.fleet })
    first.child.send('count')
    const jobs = [await fleet.submit('one', { key: 'k' }), await fleet.submit('two', { key: 'k' })]
    const second = new FleetWorker({ ...common, connection, name: 'second', leaseMs: 8_000, signals: [] })
    try {
      const ends = []
      for (const job of jobs) {
        assert.equal((await job.result()).status, 'completed')
        const methods = []
        for await (const { method } of job.events()) methods.push(method)
        assert.equal(methods.filter((method) => method === 'fleet/ended').length, 1)
        ends.push(Number((await job.status()).endedAt))
      }
      assert.deepEqual(
        ends,
        [...ends].sort((a, b) => a - b),
      )
      assert.equal((await fleet.stats()).jobs.pending, 0)
    } finally {
      await first.kill()
      await second.close({ drainMs: 0 })
      await fleet.close()
    }
    return new RigLog(log.file)
      .messages('turn/start')
      .map(({ params }) => params.input[0].text)
      .filter((text) => text === 'one' || text === 'two')
  }

  for (let from = 0; from < CUTS; from += AT_ONCE * EACH) {
    const cuts = Array.from({ length: AT_ONCE }, (_, index) => from + index * EACH)
    test(`killed after ${cuts.join(', ')} commands`, async () => {
      for (const [index, asked] of (await Promise.all(cuts.map(killAfter))).entries()) {
        assert.deepEqual(asked, [...new Set(asked)].sort(), `${cuts[index]}`)
      }
    })
  }
})
