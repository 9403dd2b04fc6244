// What calls of a fleet leave on a signal, and what their errors say of who called.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Fleet, JobNotFoundError } from '../../fleet/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { startRedis } from './support/redis.mjs'

describe('calls of a fleet', { timeout: 60_000 }, () => {
  /** @type {Fleet} */
  let fleet
  const ends = /** @type {(() => unknown)[]} */ ([])
  before(async () => {
    const redis = await startRedis({ after: (/** @type {() => unknown} */ end) => void ends.push(end) })
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
})
