// retryOnOverload() and isRetryableError() as they are used.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  AbortError,
  isRetryableError,
  retryOnOverload,
  ServerBusyError,
  TurnFailedError,
} from '../../index.mjs'
import { httpError } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const busy = { error: { code: -32001, message: 'Server overloaded; retry later.' } }

describe('retryOnOverload()', () => {
  /**
   * Timers of the test's own, which fire at once.
   *
   * @param {import('node:test').TestContext} t
   * @param {number} random what Math.random() gives
   */
  function recordPauses(t, random) {
    /** @type {number[]} */
    const pauses = []
    t.mock.method(Math, 'random', () => random)
    t.mock.method(
      globalThis,
      'setTimeout',
      (/** @type {() => void} */ callback, /** @type {number} */ ms) => {
        pauses.push(ms)
        queueMicrotask(callback)
      },
    )
    return pauses
  }

  const busyError = Object.assign(new ServerBusyError('busy'), { code: 'SERVER_BUSY', retryable: true })

  /** Fails so often before it gives 'done'. */
  function failing(/** @type {number} */ times, error = /** @type {Error} */ (busyError)) {
    const operation = () => {
      operation.calls++
      if (operation.calls <= times) throw error
      return 'done'
    }
    operation.calls = 0
    return operation
  }

  test('gives what the operation gives', async () => {
    assert.equal(await retryOnOverload(() => 5), 5)
    assert.equal(await retryOnOverload(async () => 'text', {}), 'text')
  })

  test('repeats what failed, each pause twice as long as the one before', async (t) => {
    const pauses = recordPauses(t, 0.5)
    const operation = failing(5)
    assert.equal(await retryOnOverload(operation, { maxAttempts: 6 }), 'done')
    assert.equal(operation.calls, 6)
    assert.deepEqual(pauses, [250, 500, 1000, 2000, 2000])
  })

  test('makes the pauses longer and shorter by the jitter', async (t) => {
    for (const [random, jitter, expected] of /** @type {const} */ ([
      [0, undefined, [200, 400]],
      [1, undefined, [300, 600]],
      [1, 1, [500, 1000]],
      [0, 0, [250, 500]],
    ])) {
      const pauses = recordPauses(t, random)
      await retryOnOverload(failing(2), { jitter })
      assert.deepEqual(pauses, expected)
      t.mock.restoreAll()
    }
  })

  test('takes other pauses', async (t) => {
    const pauses = recordPauses(t, 0.5)
    await retryOnOverload(failing(4), { maxAttempts: 5, initialDelayMs: 10, maxDelayMs: 25 })
    assert.deepEqual(pauses, [10, 20, 25, 25])
  })

  test('gives up after three attempts with the last error', async (t) => {
    recordPauses(t, 0.5)
    const operation = failing(10)
    assert.equal(await rejection(retryOnOverload(operation), ServerBusyError), busyError)
    assert.equal(operation.calls, 3)
  })

  test('does not repeat what is not retryable', async () => {
    const error = new Error('broken')
    const operation = failing(1, error)
    assert.equal(await rejection(retryOnOverload(operation), Error), error)
    assert.equal(operation.calls, 1)
  })

  test('a signal ends the attempts: before the first, in a pause, in the operation', async () => {
    const never = failing(0)
    const before = retryOnOverload(never, { signal: AbortSignal.abort('early') })
    assert.equal((await rejection(before, AbortError)).cause, 'early')
    assert.equal(never.calls, 0)

    for (const abortIn of ['pause', 'operation']) {
      const controller = new AbortController()
      const abort = () => controller.abort(abortIn)
      const operation = () => {
        if (abortIn === 'pause') setImmediate(abort)
        else abort()
        throw busyError
      }
      const retried = retryOnOverload(operation, { initialDelayMs: 60_000, signal: controller.signal })
      const error = await rejection(retried, AbortError)
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, abortIn)
    }
  })

  test('repeats a call to a server that is overloaded', async (t) => {
    const { codex, log } = rig(t, { on: { 'thread/start': [busy, busy, 'default'] } })
    const thread = await retryOnOverload(() => codex.startThread(), { initialDelayMs: 1 })
    assert.equal(thread.id, 'thread-3')
    assert.equal(log.messages('thread/start').length, 3)
  })

  test('real: isRetryableError of a provider that is overloaded, and of one that refuses', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(
      httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'too many' } } }),
      httpError(400, { body: { error: { message: 'no' } } }),
    )
    const thread = await codex.startThread()
    const overloaded = await rejection(thread.run('one'), TurnFailedError)
    assert.equal(isRetryableError(overloaded), true)
    const refused = await rejection(thread.run('two'), TurnFailedError)
    assert.equal(isRetryableError(refused), false)
  })

  test('isRetryableError is false for whatever is no error of this package', () => {
    for (const value of [null, undefined, 5, 'busy', {}, { retryable: true }, new Error('busy')]) {
      assert.equal(isRetryableError(value), false)
    }
  })
})
