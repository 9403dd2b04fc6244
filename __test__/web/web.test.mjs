// A turn over HTTP: what a tab gets, gets again after a reload, and what happens to the turn when it goes.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as esbuild from 'esbuild'
import { commonJs } from '../../scripts/web-client.mjs'
import { command, createGate, deltas, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { TurnStreamError, turnEvents } from '../../web/client.mjs'
import { TurnRegistry, toNodeListener, turnResponse } from '../../web/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const inTime = { concurrency: true, timeout: 60_000 }

/**
 * @param {string} [lastEventId]
 * @param {RequestInit} [init]
 */
function ask(lastEventId, init) {
  const headers = lastEventId === undefined ? undefined : { 'last-event-id': lastEventId }
  return new Request('http://127.0.0.1/turns/1', { ...(headers && { headers }), ...init })
}

/**
 * The frames of a text of server-sent events.
 *
 * @param {string} text
 * @returns {{ id: string, event: string, data: any }[]}
 */
function framesIn(text) {
  const field = (/** @type {string} */ frame, /** @type {string} */ name) =>
    frame.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1] ?? ''
  return text
    .split('\n\n')
    .filter((frame) => frame.includes('data: '))
    .map((frame) => ({
      id: field(frame, 'id'),
      event: field(frame, 'event'),
      data: JSON.parse(field(frame, 'data')),
    }))
}

/** @param {Response} response */
async function framesOf(response) {
  return framesIn(await response.text())
}

/**
 * Reads the frames of a response until one fits, and leaves.
 *
 * @param {Response} response
 * @param {(frame: { id: string, event: string, data: any }) => boolean} fits
 */
async function framesUntil(response, fits) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
    const frames = framesIn(text.slice(0, text.lastIndexOf('\n\n') + 2))
    const found = frames.findIndex(fits)
    if (found >= 0) {
      await reader.cancel()
      return frames.slice(0, found + 1)
    }
  }
  return assert.fail(`the response ended: ${text.slice(-500)}`)
}

/** @param {{ data: any }} frame */
const isDelta = ({ data }) => data.method === 'item/agentMessage/delta'

/** @param {Iterable<any>} events @returns {string} */
const spoken = (events) =>
  [...events]
    .filter(({ method }) => method === 'item/agentMessage/delta')
    .map(({ params }) => params.delta)
    .join('')

/** @param {Response} response that refuses @returns {Promise<unknown>} */
const codeOf = async (response) => /** @type {{ code?: unknown }} */ (await response.json()).code

/**
 * A turn that says `ab ` five times, waits for the gate, and says `end`.
 *
 * @param {import('node:test').TestContext} t
 */
async function waitingTurn(t) {
  const file = join(temporaryFolder(t), 'go')
  const says = (/** @type {string} */ text, /** @type {number} */ pieces) => ({ deltas: { text, pieces } })
  const { codex } = rig(t, {
    on: {
      'turn/start': [
        [
          'turnBegin',
          'messageStarted',
          says('ab ab ab ab ab ', 5),
          { waitForFile: file },
          says('end', 1),
          { play: 'messageCompleted', with: { text: whole } },
          'turnEnd',
        ],
      ],
    },
  })
  const thread = await codex.startThread()
  return { gate: { open: () => writeFileSync(file, '') }, turn: await thread.turn('go') }
}
const whole = 'ab ab ab ab ab end'

/**
 * A server on loopback with a handler.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('node:http').RequestListener} listener
 */
async function serve(t, listener) {
  const server = createServer(listener)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { server, url: `http://127.0.0.1:${port}` }
}

