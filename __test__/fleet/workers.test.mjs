// Workers that begin, lose their lease and leave while something else is wrong.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Cluster } from 'ioredis'
import { Fleet, FleetError, FleetWorker } from '../../fleet/index.mjs'
import { TurnFailedError } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { startRedis } from './support/redis.mjs'

const pair = fileURLToPath(new URL('./support/pair.mjs', import.meta.url))

// Side by side: they wait more than they work.
describe('workers', { timeout: 120_000, concurrency: true }, () => {
  const cleanups = /** @type {(() => unknown)[]} */ ([])
  /** @type {Awaited<ReturnType<typeof startRedis>>} */
  let redis
  before(async () => {
    redis = await startRedis({ after: (/** @type {() => unknown} */ f) => void cleanups.push(f) })
  })
  after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })

  /** What an event comes with; unlike `once()`, also where there is trouble meanwhile. @param {FleetWorker} worker @param {any} event */
  const told = (worker, event) => new Promise((resolve) => worker.once(event, resolve))

  /**
   * @param {import('node:test').TestContext} t
   * @param {string} fleet
   * @param {object} [script]
   */
  const optionsOf = (t, fleet, script) => {
    const { env, log } = rigEnvironment(t, script)
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const options = { connection: redis.url, fleet, codex, store: null, leaseMs: 60_000, signals: [] }
    return { options, log, runs: () => log.entries().filter(({ run }) => run !== undefined) }
  }

  test('one that does not reach Redis can be closed, and leaves no codex', async (t) => {
    const { options, log } = optionsOf(t, 'away')
    const worker = new FleetWorker({ ...options, connection: 'redis://127.0.0.1:1' })
    const ready = rejection(worker.ready(), Error)
    const { pid } = await log
      .find(({ in: message }) => message?.method === 'initialized')
      .then(() => log.entries()[0])
    await worker.close()
    assert.equal(/** @type {any} */ (await ready).code, 'FLEET_CLOSED')
    await gone(pid)
  })

  test('one whose codex does not answer can be closed', async (t) => {
    const { options, log } = optionsOf(t, 'mute', { on: { initialize: [['never']] } })
    const worker = new FleetWorker(options)
    const { pid } = await log.find(({ run }) => run !== undefined)
    await Promise.all([worker.close(), worker.close()])
    await gone(pid)
  })

  test('one that Redis refuses begins when it has room, with one codex at a time', async (t) => {
    const ends = /** @type {(() => unknown)[]} */ ([])
    t.after(async () => {
      for (const end of ends.reverse()) await end()
    })
    const own = await startRedis({ after: (/** @type {() => unknown} */ end) => void ends.push(end) })
    const { options, runs } = optionsOf(t, 'full')
    await own.redis.config('SET', 'maxmemory', '1')
    const worker = new FleetWorker({ ...options, connection: own.url, leaseMs: 1_000 })
    ends.push(() => worker.close())
    const refused = async () => {
      for (let count = 0; count < 4; count++) assert.match(String(await told(worker, 'error')), /OOM/)
    }
    worker.on('error', () => {})
    await refused()
    await own.redis.config('SET', 'maxmemory', '0')
    await worker.ready()
    // The same where it had begun, and has lost its lease.
    const lost = told(worker, 'lost')
    const [session = ''] = await own.redis.zrange('{full}.alive', '0', '0')
    await own.redis.config('SET', 'maxmemory', '1')
    await own.redis.zrem('{full}.alive', session)
    await lost
    const before = runs().length
    await told(worker, 'error')
    await refused()
    await own.redis.config('SET', 'maxmemory', '0')
    await worker.ready()
    assert.ok(runs().length > before)
    assert.equal(runs().filter(({ pid }) => isAlive(pid)).length, 1)
  })

  test('one that lost its lease is still paused by the limit of its account', async (t) => {
    const { options } = optionsOf(t, 'limit')
    const worker = new FleetWorker({ ...options, leaseMs: 1_000, account: 'all' })
    t.after(() => worker.close())
    const fleet = new Fleet({ connection: redis.url, fleet: 'limit' })
    t.after(() => fleet.close())
    await worker.ready()
    const until = Date.now() + 600_000
    const limited = told(worker, 'limited')
    await redis.redis.set('{limit}.limit:all', until, 'PXAT', until)
    await limited
    const lost = told(worker, 'lost')
    const [{ session }] = /** @type {any} */ ((await fleet.stats()).workers)
    await redis.redis.del('{limit}.limit:all')
    await redis.redis.zrem('{limit}.alive', session)
    await lost
    await worker.ready()
    const job = await fleet.submit('Hi', { key: 'k' })
    // Long enough to take it.
    for (let beats = 0, last = ''; beats < 3; ) {
      const beat = (await redis.redis.get('{limit}.beat')) ?? ''
      if (beat !== last) beats++
      last = beat
    }
    assert.equal((await job.status()).state, 'waiting')
    assert.equal((await fleet.stats()).workers.at(-1)?.state, 'limited')
  })

  test('jobs of a key whose priorities are against their order run in that, one after the other', async (t) => {
    const { options } = optionsOf(t, 'against')
    const fleet = new Fleet({ connection: redis.url, fleet: 'against' })
    t.after(() => fleet.close())
    const jobs = []
    for (let n = 0; n < 30; n++) {
      jobs.push(await fleet.submit(`${n}`, { key: 'k', job: { priority: 30 - n } }))
    }
    const worker = new FleetWorker({ ...options, concurrency: 2 })
    t.after(() => worker.close())
    /** @type {number[]} */
    const ended = []
    // Those that waited at the worker, and those that it gave back: none waits until it comes again by itself.
    await Promise.all(jobs.map((job, n) => job.result().then(() => ended.push(n))))
    assert.deepEqual(
      ended,
      jobs.map((_, n) => n),
    )
  })

  test('a cluster has a fleet in one slot', async (t) => {
    // What is of Redis ends last.
    const ends = /** @type {(() => unknown)[]} */ ([])
    t.after(async () => {
      for (const end of ends.reverse()) await end()
    })
    const later = { after: (/** @type {() => unknown} */ end) => void ends.push(end) }
    const one = await startRedis(later, ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'])
    await one.redis.cluster('ADDSLOTSRANGE', 0, 16_383)
    while (!/cluster_state:ok/.test(await one.redis.cluster('INFO')));
    const connection = new Cluster([one.url])
    later.after(() => connection.disconnect())
    const worker = new FleetWorker({ ...optionsOf(t, 'cluster').options, connection })
    later.after(() => worker.close())
    const fleet = new Fleet({ connection, fleet: 'cluster' })
    later.after(() => fleet.close())
    const job = await fleet.submit('Hi', { key: 'k' })
    assert.equal((await job.result()).status, 'completed')
    let seen = 0
    for await (const { seq } of job.events()) seen = seq
    assert.ok(seen > 1)
    assert.equal((await fleet.stats()).workers.length, 1)
  })

  test('a signal ends the process when all of its workers have left', async (t) => {
    const folder = temporaryFolder(t)
    const [idle, busy] = [
      optionsOf(t, 'idle'),
      optionsOf(t, 'busy', {
        on: { 'turn/start': [['turnBegin', { waitForFile: join(folder, 'go') }, 'agentMessage', 'turnEnd']] },
      }),
    ]
    const both = [idle, busy].map(({ options }) => ({ ...options, signals: ['SIGTERM'], drainMs: 100_000 }))
    const child = fork(pair, [JSON.stringify(both)])
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    await once(child, 'message')
    const fleet = new Fleet({ connection: redis.url, fleet: 'busy' })
    t.after(() => fleet.close())
    const job = await fleet.submit('Hi', { key: 'k' })
    for await (const { method } of job.events()) if (method === 'turn/started') break
    const closed = once(child, 'message')
    // Also of one that leaves already.
    child.send('close')
    for (let state; state !== 'draining'; ) state = (await fleet.stats()).workers[0]?.state
    child.kill('SIGTERM')
    assert.deepEqual(await Promise.race([closed, exited]), ['closed', undefined])
    writeFileSync(join(folder, 'go'), '')
    const result = await Promise.race([job.result(), exited])
    assert.equal(/** @type {any} */ (result).status, 'completed')
    assert.deepEqual(await exited, [null, 'SIGTERM'])
  })

  test('what a turn came to is told where its thread could not be kept', async (t) => {
    const { options } = optionsOf(t, 'kept')
    const store = {
      put: () => Promise.reject(new Error('no room')),
      get: async () => null,
      delete: async () => {},
    }
    const worker = new FleetWorker({ ...options, store })
    t.after(() => worker.close())
    const fleet = new Fleet({ connection: redis.url, fleet: 'kept' })
    t.after(() => fleet.close())
    const job = await fleet.submit('Hi', { key: 'k' })
    const error = /** @type {any} */ (await rejection(job.result(), FleetError))
    assert.equal(error.code, 'STORE_FAILED')
    assert.equal(error.result.finalResponse, 'Hello from the rig.')
  })

  test('one that is closed again with less time takes no more', async (t) => {
    const { options } = optionsOf(t, 'hurry', { on: { 'turn/start': [['turnBegin']] } })
    const fleet = new Fleet({ connection: redis.url, fleet: 'hurry' })
    t.after(() => fleet.close())
    const worker = new FleetWorker({ ...options, drainMs: 100_000 })
    const job = await fleet.submit('Hi', { key: 'k' })
    for await (const { method } of job.events()) if (method === 'turn/started') break
    const first = worker.close()
    for (let state; state !== 'draining'; ) state = (await fleet.stats()).workers[0]?.state
    await worker.close({ drainMs: 0 })
    await first
    assert.equal((await job.status()).state, 'waiting')
    assert.deepEqual((await fleet.stats()).workers, [])
  })

  test('attempts count on where another worker goes on with them', async (t) => {
    const fails = { on: { 'turn/start': [['turnBegin', 'turnFailed']] } }
    const fleet = new Fleet({ connection: redis.url, fleet: 'attempts' })
    t.after(() => fleet.close())
    const one = new FleetWorker(optionsOf(t, 'attempts', fails).options)
    const job = await fleet.submit('Hi', { key: 'k', job: { attempts: 2, backoff: 600_000 } })
    /** @type {number[]} */
    const attempts = []
    const failed = (async () => {
      for await (const { method, params } of job.events()) {
        if (method === 'fleet/failedAttempt') attempts.push(params.attempt)
        if (attempts.length === 1) await one.close()
      }
    })()
    await one.ready()
    while (attempts.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const two = new FleetWorker(optionsOf(t, 'attempts', fails).options)
    t.after(() => two.close())
    await rejection(job.result(), TurnFailedError)
    await failed
    assert.deepEqual(attempts, [1])
  })

  test('one that can not begin says so, whether somebody listens or not', async (t) => {
    const make = () => {
      const worker = new FleetWorker({
        ...optionsOf(t, 'none').options,
        codex: { codexPath: '/no/such/codex' },
      })
      t.after(() => worker.close())
      return worker
    }
    const [warning] = await Promise.all([new Promise((resolve) => process.once('warning', resolve)), make()])
    assert.match(String(warning), /worker \S+ of the fleet can't begin: .*\/no\/such\/codex/)
    assert.match(String(await told(make(), 'error')), /no\/such\/codex/)
  })
})
