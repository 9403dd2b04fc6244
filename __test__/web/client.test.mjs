// The client of a turn over HTTP: it comes again where a line drops, and gives each event once.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import * as esbuild from 'esbuild'
import { commonJs } from '../../scripts/web-client.mjs'
import { command, say } from '../../testing/index.mjs'
import { TurnStreamError, turnEvents } from '../../web/client.mjs'
import { toNodeListener, turnResponse } from '../../web/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'
import { ask, inTime, serve, spoken, waitingTurn, whole } from '../support/web.mjs'

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

  test('texts come as they are, whatever ends a line somewhere', async (t) => {
    const text = 'a\u2028b\u2029c\r\nd\re\u0000\ufeff\u{1f600} data: x\n\nid: 9\n\n'
    const { codex, provider } = await real(t)
    provider.enqueue(say(text))
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await turn.run()
    const { url } = await serveTurn(t, turn)
    const said = (await collect(turnEvents(url))).flatMap(({ method, params }) =>
      method === 'item/completed' && params.item.type === 'agentMessage' ? [params.item.text] : [],
    )
    assert.deepEqual(said, [text])
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

  test('a server that takes the line and never answers is silent, too', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    gate.open()
    await turn.run()
    let tries = 0
    const { server, url } = await serve(t, (request, response) => {
      // The first gets no word, not even a head.
      if (tries++ > 0) void toNodeListener((asked) => turnResponse(turn, asked))(request, response)
    })
    assert.ok(server.listening)
    const events = turnEvents(url, { silenceMs: 1_000, initialDelayMs: 1 })
    assert.deepEqual(await collect(events), await collect(turn.stream()))
    assert.ok(tries >= 2)
  })

  test('a line that says nothing at all counts as dead', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { url } = await serveTurn(t, turn, { heartbeatMs: 0 })
    let reconnects = 0
    const onReconnect = () => {
      reconnects++
      gate.open()
    }
    // A busy machine is silent for longer than that itself.
    const events = turnEvents(url, { silenceMs: 50, initialDelayMs: 1, maxRetries: 10_000, onReconnect })
    assert.equal(spoken(await collect(events)), whole)
    assert.ok(reconnects >= 1)
  })

  test('a turn that is silent for long outlasts any number of lines that are cut', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const { server, url, asked } = await serveTurn(t, turn, { heartbeatMs: 5 })
    let cuts = 0
    const events = turnEvents(url, {
      maxRetries: 1,
      initialDelayMs: 1,
      silenceMs: Number.MAX_SAFE_INTEGER,
      // As a proxy does that gives a request no more than so long.
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        const [own, watched] = /** @type {ReadableStream<Uint8Array>} */ (response.body).tee()
        void (async () => {
          let text = ''
          const decoder = new TextDecoder()
          for await (const bytes of /** @type {any} */ (watched)) {
            text += decoder.decode(bytes)
            if (!/\n:\n/.test(text) || cuts === 4) continue
            cuts++
            server.closeAllConnections()
            if (cuts === 4) gate.open()
            return
          }
        })().catch(() => {})
        return new Response(own, response)
      },
    })
    assert.equal(spoken(await collect(events)), whole)
    assert.deepEqual([cuts, asked.length], [4, 5])
  })

  test('what the server leaves out moves the position, and a line with that alone is alive', async (t) => {
    const { turn, gate } = await waitingTurn(t)
    const transform = (/** @type {any} */ event) =>
      event.method === 'item/completed' && event.params.item.type === 'agentMessage' ? event : undefined
    const { server, url, asked } = await serveTurn(t, turn, { heartbeatMs: 5, transform })
    const events = turnEvents(url, { initialDelayMs: 1, onReconnect: () => gate.open() })
    const rest = collect(events)
    while (events.position === 0) await immediate()
    const left = events.position
    server.closeAllConnections()
    assert.deepEqual(
      (await rest).map(({ method }) => method),
      ['item/completed'],
    )
    assert.equal(asked.length, 2)
    assert.ok(left >= 1 && left < events.position, `${left}`)
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
    assert.match(html.message, /without events/)
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