describe('the numbers of events', inTime, () => {
  const ten = { flood: { count: 10, bytes: 16, numbered: true } }
  const script = {
    on: { 'turn/start': [['turnBegin', 'messageStarted', ten, 'messageCompleted', 'turnEnd']] },
  }

  test('each event has the next number, joined ones that of the last, and continued turns go on with them', async (t) => {
    const { codex } = rig(t, script)
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    const every = await collect(turn.stream({ coalesce: false }))
    assert.deepEqual(
      every.map(({ seq }) => seq),
      every.map((_, index) => index + 1),
    )
    const joined = await collect(turn.stream())
    assert.equal(joined.length, every.length - 9)
    for (const event of joined) assert.equal(every[event.seq - 1]?.method, event.method)
    const stream = turn.stream()
    await stream.next()
    const { value } = await stream.next()
    const continued = await codex.continueTurn(stream.continuation())
    const after = await collect(continued.stream())
    assert.equal(after[0]?.seq, Number(value?.seq) + 1)
    assert.deepEqual(after, joined.slice(2))
    // What lies before the continuation is not its own, but still here.
    assert.equal((await collect(continued.stream({ after: 0 })))[0]?.seq, 1)
  })

  test('stream({ after }) begins behind any event, wherever it lies in what is joined', async (t) => {
    const { codex } = rig(t, script)
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    const every = await collect(turn.stream({ coalesce: false }))
    for (let after = 0; after <= every.length; after++) {
      assert.deepEqual(await collect(turn.stream({ coalesce: false, after })), every.slice(after))
      const joined = await collect(turn.stream({ after }))
      assert.equal(spoken(joined), spoken(every.slice(after)), `after ${after}`)
    }
    const wrong = {
      code: 'INVALID_ARGUMENT',
      message: /options\.after: turn .* has \d+ events so far, none with the number 99/,
    }
    assert.throws(() => turn.stream({ after: 99 }), wrong)
    for (const after of [-1, 1.5, '1', Number.NaN]) {
      assert.throws(
        () => turn.stream(/** @type {any} */ ({ after })),
        { code: 'INVALID_ARGUMENT' },
        `${after}`,
      )
    }
    for (const kind of /** @type {const} */ (['text', 'steps'])) {
      assert.throws(() => turn[kind](/** @type {any} */ ({ after: 1 })), /options\.after: .*stream\(\)/)
    }
    assert.ok(turn.keptBytes > 10 * 16 && turn.keptBytes < 20_000, `${turn.keptBytes}`)
  })
})

