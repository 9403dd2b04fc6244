// Calls of a fleet that no worker has a part in: what they refuse, what they leave on a signal, how they end with it, and
// what their errors say of who called.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Fleet, JobNotFoundError, PayloadTooLargeError } from '../../fleet/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { startRedis } from './support/redis.mjs'

describe('calls of a fleet', { timeout: 60_000 }, () => {
  /** @type {Fleet} */
  let fleet
  const ends = /** @type {(() => unknown)[]} */ ([])
  /** @type {Awaited<ReturnType<typeof startRedis>>} */
  let redis
  before(async () => {
    redis = await startRedis({ after: (/** @type {() => unknown} */ end) => void ends.push(end) })
    fleet = new Fleet({ connection: redis.url })
  })
  after(async () => {
    await fleet.close()
    for (const end of ends.reverse()) await end()
  })

  test('a signal has one listener, however many jobs it may cancel, and none once they have ended', async () => {
    const { signal } = new AbortController()
    const listeners = () => getEventListeners(signal, 'abort').length
    const jobs = await Promise.all(
      Array.from({ length: 20 }, (_, index) => fleet.submit('x', { key: `k${index}`, signal })),
    )
    const results = jobs.map((job) => rejection(job.result({ signal }), Error))
    assert.equal(listeners(), 1)
    await Promise.all(jobs.map((job) => job.cancel()))
    await Promise.all(results)
    while (listeners() > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('an abort cancels the job', async () => {
    const controller = new AbortController()
    const job = await fleet.submit('x', { signal: controller.signal })
    controller.abort()
    assert.equal(/** @type {any} */ (await rejection(job.result(), Error)).code, 'JOB_CANCELLED')
  })

  test('what is rejected, or ends a loop, says who called', async () => {
    const job = fleet.job('nope')
    for (const call of [
      () => job.result(),
      () => job.cancel(),
      () => job.status(),
      async () => {
        for await (const _ of job.events());
      },
    ]) {
      // Not awaited where it is made: then it would have no frames but its own.
      const error = await rejection(call(), JobNotFoundError)
      assert.match(String(error.stack), /signals\.test\.mjs/)
    }
    const wrong = await rejection(fleet.submit('x', /** @type {any} */ ({ nope: 1 })), TypeError)
    assert.equal(/** @type {any} */ (wrong).code, 'INVALID_ARGUMENT')
    assert.match(String(wrong.stack), /signals\.test\.mjs/)
  })

  test('what BullMQ would refuse, and what no timer takes, is refused before anything is queued', async () => {
    const before = (await fleet.stats()).jobs.pending
    for (const options of /** @type {any[]} */ ([
      { job: { priority: 1.5 } },
      { job: { priority: 2 ** 21 } },
      { job: { attempts: 0 } },
      { job: { attempts: '3' } },
      { job: { delay: -1 } },
      { job: { lifo: 1 } },
      { job: { backoff: 'soon' } },
      { job: { backoff: { type: 'fixed', delay: -1 } } },
      { job: { backoff: { type: 'fixed', delay: 1, jitter: 2 } } },
      { answerWithinMs: 2 ** 31 },
      { key: 'half \ud800' },
      { config: { 'mcp_servers.x.env.NAME': 'a' } },
      { config: { shell_environment_policy: { set: { NAME: 'a' } } } },
      { config: { 'shell_environment_policy.set.NAME': 'a' } },
      { extra: { config: { 'model_providers.x.http_headers.X': 'a' } } },
    ])) {
      const error = await rejection(fleet.submit('x', options), TypeError)
      assert.match(error.message, /^options\./)
    }
    for (const options of [
      { timeoutMs: 2 ** 31 },
      { keepMs: 1.5 },
      { maxPayloadBytes: 0 },
      { fleet: 'a b' },
    ]) {
      assert.throws(() => new Fleet({ connection: redis.url, ...options }), { code: 'INVALID_ARGUMENT' })
    }
    assert.equal((await fleet.stats()).jobs.pending, before)
    for (const repeat of /** @type {any[]} */ ([
      {},
      { pattern: 'nonsense' },
      { pattern: '0 9 * * 1', tz: 'Nowhere/Here' },
      { pattern: '0 9 * * 1', every: 5 },
      { every: -1 },
      { every: 1.5 },
      { every: 5, limit: 0 },
      { every: 5, endDate: 'soon' },
      undefined,
    ])) {
      const error = await rejection(fleet.schedule('s', repeat, 'x', { key: 'k' }), TypeError)
      assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
    }
    await rejection(fleet.schedule('', { every: 5 }, 'x', { key: 'k' }), TypeError)
    assert.deepEqual(await fleet.queue.getJobSchedulers(), [])
    await fleet.schedule('s', { pattern: '0 9 * * 1', tz: 'Europe/Rome' }, 'x', { key: 'k' })
    assert.equal(await fleet.unschedule('s'), true)
    const backoff = { type: 'exponential', delay: 10, jitter: 0.5 }
    const job = { priority: 2 ** 21 - 1, attempts: 3, delay: 60_000, lifo: true, backoff }
    await (await fleet.submit('x', { job, config: { model_reasoning_summary: 'auto' } })).cancel()
  })

  test('limits count bytes, of all that is said to a job', async () => {
    const small = new Fleet({ connection: redis.url, maxPayloadBytes: 1_000 })
    const job = await small.submit('x')
    // As characters they would fit.
    const long = '€'.repeat(400)
    for (const call of [() => small.submit(long), () => job.steer(long), () => job.cancel(long)]) {
      const error = await rejection(call(), PayloadTooLargeError)
      assert.ok(error.bytes > 1_000 && error.maxBytes === 1_000)
    }
    const question = {
      id: 'q',
      jobId: job.id,
      key: 'k',
      handler: 'onUserInput',
      request: {},
      until: Date.now(),
    }
    await redis.redis.hset('{codex-fleet}.q', 'q', JSON.stringify(question))
    const request = /** @type {any} */ ((await small.requests().next()).value)
    await rejection(request.answer({ answers: long }), PayloadTooLargeError)
    await rejection(
      request.answer(() => {}),
      TypeError,
    )
    // Two of one program may answer: one of them was the first.
    assert.deepEqual((await Promise.all([request.answer('a'), request.answer('a')])).sort(), [false, true])
    assert.equal(await job.cancel(), true)
    await small.close()
  })

  test('an idempotency key takes the same options in another order for the same', async () => {
    const config = { a: 1, b: { c: 2, d: [3, 4] } }
    const first = await fleet.submit('x', { idempotencyKey: 'once', cwd: '/', model: 'm', config })
    const again = { config: { b: { d: [3, 4], c: 2 }, a: 1 }, model: 'm', cwd: '/', idempotencyKey: 'once' }
    assert.equal((await fleet.submit('x', again)).id, first.id)
    const other = { ...again, config: { b: { d: [4, 3], c: 2 }, a: 1 } }
    assert.equal(
      /** @type {any} */ (await rejection(fleet.submit('x', other), Error)).code,
      'IDEMPOTENCY_CONFLICT',
    )
    await first.cancel()
  })

  test('one that failed for want of Redis is the same job when it is submitted again', async () => {
    const impatient = new Fleet({ connection: redis.url, timeoutMs: 100 })
    await impatient.stats()
    redis.pause()
    const error = await rejection(impatient.submit('x', { idempotencyKey: 'tried' }), Error)
    assert.deepEqual([error.name, /** @type {any} */ (error).retryable], ['FleetUnavailableError', true])
    const pending = impatient.submit('x', { idempotencyKey: 'tried' })
    redis.resume()
    const job = await pending.catch(() => impatient.submit('x', { idempotencyKey: 'tried' }))
    assert.equal(job.id, fleet.jobOf('tried').id)
    assert.equal((await job.status()).state, 'waiting')
    assert.equal(await job.cancel(), true)
    await impatient.close()
  })

  test('a key with a job that is due later is not forgotten, and counts once', async () => {
    const { keys } = await fleet.stats()
    const jobs = await Promise.all(
      [1, 2].map(() => fleet.submit('x', { key: 'due', job: { delay: 600_000 } })),
    )
    for (const job of jobs) {
      assert.equal(/** @type {any} */ (await rejection(fleet.forget('due'), Error)).code, 'KEY_BUSY')
      await job.cancel()
    }
    assert.equal((await fleet.stats()).keys, keys + 1)
    assert.equal(await fleet.forget('due'), true)
    assert.equal((await fleet.stats()).keys, keys)
  })

  test('a signal ends what waits for a job', async () => {
    const job = await fleet.submit('x')
    for (const call of [
      (/** @type {AbortSignal} */ signal) => job.result({ signal }),
      (/** @type {AbortSignal} */ signal) => job.turn({ signal }),
      (/** @type {AbortSignal} */ signal) => job.steer('y', { signal }),
      (/** @type {AbortSignal} */ signal) => job.events({ signal }).next(),
      (/** @type {AbortSignal} */ signal) => job.text({ signal }).next(),
    ]) {
      const controller = new AbortController()
      const waiting = rejection(call(controller.signal), Error)
      // It has begun to wait.
      while (Number((await redis.redis.pubsub('NUMSUB', `{codex-fleet}.e:${job.id}`))[1]) === 0);
      controller.abort(new Error('enough'))
      assert.equal((await waiting).message, 'enough')
      assert.equal((await rejection(call(controller.signal), Error)).message, 'enough')
    }
    await job.cancel()
  })

  test('closed twice, and during calls', async () => {
    const closing = new Fleet({ connection: redis.url })
    const job = await closing.submit('x')
    redis.pause()
    const calls = [
      closing.submit('y'),
      closing.stats(),
      closing.forget('k'),
      closing.schedule('s', { every: 1_000 }, 'x', { key: 'k' }),
      job.status(),
      job.result(),
      job.cancel(),
      job.steer('x'),
      job.events().next(),
      job.text().next(),
      job.requests().next(),
    ].map((call) => rejection(call, Error))
    let isClosed = false
    const first = closing.close().then(() => {
      isClosed = true
    })
    await closing.close()
    assert.ok(isClosed)
    await first
    for (const call of calls) assert.equal(/** @type {any} */ (await call).code, 'FLEET_CLOSED')
    redis.resume()
    await fleet.job(job.id).cancel()
  })
})
