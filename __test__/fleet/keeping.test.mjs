// What is kept of jobs and for how long, and workers of several versions beside each other.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fleet, JobNotFoundError } from '../../fleet/index.mjs'
import { createGate, deltas, reply, say, waitFor } from '../../testing/index.mjs'
import { startFleet } from './support/fleet.mjs'

const KEEP_MS = 600_000

describe('keeping', () => {
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  /** @type {import('./support/fleet.mjs').Machine} */
  let machine
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  before(async () => {
    it = await startFleet({ after: (f) => void cleanups.push(f) }, { store: 'redis' })
    machine = await it.machine('a', { maxEventBytes: 65_536, keepMs: KEEP_MS, maxOpenThreads: 1 })
    await machine.heard('ready')
  })
  after(async () => {
    for (const clean of cleanups) await clean()
  })
  /** @param {() => Promise<boolean>} condition */
  const until = async (condition) => {
    for (const end = Date.now() + 30_000; !(await condition()); ) {
      if (Date.now() > end) throw new Error('it never came')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Lets the time pass for which things are kept. @param {string} fleet */
  const age = async (fleet) => {
    const { redis } = it.redis
    for (const key of await redis.keys(`{${fleet}}*`)) {
      if ((await redis.pttl(key)) > 0) await redis.pexpire(key, 1)
    }
  }

  test('a stream is trimmed by size, and its readers are told; by age it goes altogether', async () => {
    const text = 'word word word word '
    it.provider.when(/^chatter$/, deltas(3_000, { text }))
    const job = await it.fleet.submit('chatter', { key: 'trim' })
    const result = await job.result()
    assert.equal(result.finalResponse, text.repeat(3_000))
    const { redis } = it.redis
    const stream = `{codex-fleet}.e:${job.id}`
    const sizes = (await redis.xrange(stream, '-', '+')).map(([, fields]) => `${fields[3]}`.length)
    // The last two are the end and what came before it.
    const before = sizes.slice(0, -1)
    assert.ok(
      before.length === 1 || before.reduce((sum, size) => sum + size, 0) <= 65_536,
      `${sizes} characters`,
    )
    const events = []
    for await (const event of job.events()) events.push(event)
    const [first] = events
    assert.equal(first?.method, 'fleet/trimmed')
    assert.deepEqual(first?.params, { from: 1, to: first?.seq })
    assert.ok((first?.seq ?? 0) > 10)
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => (first?.seq ?? 0) + index),
    )
    assert.equal(events.at(-1)?.method, 'fleet/ended')
    // One who has seen what was trimmed hears nothing of it.
    const [next] = await job
      .events({ after: first?.seq ?? 0 })
      .next()
      .then(({ value }) => [value])
    assert.equal(next?.seq, (first?.seq ?? 0) + 1)
    for (const key of [stream, `{codex-fleet}.j:${job.id}`]) {
      const left = await redis.pttl(key)
      assert.ok(left > 0 && left <= KEEP_MS, `${key} is kept for ${left} ms`)
    }
    await age('codex-fleet')
    await until(async () => (await redis.exists(stream)) === 0)
    await assert.rejects(job.result(), JobNotFoundError)
    await assert.rejects(async () => {
      for await (const _ of job.events());
    }, JobNotFoundError)
  })

  test('a thread stays open while its turn runs, whatever the most that may be', async () => {
    const gate = createGate()
    it.provider.when(/^slow$/, reply([say('Half. '), waitFor(gate), say('Whole.')]))
    const job = await it.fleet.submit('slow', { key: 'slow' })
    await gate.reached
    for (const key of ['other', 'another']) await (await it.fleet.submit('quick', { key })).result()
    gate.open()
    assert.equal((await job.result()).finalResponse, 'Whole.')
    // And it goes on with its thread, which was closed since.
    await (await it.fleet.submit('quick', { key: 'other' })).result()
    const { threadId } = await job.result()
    assert.equal((await (await it.fleet.submit('quick', { key: 'slow' })).result()).threadId, threadId)
  })

  test('a worker of an older version passes on what it can not read; alone, it says so', async () => {
    const jobs = await Promise.all([1, 2].map((n) => it.fleet.submit(`before ${n}`, { key: `old ${n}` })))
    for (const job of jobs) await job.result()
    const old = await it.machine('old', { format: 0, version: '0.0.1' })
    await old.heard('ready')
    const { workers } = await it.fleet.stats()
    assert.deepEqual(workers.map(({ name, version }) => [name, version === '0.0.1']).sort(), [
      ['a', false],
      ['old', true],
    ])
    // Those of new keys come to either.
    const more = await Promise.all(
      Array.from({ length: 8 }, (_, n) => it.fleet.submit(`mixed ${n}`, { key: `mixed ${n}` })),
    )
    for (const job of more) assert.equal((await job.result()).status, 'completed')
    // And a key that it has: another made it its own before.
    const own = '{codex-fleet}.k:mixed 0'
    const [session] = workers.flatMap(({ name, session }) => (name === 'old' ? [session] : []))
    const { redis } = it.redis
    await redis.srem(`{codex-fleet}.sk:${await redis.hget(own, 'o')}`, 'mixed 0')
    await redis.hset(own, 'o', `${session}`, 't', await redis.incr('{codex-fleet}.token'))
    await redis.sadd(`{codex-fleet}.sk:${session}`, 'mixed 0')
    const moved = await it.fleet.submit('moved', { key: 'mixed 0' })
    const behind = await it.fleet.submit('behind', { key: 'mixed 0' })
    assert.equal((await moved.result()).threadId, await more[0]?.status().then(({ threadId }) => threadId))
    await behind.result()
    for (const job of [...more, moved, behind]) {
      for await (const { method, params } of job.events())
        if (method === 'fleet/begun') assert.equal(params.worker, 'a')
    }
    machine.signal('SIGTERM')
    await machine.exited
    const alone = await it.fleet.submit('alone', { key: 'alone' })
    await assert.rejects(alone.result(), { code: 'JOB_UNSUPPORTED' })
    assert.deepEqual(old.errors, [])
    old.signal('SIGTERM')
    await old.exited
  })

  test('no key of Redis is left of jobs that are over, keys that are forgotten, and workers that left', async () => {
    const other = await it.machine('b', { fleet: 'other', keepMs: KEEP_MS })
    await other.heard('ready')
    const fleet = new Fleet({ connection: it.redis.url, fleet: 'other', keepMs: KEEP_MS })
    it.provider.when(/^leave$/, say('Left.'))
    const job = await fleet.submit('leave', { key: 'leave' })
    const without = await fleet.submit('leave', { job: { delay: 50 } })
    await Promise.all([job.result(), without.result()])
    await job.cancel()
    const { redis } = it.redis
    const all = async () => (await redis.keys('{other}*')).map((key) => key.replace('{other}', '')).sort()
    for (const key of await all()) {
      const name = /^\.k:(.*)$/.exec(key)?.[1]
      if (name !== undefined) assert.equal(await fleet.forget(name), true, name)
    }
    other.signal('SIGTERM')
    assert.equal((await other.exited).signal, 'SIGTERM')
    await fleet.close()
    await age('other')
    // What a fleet is, without any job, key or worker.
    const own = ['.beat', '.graves', '.token', ':entry:events', ':entry:id', ':entry:marker', ':entry:meta']
    const rest = async () => (await all()).filter((key) => !own.includes(key))
    await until(async () => (await rest()).length === 0).catch(async () => {
      assert.deepEqual(await rest(), [])
    })
  })
})
