'use strict'

const assert = require('node:assert/strict')
const { randomBytes, randomUUID } = require('node:crypto')
const { argumentError } = require('../glue/json.js')

/**
 * @typedef {import('./index.js').ThreadStoreLike} ThreadStoreLike
 * @typedef {{ name: string, run: (store: ThreadStoreLike) => Promise<void> }} Check
 */

/** @param {unknown} error */
const isStale = (error) => /** @type {{ code?: unknown }} */ (error)?.code === 'STALE_TOKEN'
const refused = (/** @type {Promise<unknown>} */ promise) =>
  promise.then(
    () => assert.fail('what comes with an older token has to be refused'),
    (error) => {
      if (!isStale(error))
        throw new assert.AssertionError({ message: `StaleTokenError expected, not ${error}` })
    },
  )
/** @param {{ bytes: Uint8Array, token: number } | null | undefined} held @param {Uint8Array} bytes @param {number} token */
function holds(held, bytes, token) {
  assert.ok(held, 'the thread is not there')
  assert.ok(held.bytes instanceof Uint8Array, 'bytes have to be a Uint8Array')
  assert.ok(Buffer.from(held.bytes).equals(bytes), 'the bytes are others')
  assert.equal(held.token, token)
}

/** @type {Check[]} */
const checks = [
  {
    name: 'a thread that was never put is null',
    async run(store) {
      assert.equal(await store.get(randomUUID()), null)
    },
  },
  {
    name: 'a thread comes back as it was put, byte by byte, with its token',
    async run(store) {
      const [id, bytes] = [randomUUID(), randomBytes(100_000)]
      await store.put(id, bytes, { token: 3 })
      holds(await store.get(id), bytes, 3)
    },
  },
  {
    name: 'the same token and a larger one replace it',
    async run(store) {
      const id = randomUUID()
      for (const [token, text] of /** @type {[number, string][]} */ ([
        [1, 'first'],
        [1, 'second, longer'],
        [9, '3rd'],
        [10, 'tenth'],
      ])) {
        await store.put(id, Buffer.from(text), { token })
        holds(await store.get(id), Buffer.from(text), token)
      }
    },
  },
  {
    name: 'a smaller token is refused, and nothing of it is kept',
    async run(store) {
      const [id, bytes] = [randomUUID(), Buffer.from('of the owner')]
      await store.put(id, bytes, { token: 10 })
      await refused(store.put(id, Buffer.from('late'), { token: 9 }))
      holds(await store.get(id), bytes, 10)
      await refused(store.delete(id, { token: 9 }))
      holds(await store.get(id), bytes, 10)
    },
  },
  {
    name: 'of writers at once the largest token wins, whoever is first',
    async run(store) {
      const id = randomUUID()
      const tokens = [5, 2, 8, 1, 7, 3, 6, 4]
      const put = (/** @type {number} */ token) => store.put(id, Buffer.from(`by ${token}`), { token })
      const all = await Promise.allSettled(tokens.map(put))
      for (const one of all) if (one.status === 'rejected' && !isStale(one.reason)) throw one.reason
      holds(await store.get(id), Buffer.from('by 8'), 8)
    },
  },
  {
    name: 'whoever reads while it is written sees a whole thread',
    async run(store) {
      const id = randomUUID()
      const all = [1, 2, 3, 4].map((token) => Buffer.alloc(200_000 * token, token))
      await store.put(id, /** @type {Buffer} */ (all[0]), { token: 1 })
      let writing = true
      const writer = (async () => {
        for (const [index, bytes] of all.entries()) await store.put(id, bytes, { token: index + 1 })
        writing = false
      })()
      while (writing) {
        const held = await store.get(id)
        assert.ok(held, 'the thread is gone while it is written')
        holds(held, /** @type {Buffer} */ (all[held.token - 1]), held.token)
      }
      await writer
    },
  },
  {
    name: 'a thread that was deleted is null, and deleting it again is no error',
    async run(store) {
      const id = randomUUID()
      await store.put(id, Buffer.from('x'), { token: 2 })
      await store.delete(id, { token: 2 })
      assert.equal(await store.get(id), null)
      await store.delete(id, { token: 2 })
    },
  },
  {
    name: 'threads do not touch each other',
    async run(store) {
      const [one, two] = [randomUUID(), randomUUID()]
      await store.put(one, Buffer.from('one'), { token: 7 })
      await store.put(two, Buffer.from('two'), { token: 1 })
      await store.delete(one, { token: 7 })
      holds(await store.get(two), Buffer.from('two'), 1)
    },
  },
  {
    name: 'what is no id of a thread is refused',
    async run(store) {
      for (const id of ['', '../x', 'a/b', '..']) {
        await assert.rejects(async () => store.put(id, Buffer.from('x'), { token: 1 }))
      }
    },
  },
]

/**
 * What a store of threads has to do for `codex-node/fleet`, each to be run as a test.
 *
 * @param {() => ThreadStoreLike | Promise<ThreadStoreLike>} create an empty store
 * @returns {{ name: string, run: () => Promise<void> }[]}
 */
function threadStoreChecks(create) {
  if (typeof create !== 'function') throw argumentError('create must be a function that gives a store')
  return checks.map(({ name, run }) => ({ name, run: async () => run(await create()) }))
}

module.exports = { threadStoreChecks }
