import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { FolderStore, RedisStore, StaleTokenError } from '../../fleet/index.mjs'
import { FileError, ThreadBusyError, ThreadNotFoundError } from '../../index.mjs'
import { command, threadStoreChecks } from '../../testing/index.mjs'
import { real } from '../support/real.mjs'
import { startRedis } from './support/redis.mjs'

describe('stores', () => {
  let folder = ''
  /** @type {RedisStore} */
  let redisStore
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'codex-node-store-'))
    const redis = await startRedis({ after: (/** @type {() => Promise<void>} */ f) => void cleanups.push(f) })
    redisStore = new RedisStore({ connection: redis.url })
  })
  after(async () => {
    await redisStore.close()
    for (const clean of cleanups) await clean()
    await rm(folder, { recursive: true, force: true })
  })

  for (const { name, run } of threadStoreChecks(() => new FolderStore(folder))) test(`a folder: ${name}`, run)
  for (const { name, run } of threadStoreChecks(() => redisStore)) test(`Redis: ${name}`, run)

  test('a store that is none fails its checks', async () => {
    const held = new Map()
    const forgetful = {
      put: async (
        /** @type {string} */ id,
        /** @type {Uint8Array} */ bytes,
        /** @type {{ token: number }} */ { token },
      ) => void held.set(id, { bytes, token }),
      get: async (/** @type {string} */ id) => held.get(id) ?? null,
      delete: async (/** @type {string} */ id) => void held.delete(id),
    }
    const results = await Promise.allSettled(threadStoreChecks(() => forgetful).map(({ run }) => run()))
    const failed = results.filter(({ status }) => status === 'rejected')
    assert.ok(failed.length >= 2 && failed.length < results.length)
  })

  test('a late writer in the folder leaves nothing behind that a reader takes', async () => {
    const store = new FolderStore(folder)
    await store.put('t', Buffer.from('new'), { token: 5 })
    // As one that had passed the check before.
    await writeFile(join(folder, 't', '4.jsonl'), 'old')
    assert.equal((await store.get('t'))?.token, 5)
    await store.put('t', Buffer.from('newer'), { token: 5 })
    assert.deepEqual(await readdir(join(folder, 't')), ['5.jsonl'])
    await assert.rejects(store.put('t', Buffer.from('x'), { token: 4 }), StaleTokenError)
  })
})

describe('threads as bytes', () => {
  test('a thread goes on in another CODEX_HOME, and comes back', async (t) => {
    const [a, b] = [await real(t), await real(t)]
    a.provider.enqueue(command('echo seen'), 'One.')
    const thread = await a.codex.startThread({ cwd: a.home.workspace })
    await assert.rejects(thread.export(), ThreadNotFoundError)
    await thread.run('first')
    const one = await thread.export()
    assert.equal(await b.codex.importThread(one), thread.id)
    const there = await b.codex.resumeThread(thread.id)
    await there.run('second')
    const request = b.provider.requests.at(-1)
    assert.deepEqual(request?.userMessages, ['first', 'second'])
    assert.match(request?.toolOutputs[0]?.output ?? '', /seen/)
    const two = await there.export()
    // What it has open would not be read again.
    await assert.rejects(a.codex.importThread(two), ThreadBusyError)
    // It knows more than what comes.
    assert.equal(await b.codex.importThread(one), thread.id)
    assert.ok(Buffer.from(await there.export()).equals(Buffer.from(two)))
    await a.codex.close()
    const again = await real(t, { env: a.home.env })
    assert.equal(await again.codex.importThread(two), thread.id)
    await (await again.codex.resumeThread(thread.id)).run('third')
    const asked = [...a.provider.requests, ...again.provider.requests].at(-1)
    assert.deepEqual(asked?.userMessages, ['first', 'second', 'third'])
  })

  test('what is no thread is refused, and nothing is written', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('go')
    const bytes = Buffer.from(await thread.export())
    const lines = bytes.toString().split('\n')
    const other = { ...JSON.parse(lines[0] ?? '') }
    other.payload = { ...other.payload, id: '../../../etc/x' }
    for (const [wrong, why] of /** @type {[any, RegExp][]} */ ([
      ['text', /Uint8Array/],
      [Buffer.alloc(0), /empty/],
      [bytes.subarray(0, -1), /cut off/],
      [Buffer.from('{"type":"event_msg","payload":{}}\n'), /first line/],
      [Buffer.from(`${lines[0]}\nnonsense\n`), /line 2 is no JSON/],
      [Buffer.from(`${JSON.stringify(other)}\n`), /first line/],
    ])) {
      await assert.rejects(
        codex.importThread(wrong),
        (error) => error instanceof TypeError && why.test(error.message),
      )
    }
    await assert.rejects(codex.importThread(bytes, { maxBytes: 1000 }), /larger than maxBytes/)
    await assert.rejects(thread.export({ maxBytes: 1000 }), /larger than maxBytes/)
    await assert.rejects(
      codex.importThread(bytes, /** @type {any} */ ({ size: 1 })),
      /options.size is unknown/,
    )
    // The same thread with another history.
    const forked = Buffer.from(`${lines.slice(0, -3).join('\n')}\n{"type":"event_msg","payload":{}}\n`)
    await assert.rejects(codex.importThread(forked), FileError)
    const { path } = (await thread.read()).thread
    assert.ok(bytes.equals(await readFile(path ?? '')))
  })

  test('a line that codex is just writing is left out', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('go')
    const whole = Buffer.from(await thread.export())
    const { path } = (await thread.read()).thread
    await writeFile(path ?? '', Buffer.concat([whole, Buffer.from('{"type":"event_')]))
    assert.ok(whole.equals(Buffer.from(await thread.export())))
  })
})
