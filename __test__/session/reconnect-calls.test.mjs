// Row W2 of the failure cases: what is asked before the line drops and while there is none, and who hears of it.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { IndeterminateError, TransportError } from '../../index.mjs'
import { createGate, deltas, reply, say, waitFor } from '../../testing/index.mjs'
import { connect, watchConnection } from '../support/connection.mjs'
import { rejection } from '../support/outcomes.mjs'
import { reconnecting } from '../support/reconnect.mjs'

const { anotherFile, behindProxy, provider, scripted, server } = await reconnecting({ after })

describe('calls', { concurrency: 4, timeout: 60_000 }, () => {
  test('W2: what only reads is asked again, the rest is indeterminate and not sent again', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    // One that is stored, to be listed.
    const other = connect(t, { url: server.url })
    await (await scripted(other.codex, [say('before')])).run('go')
    const gate = createGate()
    const thread = await scripted(codex, [reply([waitFor(gate), say('one')])])
    const path = anotherFile('file')
    proxy.mute('down')
    const before = proxy.up.length
    const lists = Promise.all([
      codex.listThreads({ limit: 1 }),
      codex.request('thread/loaded/list', {}),
      thread.read(),
    ])
    const starting = rejection(thread.turn('go'), IndeterminateError)
    const writing = rejection(codex.request('fs/writeFile', { path, dataBase64: '' }), IndeterminateError)
    for (const method of ['thread/list', 'thread/loaded/list', 'thread/read', 'turn/start', 'fs/writeFile']) {
      const { id } = await proxy.message('up', (message) => message.method === method, before)
      await proxy.message('down', (message) => message.id === id)
    }
    proxy.cut()
    proxy.unmute()
    assert.equal((await starting).method, 'turn/start')
    assert.equal((await writing).method, 'fs/writeFile')
    const [page, loaded, read] = await lists
    assert.ok(page.data.length === 1 && loaded.data.includes(thread.id) && read !== null)
    assert.equal(proxy.sent('turn/start').length, 1)
    assert.equal(proxy.sent('fs/writeFile').length, 1)
    assert.equal(proxy.sent('thread/list').length, 2)
    await events.next('resumed')
    // The server has begun the turn all the same; the next one waits for its end.
    provider.when((request) => request.threadId === thread.id, say('two'))
    const next = thread.run('go on')
    gate.open()
    assert.equal((await next).status, 'completed')
  })

  test('what is asked in the gap waits for the next line', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    await codex.connect()
    proxy.refuse()
    await events.next('lost')
    const starting = scripted(codex, [say('late')])
    const list = codex.request('thread/loaded/list', {})
    await codex.notify('x/told')
    await events.next('connecting')
    proxy.accept()
    const thread = await starting
    assert.ok(Array.isArray((await list).data))
    assert.equal((await thread.run('go')).finalResponse, 'late')
    assert.equal(proxy.sent('thread/start').length, 1)
    assert.equal(proxy.sent('x/told').length, 1)
  })

  test('what is asked in the gap keeps its deadline', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    await codex.connect()
    proxy.refuse()
    await events.next('lost')
    const asking = codex.request('thread/start', {}, { timeoutMs: 200 })
    const error = /** @type {any} */ (await rejection(asking, Error))
    assert.equal(error.code, 'TIMEOUT')
    proxy.accept()
    await events.next('resumed')
    await codex.request('thread/loaded/list', {})
    assert.equal(proxy.sent('thread/start').length, 0, 'nobody waits for it any more')
  })

  test('a command that runs for this client when the line drops', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const handle = await codex.execCommand(['sh', '-c', 'echo begun; sleep 600'], { stream: true })
    const output = handle[Symbol.asyncIterator]()
    await output.next()
    proxy.cut()
    const rest = output.next()
    const exit = await rejection(handle.exit, IndeterminateError)
    assert.equal(exit.method, 'command/exec')
    // Whoever reads is not left waiting.
    await Promise.allSettled([rest])
    await events.next('resumed')
  })

  test('a call whose answer is too long for maxMessageBytes is not asked for ever', async (t) => {
    const { codex, events } = await behindProxy(t, { maxMessageBytes: 200_000 })
    const thread = await scripted(codex, [deltas(3_000, { text: 'a long answer ' }), say('short')])
    // The item itself is shorter than what is read of the whole thread.
    const turns = await Promise.all(Array.from({ length: 5 }, () => thread.run('go')))
    assert.equal(turns.length, 5)
    const error = await rejection(thread.read({ includeTurns: true }), TransportError)
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.ok(events.types().filter((type) => type === 'lost').length <= 4)
    await codex.request('thread/loaded/list', {})
  })
})

describe('listeners', { concurrency: true, timeout: 60_000 }, () => {
  test('each hears what happens, in order; one that throws harms nobody', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    /** @type {string[]} */
    const warnings = []
    const warn = (/** @type {Error} */ warning) => warnings.push(warning.message)
    process.on('warning', warn)
    t.after(() => process.off('warning', warn))
    const first = /** @type {string[]} */ ([])
    const once = /** @type {string[]} */ ([])
    const off = /** @type {string[]} */ ([])
    const listener = (/** @type {{ type: string }} */ event) => off.push(event.type)
    const returned = codex.on('connection', (event) => {
      first.push(event.type)
      throw new Error('a bug of the listener')
    })
    assert.equal(returned, codex)
    codex.once('connection', (event) => once.push(event.type))
    codex.on('connection', listener)
    const late = watchConnection(codex)
    await codex.connect()
    await late.next('connected')
    codex.off('connection', listener)
    proxy.cut()
    await late.next('resumed')
    await codex.close()
    await events.next('closed')
    await late.next('closed')
    const all = ['connecting', 'connected', 'lost', 'connecting', 'resumed', 'closed']
    assert.deepEqual(first, all)
    await late.were(/** @type {any} */ (all))
    assert.deepEqual(once, ['connecting'])
    assert.deepEqual(off, ['connecting', 'connected'])
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(warnings.filter((warning) => warning.includes('a bug of the listener')).length, all.length)
  })

  test('what is no listener is refused', async (t) => {
    const { codex } = connect(t, { url: server.url })
    for (const method of /** @type {const} */ (['on', 'once', 'off'])) {
      const call = /** @type {(...args: unknown[]) => unknown} */ (codex[method]).bind(codex)
      assert.throws(() => call('connections', () => {}), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
      assert.throws(() => call('connection'), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
      assert.throws(() => call('connection', {}), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
    }
  })
})
