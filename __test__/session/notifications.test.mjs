// notifications() as it is used.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ClosedError, ServerExitedError } from '../../index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** A server that answers `test/say` with the notifications named in its `methods`, and then. */
const saying = {
  on: {
    'test/say': [[{ notify: { method: '$params.method', params: { n: '$params.n' } } }, { reply: 'said' }]],
  },
}

describe('notifications()', { concurrency: true }, () => {
  test('gives those that come from now on, as they come, to each reader', async (t) => {
    const { codex } = rig(t, saying)
    await codex.request('test/say', { method: 'test/early', n: 0 })
    const readers = [codex.notifications(), codex.notifications()]
    await codex.request('test/say', { method: 'test/a', n: 1 })
    await codex.request('test/say', { method: 'test/b', n: 'é' })
    for (const reader of readers) {
      const [a, b] = [(await reader.next()).value, (await reader.next()).value]
      assert.deepEqual([a?.method, a?.params], ['test/a', { n: 1 }])
      assert.deepEqual([b?.method, b?.params], ['test/b', { n: 'é' }])
      assert.equal(typeof (/** @type {any} */ (a).emittedAtMs), 'number')
      assert.equal(reader.dropped, 0)
    }
  })

  test('gives those of the methods that were asked for', async (t) => {
    const { codex } = rig(t, saying)
    const reader = codex.notifications({ methods: ['test/b', 'test/c'] })
    const none = codex.notifications({ methods: [] })
    for (const method of ['test/a', 'test/b', 'test/bc', 'test/c']) {
      await codex.request('test/say', { method, n: 0 })
    }
    await codex.close()
    assert.deepEqual(
      (await collect(reader)).map((event) => event.method),
      ['test/b', 'test/c'],
    )
    assert.deepEqual(await collect(none), [])
  })

  test('wakes a reader that waits', async (t) => {
    const { codex } = rig(t, saying)
    const reader = codex.notifications({ methods: ['test/a'] })
    const next = reader.next()
    await codex.request('test/say', { method: 'test/a', n: 1 })
    assert.deepEqual((await next).value?.params, { n: 1 })
  })

  test('does not give what belongs to a turn of this client', async (t) => {
    const { codex } = rig(t)
    const reader = codex.notifications()
    const thread = await codex.startThread()
    await thread.run('go')
    await codex.close()
    const methods = (await collect(reader)).map((event) => event.method)
    assert.ok(methods.includes('thread/started'), methods.join())
    assert.deepEqual(
      methods.filter((method) => /^(turn|item)\//.test(method)),
      [],
    )
  })

  for (const [bound, flood, kept] of /** @type {[string, object, number][]} */ ([
    ['4,096 of them', { count: 5_000, bytes: 8, numbered: true }, 4_096],
    ['16 MiB', { count: 40, bytes: 1024 * 1024, numbered: true }, 15],
  ])) {
    test(`keeps ${bound} for a reader that is behind, and counts the rest`, async (t) => {
      const what = { ...flood, method: 'test/flood', params: { text: '$fill' } }
      const { codex } = rig(t, { on: { 'test/flood': [[{ flood: what }, { reply: null }]] } })
      const count = /** @type {{ count: number }} */ (flood).count
      await codex.connect()
      const reader = codex.notifications({ methods: ['test/flood'] })
      await codex.request('test/flood')
      await codex.close()
      const numbers = (await collect(reader)).map((event) =>
        Number.parseInt(/** @type {any} */ (event).params.text, 10),
      )
      assert.equal(reader.dropped, count - kept)
      assert.deepEqual(
        numbers,
        Array.from({ length: kept }, (_, n) => count - kept + n),
      )
    })
  }

  test('loses nothing for a reader that keeps up', async (t) => {
    const flood = { count: 3_000, bytes: 8, method: 'test/flood', params: { text: '$fill' } }
    const { codex } = rig(t, { on: { 'test/flood': [[{ flood }, { reply: null }]] } })
    await codex.connect()
    const reader = codex.notifications({ methods: ['test/flood'] })
    for (let round = 0; round < 5; round++) {
      await codex.request('test/flood')
      for (let n = 0; n < flood.count; n++) assert.equal((await reader.next()).done, false)
    }
    assert.equal(reader.dropped, 0)
  })

  test('ends at close(), after what had come; a reader that waits ends, too', async (t) => {
    const { codex } = rig(t, saying)
    const [reader, waiting] = [
      codex.notifications({ methods: ['test/a'] }),
      codex.notifications({ methods: ['test/none'] }),
    ]
    const ended = waiting.next()
    await codex.request('test/say', { method: 'test/a', n: 1 })
    await codex.close()
    assert.deepEqual(await ended, { value: undefined, done: true })
    assert.equal((await collect(reader)).length, 1)
    assert.throws(() => codex.notifications(), ClosedError)
  })

  test('may be left by break; later ones are not affected', async (t) => {
    const { codex } = rig(t, saying)
    const [left, other] = [
      codex.notifications({ methods: ['test/a'] }),
      codex.notifications({ methods: ['test/a'] }),
    ]
    await codex.request('test/say', { method: 'test/a', n: 1 })
    for await (const event of left) {
      assert.deepEqual(event.params, { n: 1 })
      break
    }
    assert.deepEqual(await left.next(), { value: undefined, done: true })
    await codex.request('test/say', { method: 'test/a', n: 2 })
    assert.deepEqual((await other.next()).value?.params, { n: 1 })
    assert.deepEqual((await other.next()).value?.params, { n: 2 })
  })

  test('goes on with the next server when one has died', async (t) => {
    const { codex } = rig(t, { runs: [{ on: { 'test/die': [[{ exit: 1 }]] } }, saying] })
    const reader = codex.notifications({ methods: ['test/a'] })
    await rejection(codex.request('test/die'), ServerExitedError)
    await codex.request('test/say', { method: 'test/a', n: 1 })
    assert.deepEqual((await reader.next()).value?.params, { n: 1 })
  })

  test('real: gives what the server tells of itself and of threads', async (t) => {
    const { codex } = await real(t)
    const reader = codex.notifications({ methods: ['thread/started'] })
    const thread = await codex.startThread()
    const { value } = await reader.next()
    assert.equal(value?.method === 'thread/started' && value.params.thread.id, thread.id)
  })
})