describe('turnResponse', inTime, () => {
  test('gives every event once as JSON with its number, and then the end', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('go', say('Hello.'))
    const turn = await (await codex.startThread()).turn('go')
    const response = turnResponse(turn, ask())
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    assert.equal(response.headers.get('codex-turn-id'), turn.id)
    assert.match(response.headers.get('cache-control') ?? '', /no-cache/)
    const frames = await framesOf(response)
    const end = frames.pop()
    const events = frames.map(({ data }) => data)
    assert.deepEqual(
      frames.map(({ id }) => Number(id)),
      events.map(({ seq }) => seq),
    )
    assert.equal(events.at(-1)?.method, 'turn/completed')
    assert.equal(spoken(events), 'Hello.')
    assert.deepEqual([end?.event, end?.id], ['end', `${events.at(-1)?.seq}.end`])
  })

  test('a tab that comes again, in the middle of the turn or after its end, gets what it missed, once', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    provider.when('go', reply([deltas(5, { text: 'ab ' }), waitFor(gate), 'end']))
    const turn = await (await codex.startThread()).turn('go')
    const first = await framesUntil(turnResponse(turn, ask()), isDelta)
    const again = turnResponse(turn, ask(first.at(-1)?.id))
    gate.open()
    const rest = await framesOf(again)
    assert.equal(spoken([...first, ...rest].map(({ data }) => data)), whole)
    // The turn has ended now, and all of it is still there from any number on.
    const numbers = rest.filter(({ event }) => event === '').map(({ id }) => id)
    for (const id of [first.at(-1)?.id ?? '', ...numbers]) {
      const missed = await framesOf(turnResponse(turn, ask(id)))
      assert.equal(missed.at(-1)?.event, 'end')
      assert.ok(missed.every((frame) => frame.event === 'end' || Number(frame.id) > Number(id)))
    }
    const url = `http://127.0.0.1/turns/1?after=${first.at(-1)?.id}`
    assert.deepEqual(
      spoken((await framesOf(turnResponse(turn, new Request(url)))).map(({ data }) => data)),
      spoken(rest.map(({ data }) => data)),
      'an address tells it as well',
    )
    const done = turnResponse(turn, ask(rest.at(-1)?.id))
    assert.deepEqual([done.status, await done.text()], [204, ''], 'who has the end is told not to come again')
  })

  test('two tabs get the same', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const one = framesOf(turnResponse(turn, ask()))
    const early = await framesUntil(turnResponse(turn, ask()), isDelta)
    const two = framesOf(turnResponse(turn, ask(early.at(-1)?.id)))
    gate.open()
    assert.equal(spoken((await one).map(({ data }) => data)), whole)
    assert.equal(spoken([...early, ...(await two)].map(({ data }) => data)), whole)
  })

  test('a closed tab does not end the turn, whether it cancels or its request is aborted', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    await framesUntil(turnResponse(turn, ask()), isDelta)
    const controller = new AbortController()
    const aborted = turnResponse(turn, ask(undefined, { signal: controller.signal }))
    const reading = aborted.text()
    controller.abort()
    await reading
    assert.equal(await turnResponse(turn, ask(undefined, { signal: AbortSignal.abort() })).text(), '')
    gate.open()
    assert.equal((await turn.run()).status, 'completed')
  })

  test('interruptOnClose ends the turn with the last tab, after the grace that a reload takes', async (t) => {
    const { turn } = await waitingTurn(t)
    const options = { interruptOnClose: { graceMs: 300 } }
    const other = turnResponse(turn, ask(), options)
    const first = await framesUntil(turnResponse(turn, ask(), options), isDelta)
    await other.body?.cancel()
    // In time: it takes the interrupt back, however long it stays.
    const again = turnResponse(turn, ask(first.at(-1)?.id), options)
    const ended = turn.run().then(({ status }) => status)
    const later = new Promise((resolve) => setTimeout(resolve, 400, 'still running'))
    assert.equal(await Promise.race([ended, later]), 'still running')
    await again.body?.cancel()
    assert.equal(await ended, 'interrupted')
    const { turn: second } = await waitingTurn(t)
    await framesUntil(turnResponse(second, ask(), { interruptOnClose: true }), isDelta)
    assert.equal((await second.run()).status, 'interrupted')
  })

  test('a turn that fails is told by its events, one that is lost by the frame `failed`', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('fail', httpError(400))
    const failing = await (await codex.startThread()).turn('fail')
    const told = await framesOf(turnResponse(failing, ask()))
    assert.deepEqual(
      told.slice(-2).map(({ event, data }) => event || data.params.turn.status),
      ['failed', 'end'],
    )
    const { codex: dying } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'messageStarted', { stderr: 'the last words' }, { exit: 3 }]] },
    })
    const turn = await (await dying.startThread()).turn('go')
    const frames = await framesOf(turnResponse(turn, ask()))
    const last = frames.at(-1)
    assert.equal(last?.event, 'failed')
    assert.equal(last?.data.name, 'ServerExitedError')
    assert.match(last?.data.message, /the last words/)
    const id = frames.at(-2)?.id
    assert.deepEqual(await framesOf(turnResponse(turn, ask(id))), [last], 'again')
    assert.equal(turnResponse(turn, ask(last?.id)).status, 204)
    const describeError = (/** @type {any} */ { code }) => ({ code })
    const hidden = await framesOf(turnResponse(turn, ask(id), { describeError }))
    assert.deepEqual(hidden[0]?.data, { code: last?.data.code })
  })

  test('transform changes and leaves out what is sent; the numbers stay', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    gate.open()
    const transform = (/** @type {any} */ event) =>
      event.method.endsWith('delta') ? event.params.delta : undefined
    const frames = await framesOf(turnResponse(turn, ask(), { transform }))
    assert.equal(
      frames
        .slice(0, -1)
        .map(({ data }) => data)
        .join(''),
      whole,
    )
    assert.ok(Number(frames[0]?.id) > 1)
    const broken = await framesOf(
      turnResponse(turn, ask(), {
        transform: () => {
          throw new RangeError('no')
        },
      }),
    )
    assert.deepEqual([broken.length, broken[0]?.event, broken[0]?.data.name], [1, 'failed', 'RangeError'])
  })

  test('a heartbeat is a comment, and nothing else comes of it', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const response = turnResponse(turn, ask(), { heartbeatMs: 5 })
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    let text = ''
    while (!/\n\n:\n\n:\n\n/.test(text)) text += new TextDecoder().decode((await reader.read()).value)
    gate.open()
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      text += new TextDecoder().decode(value)
    }
    assert.equal(spoken(framesIn(text).map(({ data }) => data)), whole)
  })

  test('a tab that takes nothing has nothing read for it, and one that is slow gets what was joined meanwhile', async (t) => {
    const count = 20_000
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          ['turnBegin', 'messageStarted', { flood: { count, bytes: 16 } }, 'messageCompleted', 'turnEnd'],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    const stream = turn.stream.bind(turn)
    let read = 0
    turn.stream = (/** @type {any} */ options) => {
      const events = stream(options)
      const next = events.next.bind(events)
      events.next = () => {
        read++
        return next()
      }
      return events
    }
    const slow = turnResponse(turn, ask())
    await turn.run()
    assert.equal(read, 0)
    const kept = turn.keptBytes
    assert.ok(kept < count * 64, `${kept} bytes are kept of ${count * 16} bytes of text`)
    const frames = await framesOf(slow)
    assert.equal(spoken(frames.map(({ data }) => data)).length, count * 16)
    assert.ok(frames.length < 50, `${frames.length} frames`)
  })

  test('wrong ids, turns and options are refused in words', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    for (const id of ['x', '-1', '1.5', '9999', '1e3', '99999999999999999999']) {
      const response = turnResponse(turn, ask(id))
      assert.deepEqual([response.status, await codeOf(response)], [400, 'INVALID_LAST_EVENT_ID'], id)
    }
    const none = turnResponse(undefined, ask())
    assert.deepEqual([none.status, await codeOf(none)], [404, 'TURN_NOT_FOUND'])
    for (const [options, says] of /** @type {[any, RegExp][]} */ ([
      [{ heartbeat: 1 }, /options\.heartbeat: there is no such option; there are heartbeatMs/],
      [{ heartbeatMs: -1 }, /options\.heartbeatMs: must be a number of at least 0, not -1/],
      [{ interruptOnClose: 5 }, /options\.interruptOnClose: must be/],
      [{ interruptOnClose: { graceMs: 'x' } }, /graceMs/],
      [{ transform: 1 }, /options\.transform: must be a function/],
      [1, /options: must be an object/],
    ])) {
      assert.throws(() => turnResponse(turn, ask(), options), { name: 'TypeError', message: says })
    }
    assert.throws(() => turnResponse(/** @type {any} */ ({}), ask()), /turn: must be a Turn/)
    const head = turnResponse(turn, ask(undefined, { method: 'HEAD' }))
    assert.deepEqual([head.status, await head.text()], [200, ''])
    gate.open()
  })
})

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
      // It ends for the registry in the same moment.
      await new Promise((resolve) => setImmediate(resolve))
      assert.ok(registry.bytes <= 250_000 && registry.bytes > 100_000, `${registry.bytes}`)
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

