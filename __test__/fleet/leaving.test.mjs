// Workers that leave, limits, and questions.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fleet } from '../../fleet/index.mjs'
import { command, createGate, failed, reply, say, waitFor } from '../../testing/index.mjs'
import { startFleet } from './support/fleet.mjs'

describe('leaving and limits', () => {
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  before(async () => {
    it = await startFleet({ after: (f) => void cleanups.push(f) })
  })
  after(async () => {
    for (const clean of cleanups) await clean()
  })
  const ofEffect = (/** @type {string} */ text) => it.effects().filter((line) => line === text).length

  test('SIGTERM: the turn that runs finishes, those behind it go to others, and the worker is gone', async () => {
    const one = await it.machine('one', { drainMs: 300_000 })
    await one.heard('ready')
    const gate = createGate()
    it.provider.when(/^finish$/, reply([say('Half. '), waitFor(gate), say('Whole.')]))
    const job = await it.fleet.submit('finish', { key: 'drain' })
    const behind = await it.fleet.submit('behind', { key: 'drain' })
    await gate.reached
    one.signal('SIGTERM')
    const two = await it.machine('two')
    await two.heard('ready')
    // It takes none any more, not even of keys that it had.
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      if ((await it.fleet.stats()).workers.some(({ name, state }) => name === 'one' && state === 'draining'))
        break
    }
    gate.open()
    assert.equal((await job.result()).finalResponse, 'Whole.')
    assert.equal((await behind.result()).threadId, (await job.result()).threadId)
    const begun = []
    for await (const { method, params } of behind.events())
      if (method === 'fleet/begun') begun.push([params.worker, params.mode])
    assert.deepEqual(begun, [['two', 'asked']])
    assert.deepEqual(await one.exited, { code: null, signal: 'SIGTERM' })
    const stats = await it.fleet.stats()
    assert.deepEqual(
      stats.workers.map(({ name }) => name),
      ['two'],
    )
    assert.deepEqual(await it.redis.redis.keys('*:turns-one-*'), [])
  })

  test('after drainMs a turn is interrupted and handed over: what it did is known, and not done again', async () => {
    const three = await it.machine('three', { drainMs: 100, concurrency: 50 })
    await three.heard('ready')
    const two = it.machines.find(({ name }) => name === 'two')
    two?.signal('SIGTERM')
    await two?.exited
    const gate = createGate()
    it.provider.when(/^hand over$/, command(it.effect('handed')), reply([say('Half. '), waitFor(gate)]))
    it.provider.when(/was interrupted, and goes on/, say('Taken over.'))
    const job = await it.fleet.submit('hand over', { key: 'hand' })
    await gate.reached
    three.signal('SIGTERM')
    const four = await it.machine('four', { account: 'shared' })
    await four.heard('ready')
    assert.equal((await job.result()).finalResponse, 'Taken over.')
    gate.open()
    await three.exited
    assert.equal(ofEffect('handed'), 1)
    const last = it.provider.requests.filter(({ userText }) => /goes on now/.test(userText ?? '')).at(-1)
    assert.equal(last?.userMessages[0], 'hand over')
    assert.ok(last?.toolOutputs.length === 1)
  })

  test('questions: from any process, once, by whoever is first; asked of who comes later; declined in time', async () => {
    it.provider.when(/^may I, \d$/, command(it.effect('allowed')), say('Thanks.'))
    const submit = (/** @type {number} */ n, options = {}) =>
      it.fleet.submit(`may I, ${n}`, { key: `ask ${n}`, approvalPolicy: 'untrusted', ...options })
    const job = await submit(1)
    const seen = (await job.requests().next()).value
    assert.equal(seen?.handler, 'onApproval')
    assert.match(JSON.stringify(seen?.request), /allowed/)
    // The asking side is restarted: the question is still there.
    const others = [new Fleet({ connection: it.redis.url }), new Fleet({ connection: it.redis.url })]
    const asked = await Promise.all(others.map(async (fleet) => (await fleet.requests().next()).value))
    const won = await Promise.all(asked.map((request) => request?.answer('accept')))
    assert.deepEqual(won.sort(), [false, true])
    assert.equal((await job.result()).finalResponse, 'Thanks.')
    assert.equal(ofEffect('allowed'), 1)
    const late = await submit(2, { answerWithinMs: 200 })
    assert.equal((await late.result()).finalResponse, 'Thanks.')
    assert.equal(ofEffect('allowed'), 1)
    const outcomes = []
    for await (const { method, params } of late.events())
      if (method === 'fleet/requestClosed') outcomes.push(params.outcome)
    assert.deepEqual(outcomes, ['declined'])
    // A job that is cancelled asks nothing more, and its readers end.
    const cancelled = await submit(3)
    for await (const request of cancelled.requests()) {
      await cancelled.cancel()
      if (!request.signal.aborted)
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
      assert.equal(await request.answer('accept'), false)
    }
    await assert.rejects(cancelled.result(), { code: 'JOB_CANCELLED' })
    assert.equal((await it.fleet.stats()).questions, 0)
    for (const fleet of others) await fleet.close()
  })

  test('one that leaves begins nothing more', async () => {
    const gate = createGate()
    it.provider.when(/^the last$/, reply([say('Half. '), waitFor(gate)]))
    const job = await it.fleet.submit('the last', { key: 'leaves' })
    await gate.reached
    const behind = await it.fleet.submit('too late', { key: 'leaves' })
    const { redis } = it.redis
    const [worker] = (await it.fleet.stats()).workers
    // As a worker that drains has it, for as long as the test wants.
    const session = `{codex-fleet}.s:${worker?.session}`
    await redis.hset(session, 'draining', 1)
    gate.open()
    await job.result()
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      if ((await redis.hget(`{codex-fleet}.j:${behind.id}`, 'q')) === 'entry') break
    }
    assert.equal((await behind.status()).state, 'waiting')
    await redis.hdel(session, 'draining')
    assert.ok((await behind.result()).finalResponse)
  })

  test('an account at its limit pauses its workers, says so, and the job waits', async () => {
    const four = /** @type {any} */ (it.machines.find(({ name }) => name === 'four'))
    const five = await it.machine('five', { account: 'shared' })
    await five.heard('ready')
    it.provider.when(/^too much$/, failed('insufficient_quota', 'no more today'))
    const job = await it.fleet.submit('too much', { key: 'limit' })
    await Promise.all([four.heard('limited'), five.heard('limited')])
    let limited = /** @type {import('../../fleet/index.js').WorkerStats[]} */ ([])
    for (const end = Date.now() + 10_000; limited.length < 2 && Date.now() < end; ) {
      limited = (await it.fleet.stats()).workers.filter(
        ({ state, account }) => state === 'limited' && account === 'shared',
      )
    }
    assert.equal(limited.length, 2)
    assert.ok(limited.every(({ limitedUntil }) => limitedUntil !== null && limitedUntil > new Date()))
    for await (const { method, params } of job.events()) {
      if (method !== 'fleet/limited') continue
      assert.ok(params.until > Date.now())
      break
    }
    assert.equal((await job.status()).state, 'waiting')
    await job.cancel()
    await assert.rejects(job.result(), { code: 'JOB_CANCELLED' })
  })
})
