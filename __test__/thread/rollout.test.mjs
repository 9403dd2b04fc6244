// A thread as bytes: what is refused, what an abort ends, and a codex that runs elsewhere. On the real codex it is in
// the fleet's tests.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, FileError, ThreadNotFoundError } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const id = '01234567-0123-7123-8123-012345678901'
const line = (/** @type {object} */ value) => `${JSON.stringify(value)}\n`
const head = line({ type: 'session_meta', payload: { id, timestamp: '2026-01-01T00:00:00Z' } })
/** More than is checked at once. */
const bytes = Buffer.from(head + line({ type: 'response_item', payload: 'x'.repeat(1000) }).repeat(600))

const unknown = [{ error: { code: -32600, message: `no rollout found for thread id ${id}` } }]
const found = (/** @type {string} */ path) => [{ reply: { thread: { id, path } } }]

/** @param {import('node:test').TestContext} t @param {object} on @param {string} [codexHome] */
function server(t, on, codexHome = temporaryFolder(t)) {
  return { codexHome, ...rig(t, { on }, { env: { CODEX_HOME: codexHome } }) }
}

/** @param {string} folder */
const files = (folder) => readdirSync(folder, { recursive: true }).filter((name) => `${name}`.includes(id))

describe('threads as bytes', { timeout: 60_000 }, () => {
  test('with timers faked nothing hangs', async (t) => {
    const { codex, codexHome } = server(t, { 'thread/read': [unknown, found('/x')] })
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] })
    assert.equal(await codex.importThread(bytes), id)
    t.mock.timers.reset()
    assert.equal(files(codexHome).length, 1)
  })

  test('wrong arguments have the code of such, and say who called', async (t) => {
    const { codex } = server(t, {})
    const thread = await codex.startThread()
    const any = /** @type {any} */ (codex)
    for (const wrong of [
      () => any.importThread('x'),
      () => any.importThread(bytes, { maxBytes: 'x' }),
      () => any.importThread(bytes, { nope: 1 }),
      () => any.importThread(bytes, Promise.resolve({})),
      () => any.importThread(bytes, { signal: {} }),
      () => any.importThread(Buffer.from('x\n')),
      () => /** @type {any} */ (thread).export({ nope: 1 }),
    ]) {
      const error = await rejection(wrong(), TypeError)
      assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
      assert.match(String(error.stack), /rollout\.test\.mjs/)
    }
  })

  test('an abort rejects as anywhere else, whatever is waited for', async (t) => {
    const { codex, codexHome, log } = server(t, { 'thread/read': ['never'] })
    const thread = await codex.startThread()
    const reason = new Error('enough')
    const aborted = AbortSignal.abort(reason)
    for (const call of [
      () => codex.importThread(bytes, { signal: aborted }),
      () => thread.export({ signal: aborted }),
    ]) {
      const error = await rejection(call(), AbortError)
      assert.equal(error.cause, reason)
    }
    for (const call of [
      (/** @type {AbortSignal} */ signal) => codex.importThread(bytes, { signal }),
      (/** @type {AbortSignal} */ signal) => thread.export({ signal }),
    ]) {
      const controller = new AbortController()
      const rejects = rejection(call(controller.signal), AbortError)
      await log.message('thread/read')
      controller.abort(reason)
      assert.equal((await rejects).cause, reason)
    }
    assert.deepEqual(files(codexHome), [])
  })

  test('a codex that runs elsewhere is noticed, and nothing stays behind', async (t) => {
    const folder = temporaryFolder(t)
    const missing = join(folder, 'missing')
    mkdirSync(missing)
    const none = server(t, { 'thread/read': [unknown] }, missing)
    await none.codex.connect()
    rmdirSync(missing)
    const error = await rejection(none.codex.importThread(bytes), FileError)
    assert.match(error.message, /another machine/)
    assert.ok(!existsSync(missing))
    // A folder of that name may be on both machines.
    const home = join(folder, 'home')
    mkdirSync(home)
    const alike = server(t, { 'thread/read': [unknown] }, home)
    assert.match((await rejection(alike.codex.importThread(bytes), FileError)).message, /another machine/)
    assert.deepEqual(files(home), [])
    const held = server(t, { 'thread/read': [found(join(home, 'there.jsonl'))] }, home)
    assert.match((await rejection(held.codex.importThread(bytes), FileError)).message, /another machine/)
    assert.deepEqual(
      readdirSync(home, { recursive: true }).filter((name) => `${name}`.endsWith('l')),
      [],
    )
    const thread = await held.codex.startThread()
    const exported = await rejection(thread.export(), ThreadNotFoundError)
    assert.match(exported.message, /another machine/)
  })
})
