// A worker that dies between any two things that it asks of Redis: another goes on, each job ends once, nothing is asked
// of the agent twice.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { Fleet, FleetWorker } from '../../fleet/index.mjs'
import { RigLog, rigEnvironment, rigPath } from '../support/rig.mjs'
import { startRedis } from './support/redis.mjs'

/** How many commands of the first worker are heard; more than a job has. */
const CUTS = 28
const AT_ONCE = 7

/** What a worker may still ask, by the name of its connections. @type {Map<string, number>} */
const left = new Map()
/** Ends what waits for an answer that never comes. @type {Map<string, ((why: Error) => void)[]>} */
const hanging = new Map()
const { sendCommand } = Redis.prototype

/** @this {Redis} @param {any} command @param {any} stream */
function sendUntilDead(command, stream) {
  const name = this.options.connectionName ?? ''
  const rest = left.get(name)
  if (rest === undefined) return sendCommand.call(this, command, stream)
  left.set(name, rest - 1)
  // To Redis it is as dead as a process that was killed.
  if (rest > 0) return sendCommand.call(this, command, stream)
  return new Promise((_, reject) => hanging.get(name)?.push(reject))
}

describe('between', () => {
  const cleanups = /** @type {(() => unknown)[]} */ ([])
  const inside = { after: (/** @type {() => any} */ f) => void cleanups.push(f) }
  /** @type {Awaited<ReturnType<typeof startRedis>>} */
  let redis
  before(async () => {
    redis = await startRedis(inside)
    Redis.prototype.sendCommand = sendUntilDead
  })
  after(async () => {
    for (const clean of cleanups.reverse()) await clean()
    Redis.prototype.sendCommand = sendCommand
  })

  /** @param {number} cut */
  async function dieAfter(cut) {
    const name = `cut-${cut}`
    const { env, log } = rigEnvironment(/** @type {any} */ (inside))
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const common = { fleet: name, codex, store: null, signals: [], concurrency: 2 }
    const connection = { ...redis.at, connectionName: name }
    const first = new FleetWorker({ ...common, connection, name: 'first', leaseMs: 2_000 })
    await first.ready()
    const fleet = new Fleet({ connection: redis.url, fleet: name })
    hanging.set(name, [])
    left.set(name, cut)
    const jobs = [await fleet.submit('one', { key: 'k' }), await fleet.submit('two', { key: 'k' })]
    const second = new FleetWorker({ ...common, connection: redis.url, name: 'second', leaseMs: 16_000 })
    try {
      const ends = []
      for (const job of jobs) {
        assert.equal((await job.result()).status, 'completed')
        const methods = []
        for await (const { method } of job.events()) methods.push(method)
        assert.equal(methods.filter((method) => method === 'fleet/ended').length, 1)
        ends.push((await job.status()).endedAt)
      }
      assert.ok(Number(ends[0]) <= Number(ends[1]))
    } finally {
      await second.close({ drainMs: 0 })
      await fleet.close()
      left.delete(name)
      for (const reject of hanging.get(name) ?? []) reject(new Error('it was dead'))
      await first.close({ drainMs: 0 })
    }
    return new RigLog(log.file)
      .messages('turn/start')
      .map(({ params }) => params.input[0].text)
      .filter((text) => text === 'one' || text === 'two')
  }

  for (let from = 0; from < CUTS; from += AT_ONCE) {
    const cuts = Array.from({ length: AT_ONCE }, (_, index) => from + index)
    test(`dead after ${from} to ${from + AT_ONCE - 1} commands`, async () => {
      for (const [index, asked] of (await Promise.all(cuts.map(dieAfter))).entries()) {
        assert.ok(new Set(asked).size === asked.length, `${cuts[index]}: ${asked}`)
        assert.deepEqual(asked, [...asked].sort(), `${cuts[index]}: ${asked}`)
      }
    })
  }
})