describe('the client', inTime, () => {
  /**
   * A server of one turn that can cut its connections.
   *
   * @param {import('node:test').TestContext} t
   * @param {import('../../index.js').Turn<unknown>} turn
   * @param {import('../../web/index.js').TurnResponseOptions} [options]
   */
  async function serveTurn(t, turn, options) {
    /** @type {(string | null)[]} */
    const asked = []
    const { server, url } = await serve(
      t,
      toNodeListener((request) => {
        asked.push(request.headers.get('last-event-id'))
        return turnResponse(turn, request, options)
      }),
    )
    return { server, url, asked }
  }

  test('gives what Turn.stream() gives', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    gate.open()
    await turn.run()
    const { url } = await serveTurn(t, turn)
    const events = turnEvents(url)
    const all = await collect(events)
    assert.deepEqual(all, await collect(turn.stream()))
    assert.deepEqual([events.turnId, events.threadId], [turn.id, turn.threadId])
    assert.equal(events.position, all.at(-1)?.seq)
    assert.deepEqual(await events.next(), { value: undefined, done: true })
    const [first] = all
    assert.deepEqual(await collect(turnEvents(url, { after: first?.seq ?? 0 })), all.slice(1))
  })

  test('comes again where the line drops, also in the middle of a frame, and gives everything once', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            'messageStarted',
            { flood: { count: 300, bytes: 20, numbered: true } },
            'messageCompleted',
            'turnEnd',
          ],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    const every = await collect(turn.stream({ coalesce: false }))
    /** @type {(string | null)[]} */
    const asked = []
    // Each answer is cut after some more bytes.
    const fetchPart = async (/** @type {any} */ url, /** @type {any} */ init) => {
      asked.push(new Headers(init.headers).get('last-event-id'))
      const request = new Request(url, { headers: init.headers })
      const response = turnResponse(
        Object.create(turn, {
          stream: { value: (/** @type {any} */ options) => turn.stream({ ...options, coalesce: false }) },
          id: { value: turn.id },
          threadId: { value: turn.threadId },
        }),
        request,
      )
      const bytes = new Uint8Array(await response.arrayBuffer())
      const cut = bytes.slice(0, asked.length * 997)
      return new Response(cut, response)
    }
    /** @type {number[]} */
    const attempts = []
    const events = turnEvents('http://127.0.0.1/', {
      fetch: /** @type {any} */ (fetchPart),
      initialDelayMs: 0,
      onReconnect: ({ attempt }) => attempts.push(attempt),
    })
    assert.deepEqual(await collect(events), every)
    assert.ok(asked.length > 5)
    assert.equal(asked[0], null)
    assert.ok(
      attempts.every((attempt) => attempt <= 2),
      'progress counts anew',
    )
  })

  test('comes again where connections are cut, and where the server is not there for a while', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { server, url, asked } = await serveTurn(t, turn)
    let refuse = 2
    /** @type {Error[]} */
    const errors = []
    const events = turnEvents(url, {
      initialDelayMs: 1,
      fetch: async (input, init) => {
        if (asked.length > 0 && refuse-- > 0) return new Response('busy', { status: 503 })
        return fetch(input, init)
      },
      onReconnect: ({ error }) => errors.push(error),
    })
    let text = ''
    for await (const event of events) {
      text += spoken([event])
      if (text !== '' && errors.length === 0) server.closeAllConnections()
      if (errors.length === 3) gate.open()
      if (errors.length === 0 && text === '') continue
      gate.open()
    }
    assert.equal(text, whole)
    assert.equal(asked.length, 2)
    assert.deepEqual(errors.map((error) => /** @type {any} */ (error).status).slice(1), [503, 503])
  })

  test('a line that says nothing at all counts as dead', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { url, asked } = await serveTurn(t, turn, { heartbeatMs: 0 })
    const events = turnEvents(url, { silenceMs: 50, initialDelayMs: 1, onReconnect: () => gate.open() })
    assert.equal(spoken(await collect(events)), whole)
    assert.ok(asked.length >= 2)
  })

  test('a response that was begun by a POST is gone on with by `resume`', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { server, url, asked } = await serveTurn(t, turn)
    const response = await fetch(url, { method: 'POST', body: 'go' })
    const resume = (/** @type {{ turnId: string }} */ { turnId }) => {
      assert.equal(turnId, turn.id)
      gate.open()
      return url
    }
    let text = ''
    for await (const event of turnEvents(response, { resume, initialDelayMs: 1 })) {
      if (text === '' && event.method === 'item/agentMessage/delta') server.closeAllConnections()
      text += spoken([event])
    }
    assert.equal(text, whole)
    assert.equal(asked.length, 2)
    const { turn: second } = await waitingTurn(t)
    const { server: other, url: there } = await serveTurn(t, second)
    const lost = turnEvents(await fetch(there))
    await lost.next()
    other.closeAllConnections()
    const error = await rejection(collect(lost), TurnStreamError)
    assert.equal(error.code, 'CONNECTION_LOST')
  })

  test('abort rejects with an AbortError, leaving ends a next() that waits; the turn goes on', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { url } = await serveTurn(t, turn)
    const controller = new AbortController()
    const reason = new Error('enough')
    const events = turnEvents(url, { signal: controller.signal })
    const aborted = rejection(
      (async () => {
        for await (const event of events)
          if (event.method.endsWith('delta')) setImmediate(() => controller.abort(reason))
      })(),
      TurnStreamError,
    )
    const error = await aborted
    assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'ABORT_ERR', reason])
    const early = await rejection(
      turnEvents(url, { signal: AbortSignal.abort(reason) }).next(),
      TurnStreamError,
    )
    assert.equal(early.cause, reason)
    const left = turnEvents(url)
    let waiting = left.next()
    while (
      !(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 50, undefined))]).then(
        (got) => got === undefined,
      ))
    )
      waiting = left.next()
    assert.deepEqual(await left.return(), { value: undefined, done: true })
    assert.deepEqual(await waiting, { value: undefined, done: true })
    await turnEvents(url)[Symbol.asyncDispose]()
    gate.open()
    assert.equal((await turn.run()).status, 'completed')
  })

  test('errors say what it was', async (t) => {
    const { codex: dying } = rig(t, {
      on: { 'turn/start': [['turnBegin', { stderr: 'last words' }, { exit: 3 }]] },
    })
    const turn = await (await dying.startThread()).turn('go')
    const { url } = await serveTurn(t, turn)
    const failed = await rejection(collect(turnEvents(url)), TurnStreamError)
    assert.deepEqual([failed.code, failed.remote?.name], ['TURN_FAILED', 'ServerExitedError'])
    assert.match(failed.message, /last words/)
    const answers = (/** @type {Response} */ response) => ({
      fetch: async () => response.clone(),
      initialDelayMs: 0,
      maxRetries: 2,
    })
    const gone = await rejection(turnEvents(url, answers(turnResponse(null, ask()))).next(), TurnStreamError)
    assert.deepEqual([gone.code, gone.status], ['TURN_NOT_FOUND', 404])
    const denied = await rejection(
      turnEvents(url, answers(new Response('who?', { status: 401 }))).next(),
      TurnStreamError,
    )
    assert.deepEqual(
      [denied.code, denied.status, denied.body, denied.retryable],
      ['HTTP_STATUS', 401, 'who?', false],
    )
    const html = await rejection(turnEvents(url, answers(new Response('<html>'))).next(), TurnStreamError)
    assert.match(html.message, /something else than events/)
    const busy = await rejection(
      turnEvents(url, answers(new Response('', { status: 502 }))).next(),
      TurnStreamError,
    )
    assert.deepEqual([busy.code, busy.status, busy.retryable], ['CONNECTION_LOST', 502, true])
    const nobody = turnEvents('http://127.0.0.1:1/', { initialDelayMs: 0, maxRetries: 1 }).next()
    const refused = await rejection(nobody, TurnStreamError)
    assert.match(refused.message, /after 2 tries/)
    assert.ok(refused.cause instanceof TypeError)
  })

  test('is small, has no Node in it, and its CommonJS form is up to date', async () => {
    const { outputFiles, warnings } = await esbuild.build({
      stdin: {
        contents: "export * from 'codex-node/web/client'",
        resolveDir: new URL('../..', import.meta.url).pathname,
      },
      bundle: true,
      minify: true,
      write: false,
      platform: 'browser',
      format: 'esm',
    })
    assert.deepEqual(warnings, [])
    const code = outputFiles[0]?.text ?? ''
    assert.ok(code.length < 5_000, `${code.length} bytes`)
    assert.doesNotMatch(code, /require|process|Buffer|node:/)
    const file = new URL('../../web/client.js', import.meta.url)
    assert.equal(readFileSync(file, 'utf8'), commonJs(), 'node scripts/web-client.mjs')
  })
})

test('a command, its output and its end come over the wire as they are', async (t) => {
  const { codex, provider, home } = await real(t)
  provider.when('go', command('echo hello', { callId: 'c' }), say('Done.'))
  const turn = await (await codex.startThread({ cwd: home.workspace })).turn('go')
  const { url } = await serve(
    t,
    toNodeListener((request) => turnResponse(turn, request)),
  )
  const events = await collect(turnEvents(url))
  const items = events.flatMap((event) => (event.method === 'item/completed' ? [event.params.item] : []))
  assert.deepEqual(items, (await turn.run()).items)
})
