// How often Redis is asked for one job: what a turn takes longer by, whatever else the machine does.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { Fleet, FleetWorker } from '../../fleet/index.mjs'
import { jobScripts } from '../../fleet/job-scripts.js'
import { COMMON } from '../../fleet/script-common.js'
import { workerScripts } from '../../fleet/worker-scripts.js'
import { rigEnvironment, rigPath } from '../support/rig.mjs'
import { startRedis } from './support/redis.mjs'

const nameOf = new Map(
  Object.entries({ ...jobScripts, ...workerScripts }).map(([name, body]) => [
    createHash('sha1')
      .update(COMMON + body)
      .digest('hex'),
    name,
  ]),
)
/** What goes by the clock, or by how long a turn takes, and BullMQ's waiting for jobs. */
const BY_TIME = new Set(['append', 'checkpointed', 'beat', 'stale', 'graves', 'bzpopmin', 'info', 'ping'])

test('a job asks Redis no more often than it has to', async (t) => {
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  t.after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })
  const { url } = await startRedis({ after: (/** @type {() => Promise<void>} */ f) => void cleanups.push(f) })
  const { env } = rigEnvironment(t)
  /** @type {string[]} */
  let asked = []
  const { sendCommand } = Redis.prototype
  t.after(() => {
    Redis.prototype.sendCommand = sendCommand
  })
  Redis.prototype.sendCommand = function (command, stream) {
    const { name, args } = /** @type {{ name: string, args: unknown[] }} */ (command)
    const ours = name === 'evalsha' || name === 'eval' ? nameOf.get(`${args[0]}`) : name
    if (!BY_TIME.has(ours ?? '')) asked.push(ours ?? 'bullmq')
    return sendCommand.call(this, command, stream)
  }
  const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
  const worker = new FleetWorker({ connection: url, codex, store: null, signals: [], leaseMs: 600_000 })
  const fleet = new Fleet({ connection: url })
  cleanups.push(async () => {
    await fleet.close()
    await worker.close({ drainMs: 0 })
  })
  await worker.ready()
  const job = async () => {
    asked = []
    await (await fleet.submit('Hi', { key: 'a key' })).result()
    return asked.filter((name) => name !== 'bullmq')
  }
  const looking = ['subscribe', 'ended', 'unsubscribe']
  // So that every script is known to Redis and every queue to the fleet.
  await job()
  await job()
  await fleet.forget('a key')
  assert.deepEqual((await job()).sort(), ['submit', 'route', 'begin', 'sent', 'finish', ...looking].sort())
  const before = asked.length
  assert.deepEqual((await job()).sort(), ['submit', 'begin', 'finish', ...looking].sort())
  assert.ok(asked.length < before, `${asked.length} of a key that is here, ${before} of a new one`)
  // BullMQ's own: one adds, the others fetch until there is nothing more, and one ends the job.
  assert.ok(asked.filter((name) => name === 'bullmq').length <= 8, `${asked}`)
})
