// A turn over HTTP: what a tab gets, gets again after a reload, and what happens to the turn when it goes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGate, deltas, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { turnResponse } from '../../web/index.mjs'
import { collect } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'
import {
  ask,
  codeOf,
  framesIn,
  framesOf,
  framesUntil,
  inTime,
  isDelta,
  spoken,
  waitingTurn,
  whole,
} from '../support/web.mjs'

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

  test('a heartbeat comes while all events are left out, with the number up to which they are', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const isEnd = (/** @type {any} */ event) =>
      event.method === 'item/completed' && event.params.item.type === 'agentMessage'
    const heartbeats = {
      heartbeatMs: 5,
      transform: (/** @type {any} */ event) => (isEnd(event) ? event : undefined),
    }
    const response = turnResponse(turn, ask(), heartbeats)
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    let text = ''
    while (!/\nid: \d+\n\n(.|\n)*:\n\n/.test(text)) {
      text += new TextDecoder().decode((await reader.read()).value)
    }
    await reader.cancel()
    const left = Number(
      text
        .match(/\nid: (\d+)\n\n/g)
        ?.at(-1)
        ?.match(/\d+/)?.[0],
    )
    // Who comes again with it gets all that comes behind.
    gate.open()
    const frames = await framesOf(turnResponse(turn, ask(String(left)), heartbeats))
    assert.deepEqual(
      frames.map(({ data, event }) => data.method ?? event),
      ['item/completed', 'end'],
    )
    assert.ok(left >= 1 && left < Number(frames[0]?.id), `${left}`)
  })

  test('a heartbeat does not wait for events to cease that are left out', async () => {
    let seq = 0
    const stream = () => ({
      // One after the other, each later than at once, as of a command that writes all the time.
      next: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return { value: { seq: ++seq }, done: false }
      },
      return: async () => ({ value: undefined, done: true }),
    })
    const turn = /** @type {any} */ ({ id: 'u', threadId: 't', stream })
    const response = turnResponse(turn, ask(), { heartbeatMs: 20, transform: () => undefined })
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    const read = async () => new TextDecoder().decode((await reader.read()).value)
    await read()
    for (let beat = 0; beat < 3; beat++) assert.match(await read(), /^(:|id: \d+)\n\n$/)
    await reader.cancel()
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

  test('what is followed as a turn need not hear that nobody reads on', async () => {
    const events = { next: () => Promise.resolve({ value: { seq: 1 }, done: /** @type {const} */ (false) }) }
    const turn = { id: 'a', threadId: 'b', stream: () => events, interrupt: async () => {} }
    const reader = turnResponse(turn, ask()).body?.getReader()
    await reader?.read()
    await reader?.cancel()
    assert.equal(turnResponse(turn, ask(undefined, { method: 'HEAD' })).status, 200)
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
      [Promise.resolve({ heartbeatMs: 5 }), /options: must be a plain object, not Promise/],
      [new Map(), /options: must be a plain object, not Map/],
      [Object.create({ heartbeatMs: 5 }), /options: must be a plain object/],
    ])) {
      assert.throws(() => turnResponse(turn, ask(), options), { name: 'TypeError', message: says })
    }
    assert.throws(() => turnResponse(/** @type {any} */ ({}), ask()), /turn: must be a Turn/)
    const head = turnResponse(turn, ask(undefined, { method: 'HEAD' }))
    assert.deepEqual([head.status, await head.text()], [200, ''])
    const before = turnResponse(turn, ask(undefined, { method: 'OPTIONS' }))
    assert.deepEqual([before.status, await codeOf(before)], [405, 'METHOD_NOT_ALLOWED'])
    assert.equal(before.headers.get('allow'), 'GET, HEAD, POST')
    for (const id of ['999', 'x']) {
      assert.equal(turnResponse(turn, ask(id, { method: 'HEAD' })).status, 400)
      assert.equal(turnResponse(turn, ask(id)).status, 400)
    }
    gate.open()
  })
})
