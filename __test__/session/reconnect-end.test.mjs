// Row W2 of the failure cases: a line that does not come back, or that drops again while it does.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { AbortError, ClosedError, IndeterminateError, TransportError } from '../../index.mjs'
import { createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { checkEvents, reconnecting } from '../support/reconnect.mjs'

const { behindProxy, endedOnServer, scripted } = await reconnecting({ after })

/** A turn that runs while the line is down and stays so. @param {import('node:test').TestContext} t */
async function turnWithoutLine(t) {
  const { codex, proxy, events } = await behindProxy(t)
  const gate = createGate()
  t.after(() => gate.open())
  const controller = new AbortController()
  const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
  const turn = await thread.turn('go', { signal: controller.signal })
  await gate.reached
  proxy.refuse()
  await events.next('lost')
  return { controller, proxy, thread, turn }
}

describe('the end', { concurrency: 4, timeout: 60_000 }, () => {
  test('W2: a server that is gone for good: turns reject in time, and the next call connects anew', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 1_000 })
    const gate = createGate()
    t.after(() => gate.open())
    const threads = [
      await scripted(codex, [reply([say('one'), waitFor(gate)]), say('two')]),
      await scripted(codex, [reply([say('one'), waitFor(gate)]), say('two')]),
    ]
    const turns = await Promise.all(threads.map((thread) => thread.turn('go')))
    await gate.reached
    const started = performance.now()
    proxy.refuse()
    await events.next('lost')
    const queued = rejection(codex.request('thread/list', {}), TransportError)
    for (const turn of turns) {
      const error = await rejection(turn.run(), TransportError)
      assert.equal(error.code, 'CONNECTION_LOST')
      assert.match(error.message, /within 1000 ms/)
      await rejection(collect(turn.stream()), TransportError)
    }
    assert.equal((await queued).code, 'CONNECTION_LOST')
    assert.ok(performance.now() - started < 5_000)
    const { error } = await events.next('closed')
    assert.equal(error.code, 'CONNECTION_LOST')
    proxy.accept()
    gate.open()
    const [first] = threads
    assert.equal((await first?.run('again'))?.status, 'completed')
    await events.next('connected')
    assert.deepEqual(events.types().slice(-2), ['connecting', 'connected'])
    assert.equal(events.types()[2], 'lost')
  })

  test('restart: false: after the loss every call rejects', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 200, restart: false })
    await codex.connect()
    proxy.refuse()
    await events.next('closed')
    proxy.accept()
    for (const call of [
      () => codex.request('thread/list', {}),
      () => codex.startThread(),
      () => codex.connect(),
    ]) {
      assert.equal((await rejection(call(), TransportError)).code, 'CONNECTION_LOST')
    }
    assert.equal(proxy.sent('initialize').length, 1)
  })

  test('restart: false: a client that has never been connected may try again', async (t) => {
    const { codex, proxy } = await behindProxy(t, { restart: false })
    proxy.refuse()
    assert.equal((await rejection(codex.connect(), TransportError)).code, 'CONNECT_FAILED')
    proxy.accept()
    await codex.connect()
  })

  test('reconnectTimeoutMs: 0 does not try', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 0 })
    const gate = createGate()
    t.after(() => gate.open())
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go')
    await gate.reached
    proxy.cut()
    assert.equal((await rejection(turn.run(), TransportError)).code, 'CONNECTION_LOST')
    await events.were(['connecting', 'connected', 'closed'])
  })

  test('the pauses grow: a few tries in a second, counted from 1', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 3_000 })
    await codex.connect()
    proxy.refuse()
    await events.next('closed')
    const attempts = events.seen.flatMap((event) => (event.type === 'connecting' ? event.attempt : []))
    assert.equal(attempts[0], 1)
    assert.deepEqual(
      attempts.slice(1),
      attempts.slice(1).map((_, at) => at + 1),
    )
    const tries = attempts.length - 1
    assert.ok(tries >= 2 && tries <= 6, `${tries} tries`)
    proxy.accept()
    await codex.connect()
    await events.next('connected')
    assert.deepEqual(events.seen.at(-2), { type: 'connecting', attempt: 1 })
  })

  test('a server that does not take the token any more is not asked again', async (t) => {
    let upgrades = 0
    const peer = await startPeer(t, {
      refuse: () => (++upgrades > 1 ? 'HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n' : undefined),
      methods: { 'x/cut': (_, peer) => void peer.socket.destroy() },
    })
    const { codex, events } = connect(t, { url: peer.url, token: 'a-token-that-expires' })
    await codex.connect()
    const calling = rejection(codex.request('x/cut', {}), IndeterminateError)
    const { error } = await events.next('closed')
    await calling
    assert.equal(error.status, 401)
    assert.equal(upgrades, 2)
  })

  test('close() while it connects again', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    t.after(() => gate.open())
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go')
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    const calls = [
      rejection(codex.request('thread/list', {}), ClosedError),
      rejection(turn.run(), ClosedError),
    ]
    await events.next('connecting')
    const started = performance.now()
    await codex.close()
    await Promise.all(calls)
    assert.ok(performance.now() - started < 5_000)
    await events.next('closed')
    assert.deepEqual(events.seen.at(-1), { type: 'closed' })
    assert.equal(events.types().filter((type) => type === 'closed').length, 1)
    proxy.accept()
    await rejection(codex.connect(), ClosedError)
  })

  test('abort of a turn while the line is down: it is interrupted once there is another', async (t) => {
    const { controller, proxy, thread, turn } = await turnWithoutLine(t)
    controller.abort(new Error('enough'))
    proxy.accept()
    const error = await rejection(turn.run(), AbortError)
    assert.equal(/** @type {any} */ (error.cause).message, 'enough')
    await endedOnServer(t, thread.id)
    assert.equal(proxy.sent('turn/interrupt').length > 0, true)
  })

  test('abort of a turn while the line stays down: it rejects within the bound', async (t) => {
    const { controller, turn } = await turnWithoutLine(t)
    const started = performance.now()
    controller.abort()
    await rejection(turn.run(), AbortError)
    assert.ok(performance.now() - started < 7_000)
  })

  test('the line drops in the first handshake', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    proxy.mute('down')
    const connecting = rejection(codex.connect(), TransportError)
    const starting = rejection(codex.startThread(), TransportError)
    await proxy.connected(1)
    proxy.cut()
    proxy.unmute()
    assert.equal((await connecting).code, 'CONNECT_FAILED')
    await starting
    await codex.connect()
    await events.were(['connecting', 'closed', 'connecting', 'connected'])
  })

  test('the line drops again while threads are resumed', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate), say('two')])])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await gate.reached
    const before = proxy.up.length
    proxy.cut()
    await proxy.message('up', ({ method }) => method === 'thread/resume', before)
    proxy.cut()
    await events.next('resumed')
    gate.open()
    const result = await turn.run()
    assert.equal(result.finalResponse, 'two')
    checkEvents(await reader, result)
    await events.were(['connecting', 'connected', 'lost', 'connecting', 'connecting', 'resumed'])
  })
})
