// Those who follow a job: pages, slow ones, some that leave. What comes between two steps of a job, and what is BullMQ’s own.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Fleet, FleetWorker } from '../../fleet/index.mjs'
import { toNodeListener, turnResponse } from '../../web/index.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { startRedis } from './support/redis.mjs'

describe('readers', () => {
  const cleanups = /** @type {(() => unknown)[]} */ ([])
  const inside = { after: (/** @type {() => any} */ f) => void cleanups.push(f) }
  /** @type {Awaited<ReturnType<typeof startRedis>>} */
  let redis
  /** @type {Fleet} */
  let fleet
  let folder = ''
  /** Lets the turn of the first, second, ... job go on. @param {number} n */
  const open = (n) => writeFileSync(join(folder, `${n}`), '')
  before(async () => {
    redis = await startRedis(inside)
    folder = temporaryFolder(inside)
    const turn = (/** @type {string} */ n) => [
      'turnBegin',
      { waitForFile: join(folder, n) },
      'agentMessage',
      'turnEnd',
    ]
    const fails = ['turnBegin', 'agentMessage', 'turnFailed']
    const script = { on: { 'turn/start': [fails, turn('1'), turn('2'), turn('3'), 'default'] } }
    const { env } = rigEnvironment(/** @type {any} */ (inside), script)
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const common = { connection: redis.url, codex, store: null, leaseMs: 60_000, concurrency: 4 }
    const worker = new FleetWorker({ ...common, signals: [] })
    fleet = new Fleet({ connection: redis.url })
    cleanups.push(() => worker.close({ drainMs: 0 }))
    cleanups.push(() => fleet.close())
    await worker.ready()
  })
  after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })
  /** @param {string} id how many connections of Redis listen for more of a job */
  const listening = async (id) => Number((await redis.redis.pubsub('NUMSUB', `{codex-fleet}.e:${id}`))[1])
  /** @param {() => Promise<boolean>} condition */
  const until = async (condition) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  test('a job that waits for its next attempt ends at once when it is cancelled', async () => {
    const job = await fleet.submit('Hi', { key: 'later', job: { attempts: 2, backoff: 600_000 } })
    await until(async () => (await redis.redis.hget(`{codex-fleet}.j:${job.id}`, 'state')) === 'open')
    assert.equal(await job.cancel(), true)
    await assert.rejects(job.result(), { code: 'JOB_CANCELLED' })
    assert.equal(await job.cancel(), false)
  })

  test('a page on another machine follows a turn, and goes on where it was after a reload', async (t) => {
    const other = new Fleet({ connection: redis.url })
    t.after(() => other.close())
    const server = createServer(
      toNodeListener(async (request) =>
        turnResponse(
          /** @type {any} */ (await other.job(new URL(request.url).pathname.slice(1)).turn()),
          request,
        ),
      ),
    ).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const job = await fleet.submit('Hi', { key: 'page' })
    const url = `http://127.0.0.1:${port}/${job.id}`
    const leaving = new AbortController()
    const page = await fetch(url, { signal: leaving.signal })
    let seen = ''
    for await (const chunk of /** @type {any} */ (page.body)) {
      seen += Buffer.from(chunk)
      if (seen.includes('turn/started')) break
    }
    leaving.abort()
    // A page that is closed is nobody's reader any more, though nothing happens in the turn.
    await until(async () => (await listening(job.id)) === 0)
    const ids = (/** @type {string} */ text) =>
      [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
    const last = ids(seen).at(-1) ?? 0
    open(1)
    const reloaded = await fetch(url, { headers: { 'last-event-id': `${last}` } })
    const rest = await reloaded.text()
    const all = [...ids(seen), ...ids(rest)]
    assert.deepEqual(
      [...new Set(all)],
      Array.from({ length: all.at(-1) ?? 0 }, (_, index) => index + 1),
    )
    assert.equal(ids(rest)[0], last + 1)
    assert.match(rest, /^event: end$/m)
    assert.equal(reloaded.headers.get('codex-turn-id'), job.id)
  })

  test('a slow reader holds nobody up, one that leaves while it waits is gone', async () => {
    const job = await fleet.submit('Hi', { key: 'slow' })
    const slow = job.events()
    assert.equal((await slow.next()).value?.seq, 1)
    const waiting = job.requests()
    const request = waiting.next()
    await waiting.return()
    assert.equal((await request).done, true)
    const leaves = job.events({ after: 1_000 })
    const never = leaves.next()
    await leaves.return()
    assert.equal((await never).done, true)
    open(2)
    const result = await job.result()
    assert.equal(result.status, 'completed')
    let count = 1
    for await (const { seq } of slow) assert.equal(seq, ++count)
    await until(async () => (await listening(job.id)) === 0)
  })

  test('a job that is cancelled just when it begins ends at once', async () => {
    const first = await fleet.submit('Hi', { key: 'slow' })
    // It waits behind the first, and begins as soon as that has ended.
    const second = await fleet.submit('Hi', { key: 'slow' })
    for await (const { method } of first.events()) {
      if (method === 'fleet/begun') open(3)
      if (method === 'fleet/ended') await second.cancel()
    }
    await second.result().then(
      ({ status }) => assert.equal(status, 'completed'),
      ({ code }) => assert.equal(code, 'JOB_CANCELLED'),
    )
    let ends = 0
    for await (const { method } of second.events()) if (method === 'fleet/ended') ends++
    assert.equal(ends, 1)
  })

  test('priorities and rate limits are those of BullMQ', async () => {
    await fleet.queue.setGlobalRateLimit(1, 700)
    const began = Date.now()
    const jobs = []
    for (let n = 0; n < 3; n++) {
      jobs.push(await fleet.submit('Hi', { key: `limited ${n}`, job: { priority: 3 - n } }))
    }
    for (const job of jobs) assert.equal((await job.result()).status, 'completed')
    // Two of the three had to wait for the next time.
    assert.ok(Date.now() - began >= 1_400, `${Date.now() - began} ms`)
    await fleet.queue.removeGlobalRateLimit()
  })

  test('a job that nobody put into a queue is found; one of an id that is not kept any more is a new one', async () => {
    const { redis: client } = redis
    const job = await fleet.submit('Hi', { key: 'once', idempotencyKey: 'once' })
    await job.result()
    // As long after its end as it is kept.
    await client.del(`{codex-fleet}.j:${job.id}`, `{codex-fleet}.e:${job.id}`)
    const again = await fleet.submit('Hi', { key: 'once', idempotencyKey: 'once' })
    assert.equal(again.id, job.id)
    assert.equal((await again.result()).status, 'completed')
    // Who submits dies between two commands, and comes again.
    const { queues } = /** @type {any} */ (fleet)
    const { put } = queues
    queues.put = async () => {}
    const lost = await fleet.submit('Hi', { key: 'once', idempotencyKey: 'lost' })
    queues.put = put
    assert.equal((await lost.status()).state, 'waiting')
    await fleet.submit('Hi', { key: 'once', idempotencyKey: 'lost' })
    assert.equal((await lost.result()).status, 'completed')
  })

  test('a token is larger than those before, also where Redis has lost its last writes', async () => {
    const { redis: client } = redis
    const tokenOf = async (/** @type {string} */ key) =>
      Number(await client.hget(`{codex-fleet}.k:${key}`, 't'))
    await (await fleet.submit('Hi', { key: 'token 1' })).result()
    const before = await client.get('{codex-fleet}.token')
    await (await fleet.submit('Hi', { key: 'token 2' })).result()
    const lost = await tokenOf('token 2')
    await client.set('{codex-fleet}.token', `${before}`)
    await (await fleet.submit('Hi', { key: 'token 3' })).result()
    assert.ok((await tokenOf('token 3')) > lost)
  })
})
