// What stands around turns on a server: the registry that keeps them, and Node's listeners.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGate } from '../../testing/index.mjs'
import { TurnRegistry, toNodeListener, turnResponse } from '../../web/index.mjs'
import { rig } from '../support/rig.mjs'
import {
  ask,
  framesOf,
  framesUntil,
  inTime,
  isDelta,
  serve,
  spoken,
  waitingTurn,
  whole,
} from '../support/web.mjs'

describe('TurnRegistry', inTime, () => {
  const big = { flood: { count: 100, bytes: 1000, text: 'x' } }
  const script = {
    on: { 'turn/start': [['turnBegin', 'messageStarted', big, 'messageCompleted', 'turnEnd']] },
  }

  test('keeps turns that run and have ended, within its bytes; the oldest end goes first', async (t) => {
    const { codex } = rig(t, script)
    const thread = await codex.startThread()
    const registry = new TurnRegistry({ maxBytes: 250_000 })
    const ids = []
    for (let i = 0; i < 4; i++) {
      const turn = registry.add(await thread.turn('go'))
      assert.equal(registry.add(turn), turn)
      ids.push(turn.id)
      await turn.run()
      // The registry hears of its end by a promise of its own.
      while (registry.bytes > 250_000) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(registry.bytes > 100_000, `${registry.bytes}`)
    }
    assert.ok(registry.size >= 1 && registry.size < 4, `${registry.size}`)
    assert.equal(registry.get(ids[0] ?? ''), undefined)
    assert.equal(registry.response(ids[0] ?? '', ask()).status, 404)
    const last = ids.at(-1) ?? ''
    assert.equal((await framesOf(registry.response(last, ask()))).at(-1)?.event, 'end')
    assert.equal(registry.delete(last), true)
    assert.equal(registry.delete(last), false)
    registry.clear()
    assert.deepEqual([registry.size, registry.bytes], [0, 0])
  })

  test('forgets a turn some time after its end, never before', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const registry = new TurnRegistry({ maxBytes: 0, keepMs: 0 })
    registry.add(turn)
    await framesUntil(registry.response(turn.id, ask()), isDelta)
    const open = registry.response(turn.id, ask())
    gate.open()
    assert.equal(spoken((await framesOf(open)).map(({ data }) => data)), whole)
    await turn.run()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(registry.size, 0)
    assert.throws(
      () => new TurnRegistry(/** @type {any} */ ({ ttl: 1 })),
      /options\.ttl: there is no such option/,
    )
    assert.throws(() => registry.add(/** @type {any} */ ({})), /turn: must be a Turn/)
  })

  test('forgets by the clock', async (t) => {
    const { codex } = rig(t, script)
    const registry = new TurnRegistry({ keepMs: 20 })
    const turn = registry.add(await (await codex.startThread()).turn('go'))
    await turn.run()
    while (registry.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(registry.get(turn.id), undefined)
  })
})

describe('toNodeListener', inTime, () => {
  test('gives a handler the request as it came, and the client its response', async (t) => {
    const listener = toNodeListener(async (request) => {
      const { pathname, search, host } = new URL(request.url)
      if (pathname === '/nothing') return undefined
      const headers = new Headers({ 'content-type': 'text/plain' })
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      const text = `${request.method} ${host} ${pathname}${search} ${request.headers.get('x-a')} ${await request.text()}`
      return new Response(text, { status: 201, headers })
    })
    const { url } = await serve(t, listener)
    const sent = { method: 'POST', body: 'the body', headers: { 'x-a': 'ä' } }
    const response = await fetch(`${url}//evil/a%20b?c=d`, sent)
    assert.equal(await response.text(), `POST ${new URL(url).host} //evil/a%20b?c=d ä the body`)
    assert.deepEqual([response.status, response.headers.getSetCookie()], [201, ['a=1', 'b=2']])
    assert.equal((await fetch(`${url}/nothing`)).status, 404)
    assert.equal((await fetch(url, { method: 'HEAD' })).status, 201)
  })

  test('as a middleware of Express: mounted, behind a parser of bodies, with a next', async (t) => {
    const listener = toNodeListener(
      async (request) => {
        if (request.url.endsWith('/next')) return undefined
        if (request.url.endsWith('/throw')) throw new RangeError('broken')
        return Response.json({ url: new URL(request.url).pathname, body: await request.json() })
      },
      { onError: () => {} },
    )
    const { url } = await serve(t, (incoming, outgoing) => {
      const chunks = /** @type {Buffer[]} */ ([])
      incoming.on('data', (chunk) => chunks.push(chunk))
      incoming.on('end', () => {
        Object.assign(incoming, {
          originalUrl: incoming.url,
          url: '/mounted',
          body: chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString()),
        })
        void listener(incoming, outgoing, (/** @type {any} */ error) => outgoing.end(`next: ${error?.name}`))
      })
    })
    const response = await fetch(`${url}/api/turns`, { method: 'POST', body: '{"a":1}' })
    assert.deepEqual(await response.json(), { url: '/api/turns', body: { a: 1 } })
    assert.equal(await (await fetch(`${url}/next`)).text(), 'next: undefined')
    assert.equal(await (await fetch(`${url}/throw`)).text(), 'next: RangeError')
  })

  test('what the handler throws is a 500 without a word of it', async (t) => {
    /** @type {unknown[]} */
    const errors = []
    const listener = toNodeListener(
      () => {
        throw new Error('a secret')
      },
      { onError: (error) => errors.push(error) },
    )
    const { url } = await serve(t, listener)
    const response = await fetch(url)
    assert.deepEqual([response.status, await response.text()], [500, 'Internal Server Error'])
    assert.match(String(errors[0]), /a secret/)
  })

  test('a client that goes aborts the request, and the turn goes on', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const aborted = createGate()
    const listener = toNodeListener((request) => {
      request.signal.addEventListener('abort', () => aborted.open())
      return turnResponse(turn, request)
    })
    const { url } = await serve(t, listener)
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    await /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader().read()
    controller.abort()
    await aborted.opened
    gate.open()
    assert.equal((await turn.run()).status, 'completed')
  })
})
