// A turn's readers, its control, and what comes of it.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, TurnFailedError } from '../../index.mjs'
import {
  command,
  createGate,
  cut,
  endEarly,
  failed,
  httpError,
  incomplete,
  rawEvent,
  reasoning,
  reply,
  say,
  waitFor,
} from '../../testing/index.mjs'
import { assertContains } from '../support/contains.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

/** @typedef {import('../../index.js').TurnEvent} TurnEvent */

const inTime = { concurrency: true, timeout: 60_000 }

describe('readers of a turn', inTime, () => {
  test('each sees everything, also one that comes when the turn is over', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'messageStarted', { waitForFile: go }, 'agentMessage', 'turnEnd']] },
    })
    const turn = await (await codex.startThread()).turn('go')
    const first = turn.stream({ coalesce: false })
    const seen = [await first.next(), await first.next()]
    const late = collect(turn.stream({ coalesce: false }))
    writeFileSync(go, '')
    const all = [...seen.map(({ value }) => value), ...(await collect(first))]
    assert.equal(all.length, 12)
    assert.deepEqual(await late, all)
    assert.deepEqual(await collect(turn.stream({ coalesce: false })), all)
    assert.deepEqual((await turn.run()).items.length, 2)
  })

  test('for await over the Turn is stream()', async (t) => {
    const { codex } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    const methods = []
    for await (const event of turn) methods.push(event.method)
    assert.equal(methods[0], 'turn/started')
    assert.equal(methods.at(-1), 'turn/completed')
    assert.deepEqual(
      methods,
      (await collect(turn.stream())).map(({ method }) => method),
    )
  })

  test('an event is as the server sent it', async (t) => {
    const params = {
      threadId: '$threadId',
      turnId: '$turnId',
      itemId: 'i',
      delta: 'é "\\\n😀\u0000',
      n: [1e300, -0.5, null, true, { ' ': '' }],
    }
    const notify = { method: 'item/agentMessage/delta', params, emittedAtMs: 1234.5 }
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', { notify }, { notify }, 'turnEnd']] },
    })
    const turn = await (await codex.startThread()).turn('go')
    const sent = { ...notify, params: { ...params, threadId: turn.threadId, turnId: turn.id } }
    const every = (await collect(turn.stream({ coalesce: false }))).filter(isDelta)
    // And its number, which is no part of what was sent.
    const [first = -1, second = -1] = every.map(({ seq }) => seq)
    assert.equal(second, first + 1)
    assert.deepEqual(every, [
      { ...sent, seq: first },
      { ...sent, seq: second },
    ])
    const joined = (await collect(turn.stream())).filter(isDelta)
    const delta = params.delta + params.delta
    assert.deepEqual(joined, [{ ...sent, params: { ...sent.params, delta }, seq: second }])
  })

  test('coalesce joins what is adjacent and of one item alone', async (t) => {
    const delta = (/** @type {string} */ itemId, /** @type {string} */ delta, rest = {}) => ({
      notify: {
        method: 'item/agentMessage/delta',
        params: { threadId: '$threadId', turnId: '$turnId', itemId, delta, ...rest },
      },
    })
    const thought = { ...delta('a', 'think').notify, method: 'item/reasoning/textDelta' }
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            delta('a', '1'),
            delta('a', '2'),
            delta('b', '3'),
            delta('a', '4'),
            { notify: thought },
            delta('a', '5'),
            delta('a', '6', { contentIndex: 1 }),
            delta('a', '7'),
            'turnEnd',
          ],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    const texts = (await collect(turn)).flatMap((event) =>
      'delta' in event.params ? [event.params.delta] : [],
    )
    assert.deepEqual(texts, ['12', '3', '4', 'think', '5', '6', '7'])
    assert.equal((await collect(turn.text())).join(''), '12\n\n3\n\n4567')
  })

  test('several calls of next() are answered in their order', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const { codex } = rig(t, {
      on: { 'turn/start': [[{ waitForFile: go }, 'turnBegin', 'agentMessage', 'turnEnd'], 'default'] },
    })
    const thread = await codex.startThread()
    const begun = thread.turn('go')
    writeFileSync(go, '')
    const stream = (await begun).stream({ coalesce: false })
    /** @type {number[]} */
    const settled = []
    const results = await Promise.all(
      Array.from({ length: 14 }, async (_, index) => {
        const result = await stream.next()
        settled.push(index)
        return result
      }),
    )
    assert.deepEqual(
      settled,
      settled.map((_, index) => index),
    )
    const events = results.flatMap(({ value }) => (value === undefined ? [] : [value]))
    assert.equal(events.length, 11)
    assert.deepEqual(events, await collect((await begun).stream({ coalesce: false })))
    assert.deepEqual(
      results.slice(11).map(({ done }) => done),
      [true, true, true],
    )
  })

  test('next() after the end stays done', async (t) => {
    const { codex } = rig(t)
    const stream = (await (await codex.startThread()).turn('go')).stream()
    await collect(stream)
    assert.deepEqual(await stream.next(), { value: undefined, done: true })
    assert.deepEqual(await stream.return(), { value: undefined, done: true })
    assert.deepEqual(await stream.next(), { value: undefined, done: true })
  })

  test('return() twice, and next() after it', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = await (await codex.startThread()).turn('go')
    const stream = turn.stream()
    await stream.next()
    const done = { value: undefined, done: true }
    assert.deepEqual(await Promise.all([stream.return(), stream.return()]), [done, done])
    assert.deepEqual(await stream.next(), done)
    assert.equal(log.messages('turn/interrupt').length, 1)
  })

  test('return() ends a next() that waits', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const stream = (await (await codex.startThread()).turn('go')).stream()
    for (let event = 0; event < 3; event++) await stream.next()
    const waiting = stream.next()
    await stream.return()
    assert.deepEqual(await waiting, { value: undefined, done: true })
  })

  test('break interrupts the turn when nobody else follows it', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = await (await codex.startThread()).turn('go')
    for await (const _ of turn) break
    assert.deepEqual(
      log.messages('turn/interrupt').map(({ params }) => params),
      [{ threadId: turn.threadId, turnId: turn.id }],
    )
    assert.equal((await turn.run()).status, 'interrupted')
  })

  const others = /** @type {const} */ ({
    'another stream': (/** @type {import('../../index.js').Turn} */ turn) => collect(turn),
    'a reader of the text': (/** @type {import('../../index.js').Turn} */ turn) => collect(turn.text()),
    'somebody who waits for the result': (/** @type {import('../../index.js').Turn} */ turn) => turn.run(),
  })
  for (const [who, follow] of Object.entries(others)) {
    test(`break leaves the turn to ${who}`, async (t) => {
      const go = join(temporaryFolder(t), 'go')
      const list = ['turnBegin', { waitForFile: go }, 'agentMessage', 'turnEnd']
      const { codex, log } = rig(t, { on: { 'turn/start': [list] } })
      const turn = await (await codex.startThread()).turn('go')
      const following = follow(turn)
      for await (const _ of turn) break
      writeFileSync(go, '')
      await following
      assert.equal((await turn.run()).status, 'completed')
      assert.deepEqual(log.messages('turn/interrupt'), [])
    })
  }

  test('leaveRunning leaves the turn running', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const list = ['turnBegin', { waitForFile: go }, 'agentMessage', 'turnEnd']
    const { codex, log } = rig(t, { on: { 'turn/start': [list] } })
    const turn = await (await codex.startThread()).turn('go')
    for await (const _ of turn.stream({ leaveRunning: true })) break
    const text = turn.text({ leaveRunning: true })
    await text.return()
    await codex.request('model/list', {})
    writeFileSync(go, '')
    assert.equal((await turn.run()).status, 'completed')
    assert.deepEqual(log.messages('turn/interrupt'), [])
  })

  test('an error thrown in the loop interrupts the turn, and is the one that is seen', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = await (await codex.startThread()).turn('go')
    const loop = async () => {
      for await (const _ of turn) throw new RangeError('mine')
    }
    await rejection(loop(), RangeError)
    assert.equal(log.messages('turn/interrupt').length, 1)
  })

  test('break at the last event interrupts nothing', async (t) => {
    const { codex, log } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    for await (const event of turn) if (event.method === 'turn/completed') break
    assert.deepEqual(log.messages('turn/interrupt'), [])
  })

  test('a reader has what its type says, and nothing else', async (t) => {
    const { codex } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    const has = (/** @type {object} */ reader) => ['continuation', 'dropped'].filter((name) => name in reader)
    for (const reader of [turn.stream(), turn.text(), turn.steps(), turn[Symbol.asyncIterator]()]) {
      assert.deepEqual(has(reader), ['continuation'])
    }
    assert.deepEqual(has(turn.subAgents()), [])
    assert.deepEqual(has(codex.notifications()), ['dropped'])
    assert.deepEqual(has(codex.serverRequests()), ['dropped'])
  })

  test('Symbol.asyncDispose leaves like break', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const stream = (await (await codex.startThread()).turn('go')).stream()
    await stream[Symbol.asyncDispose]()
    assert.equal(log.messages('turn/interrupt').length, 1)
  })
})

describe('text()', inTime, () => {
  test('is the final text, in the chunks that were ready', async (t) => {
    const { codex } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    const chunks = await collect(turn.text())
    assert.ok(chunks.every((chunk) => chunk.length > 0))
    assert.equal(chunks.join(''), (await turn.run()).finalResponse)
    assert.deepEqual(await collect(turn.text()), ['Hello from the rig.'], 'a late reader takes it at once')
  })

  test('has every character whole', async (t) => {
    const text = 'é€😀'.repeat(3_000)
    const { codex, provider, home } = await real(t)
    provider.enqueue(say(text, { chunks: 500 }))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('go')
    assert.equal((await collect(turn.text())).join(''), text)
  })

  test('has the text of a message that came without deltas, or with some', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            { play: 'messageCompleted', with: { itemId: 'a', text: 'One. ' } },
            { play: 'messageStarted', with: { itemId: 'b' } },
            { set: { itemId: 'b' } },
            { deltas: { text: 'Tw', pieces: 2 } },
            { play: 'messageCompleted', with: { itemId: 'b', text: 'Two.' } },
            'turnEnd',
          ],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    assert.equal((await collect(turn.text())).join(''), 'One. \n\nTwo.')
  })

  test('holds nothing but what the assistant said', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(reply([reasoning('I think.'), command('echo out')]), say('I say.'))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('I ask.')
    assert.equal((await collect(turn.text())).join(''), 'I say.')
  })

  test('rejects for a failed turn, after what was said', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', 'turnFailed']] } })
    const turn = await (await codex.startThread()).turn('go')
    let text = ''
    const read = async () => {
      for await (const chunk of turn.text()) text += chunk
    }
    const error = await rejection(read(), TurnFailedError)
    assert.equal(text, 'Hello from the rig.')
    assert.equal(error.message, 'the model failed')
  })

  test('ends for an interrupted turn', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage']] } })
    const turn = await (await codex.startThread()).turn('go')
    const chunks = turn.text()
    assert.match((await chunks.next()).value ?? '', /^Hello/)
    await turn.interrupt()
    await collect(chunks)
  })
})

describe('the result', inTime, () => {
  const cases = /** @type {const} */ ([
    ['no message', [], null],
    [
      'the last message without a phase',
      [
        ['one', null],
        ['two', null],
      ],
      'two',
    ],
    [
      'a final answer before what has no phase',
      [
        ['one', 'final_answer'],
        ['two', null],
      ],
      'one',
    ],
    [
      'the last final answer',
      [
        ['one', 'final_answer'],
        ['two', 'final_answer'],
      ],
      'two',
    ],
    ['never a commentary', [['one', 'commentary']], null],
    [
      'what has no phase before a later commentary',
      [
        ['one', null],
        ['two', 'commentary'],
      ],
      'one',
    ],
    ['an empty string', [['', 'final_answer']], ''],
  ])
  for (const [what, messages, expected] of cases) {
    test(`finalResponse: ${what}`, async (t) => {
      const list = messages.map(([text, phase], index) => ({
        play: 'messageCompleted',
        with: { text, phase, itemId: `m-${index}` },
      }))
      const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', ...list, 'turnEnd']] } })
      const { finalResponse } = await (await codex.startThread()).run('go')
      assert.equal(finalResponse, expected)
    })
  }

  test('of the real codex: phases, items and usage', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(
      reply([say('Looking.', { phase: 'commentary' }), command('echo hi')], {
        usage: { inputTokens: 10, outputTokens: 1 },
      }),
      reply([reasoning('Fine.'), say('Done.', { phase: 'final_answer' })], {
        usage: { inputTokens: 20, outputTokens: 2 },
      }),
    )
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('go')
    const [result, events] = await Promise.all([turn.run(), collect(turn)])
    assert.equal(result.threadId, thread.id)
    assert.equal(result.turnId, turn.id)
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Done.')
    const completed = events.flatMap((event) =>
      event.method === 'item/completed' ? [event.params.item] : [],
    )
    assert.deepEqual(result.items, completed)
    assert.deepEqual(
      result.items.map(({ type }) => type),
      ['userMessage', 'agentMessage', 'commandExecution', 'reasoning', 'agentMessage'],
    )
    const ran = result.items.find((item) => item.type === 'commandExecution')
    assert.equal(ran?.aggregatedOutput, 'hi\n')
    assert.equal(ran?.exitCode, 0)
    assert.equal(result.usage?.total.totalTokens, 33)
    assert.equal(result.usage?.last.totalTokens, 22)
    assert.ok(Math.abs((result.completedAt ?? 0) - Date.now() / 1000) < 60)
    assert.ok((result.startedAt ?? 0) <= (result.completedAt ?? 0))
    assert.ok(Number.isInteger(result.durationMs))
  })

  test('run() may be called more than once, also when the turn is over', async (t) => {
    const { codex } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    const [one, two] = await Promise.all([turn.run(), turn.run()])
    assert.deepEqual(one, two)
    assert.deepEqual(await turn.run(), one)
  })
})

describe('a model that fails, with the real codex', inTime, () => {
  const disconnected = /^stream disconnected before completion/
  const begun = [
    rawEvent({
      type: 'response.output_item.added',
      item: { type: 'message', role: 'assistant', id: 'm', content: [] },
    }),
    rawEvent({ type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'half' }),
  ]
  /** @type {[string, import('../../testing/index.js').ScriptStep, unknown, number | null, boolean, RegExp][]} */
  const cases = [
    ['500', httpError(500), 'internalServerError', null, true, /./],
    [
      '503, overloaded',
      httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } }),
      'serverOverloaded',
      null,
      true,
      /./,
    ],
    ['429', httpError(429), { responseTooManyFailedAttempts: { httpStatusCode: 429 } }, 429, true, /429/],
    [
      '429, usage limit',
      httpError(429, { body: { error: { type: 'usage_limit_reached', message: 'limit' } } }),
      'usageLimitExceeded',
      null,
      false,
      /./,
    ],
    ['401', httpError(401), { httpConnectionFailed: { httpStatusCode: 401 } }, 401, false, /401/],
    [
      '404, model',
      httpError(404, { body: { error: { code: 'model_not_found', message: 'no such model' } } }),
      'modelNotFound',
      null,
      false,
      /./,
    ],
    ['400', httpError(400, { body: 'bad thing' }), 'other', null, false, /bad thing/],
    ['a cut stream', cut(...begun), 'other', null, true, disconnected],
    ['a stream without an end', endEarly(...begun), 'other', null, true, disconnected],
    [
      'an incomplete response',
      incomplete('max_output_tokens', begun),
      'other',
      null,
      false,
      /max_output_tokens/,
    ],
    ['a failed response', failed('server_error', 'oops', begun), 'other', null, true, disconnected],
    ['a full context', failed('context_length_exceeded'), 'contextWindowExceeded', null, false, /./],
    ['a rate limit', failed('rate_limit_exceeded', 'slow down'), 'rateLimitExceeded', null, true, /./],
    ['no quota', failed('insufficient_quota'), 'usageLimitExceeded', null, false, /./],
  ]

  test('rejects with what it was, each time, and the next turn works', async (t) => {
    const { codex, provider, home } = await real(t)
    // Not from the queue: after some failures codex compacts the thread before it goes on.
    provider.when('again', say('Fine again.'))
    const { version } = (await codex.connect()).serverInfo
    for (const [what, step, codexErrorInfo, httpStatus, retryable, message] of cases) {
      await t.test(what, async () => {
        provider.enqueue(step)
        const thread = await codex.startThread({ cwd: home.workspace })
        const turn = await thread.turn('go')
        const [error, events] = await Promise.all([rejection(turn.run(), TurnFailedError), collect(turn)])
        // Codex before 0.165 has no name for it.
        const unnamed = codexErrorInfo === 'modelNotFound' && /^0\.16[34]\./.test(version)
        const status = unnamed ? 404 : httpStatus
        assertContains(
          error.codexErrorInfo,
          unnamed ? { httpConnectionFailed: { httpStatusCode: 404 } } : codexErrorInfo,
        )
        assert.equal(error.httpStatus, status)
        assert.equal(error.retryable, retryable)
        assert.match(error.message, message)
        assert.equal(error.turnId, turn.id)
        assert.equal(error.result.status, 'failed')
        assert.deepEqual(
          error.result.items.map(({ type }) => type),
          ['userMessage'],
        )
        assert.equal(events.at(-1)?.method, 'turn/completed')
        assert.equal((await thread.run('again')).finalResponse, 'Fine again.')
      })
    }
  })

  test('carries the items that were completed before', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(reply([say('Looking.', { phase: 'commentary' }), command('echo hi')]), httpError(500))
    const thread = await codex.startThread({ cwd: home.workspace })
    const { result } = await rejection(thread.run('go'), TurnFailedError)
    assert.deepEqual(
      result.items.map(({ type }) => type),
      ['userMessage', 'agentMessage', 'commandExecution'],
    )
    assert.equal(result.finalResponse, null)
    assert.equal(result.usage?.last.totalTokens, 120)
  })

  test('a request that is repeated in silence succeeds', async (t) => {
    const { codex, provider, home } = await real(t, {}, { requestMaxRetries: 2 })
    provider.enqueue(httpError(500), httpError(500), say('At last.'))
    const { finalResponse } = await (await codex.startThread({ cwd: home.workspace })).run('go')
    assert.equal(finalResponse, 'At last.')
  })
})

describe('control, with the real codex', inTime, () => {
  test('steer() adds to the running turn', async (t) => {
    const { codex, provider, home } = await real(t)
    const gate = createGate()
    provider.enqueue(reply([say('I begin.'), waitFor(gate)]), say('Both done.'))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('one thing')
    await gate.reached
    assert.equal(await turn.steer('and another'), undefined)
    gate.open()
    const { finalResponse, status } = await turn.run()
    assert.equal(status, 'completed')
    assert.equal(finalResponse, 'Both done.')
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one thing', 'and another'])
  })

  test('steer() straight after the start', async (t) => {
    const { codex, provider, home } = await real(t)
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('First.')])).enqueue(say('Second.'))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('one thing')
    await turn.steer([{ type: 'text', text: 'and another' }])
    gate.open()
    const { status } = await turn.run()
    assert.equal(status, 'completed')
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one thing', 'and another'])
  })

  test('interrupt() while the model speaks', async (t) => {
    const { codex, provider, home } = await real(t)
    const gate = createGate()
    provider.enqueue(
      reply([...['I', ' am', ' talking'].map((text) => say(text)), waitFor(gate)]),
      say('Next.'),
    )
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('talk')
    const events = collect(turn)
    await gate.reached
    assert.equal(await turn.interrupt(), undefined)
    const result = await turn.run()
    assert.equal(result.status, 'interrupted')
    assert.equal((await events).at(-1)?.method, 'turn/completed')
    // Once more does nothing.
    await turn.interrupt()
    assert.equal((await thread.run('next')).finalResponse, 'Next.')
  })

  test('interrupt() while a command runs', async (t) => {
    const { codex, provider, home } = await real(t)
    const [begun, go] = [join(home.workspace, 'begun'), join(home.workspace, 'go')]
    // The command goes on by itself, so it has to end by itself.
    const wait = `touch '${begun}'; for i in $(seq 600); do [ -e '${go}' ] && exit; sleep 0.1; done`
    provider.enqueue(command(wait, { yield_time_ms: 30_000 }), say('Next.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('run it')
    for await (const event of turn.stream({ leaveRunning: true })) {
      if (event.method === 'item/started' && event.params.item.type === 'commandExecution') break
    }
    while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, 10))
    await turn.interrupt()
    const { status, items } = await turn.run()
    assert.equal(status, 'interrupted')
    assert.ok(!items.some(({ type }) => type === 'commandExecution'))
    writeFileSync(go, '')
    assert.equal((await thread.run('next')).finalResponse, 'Next.')
  })

  for (const [what, abortable] of /** @type {const} */ ([
    ['Codex.run', (/** @type {any} */ given) => given.codex.run('go', given.options)],
    ['Thread.run', (/** @type {any} */ given) => given.thread.run('go', given.options)],
    ['Turn.run', async (/** @type {any} */ given) => (await given.thread.turn('go', given.options)).run()],
    [
      'Turn.stream',
      async (/** @type {any} */ given) => collect(await given.thread.turn('go', given.options)),
    ],
    [
      'Turn.text',
      async (/** @type {any} */ given) => collect((await given.thread.turn('go', given.options)).text()),
    ],
  ])) {
    test(`the signal of a turn ends ${what} and the turn, with what there was`, async (t) => {
      const { codex, provider, home } = await real(t)
      const gate = createGate()
      provider.enqueue(reply([say('Half.', { phase: 'commentary' }), waitFor(gate)]), say('Next.'))
      const thread = await codex.startThread({ cwd: home.workspace })
      const controller = new AbortController()
      const options = { signal: controller.signal, ...(what === 'Codex.run' ? { cwd: home.workspace } : {}) }
      const running = abortable({ codex, thread, options })
      running.catch(() => {})
      await gate.reached
      // By then the answer to turn/start has been seen to as well: before, an abort has no result.
      await codex.request('thread/loaded/list', {})
      const reason = new Error('changed my mind')
      controller.abort(reason)
      const error = await rejection(running, AbortError)
      assert.equal(error.name, 'AbortError')
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, reason)
      assert.equal(error.result?.status, 'interrupted')
      assert.equal(error.result?.items[0]?.type, 'userMessage')
      assert.equal(provider.requests[0]?.turnId, error.result?.turnId)
      // The turn is over at the server as well.
      if (what !== 'Codex.run') assert.equal((await thread.run('next')).finalResponse, 'Next.')
    })
  }

  test('a signal that is aborted when the turn is over changes nothing', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const controller = new AbortController()
    const turn = await thread.turn('go', { signal: controller.signal })
    const result = await turn.run()
    controller.abort()
    assert.deepEqual(await turn.run(), result)
    assert.equal((await collect(turn)).at(-1)?.method, 'turn/completed')
  })
})

// Alone, for what it measures.
test('the event loop turns while 100,000 deltas flood in', { timeout: 60_000 }, async (t) => {
  const count = 100_000
  const flood = [
    'turnBegin',
    'messageStarted',
    { flood: { count, bytes: 16 } },
    'messageCompleted',
    'turnEnd',
  ]
  const { codex } = rig(t, { on: { 'turn/start': [flood] } })
  const thread = await codex.startThread()
  /** The longest gap of each try: other programs can stretch one, a loop that is held up shows in all. */
  const gaps = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const turn = await thread.turn('go')
    let [last, longest, ticks] = [clock(), 0, 0]
    const timer = setInterval(() => {
      const now = clock()
      longest = Math.max(longest, now - last)
      last = now
      ticks++
    }, 1)
    let deltas = 0
    for await (const event of turn.stream({ coalesce: false })) if (isDelta(event)) deltas++
    clearInterval(timer)
    longest = Math.max(longest, clock() - last)
    assert.equal(deltas, count)
    assert.ok(ticks > 10, `${ticks} ticks`)
    gaps.push(longest)
  }
  assert.ok(Math.min(...gaps) < 100, `${gaps} ms`)
})

/** Milliseconds, without those in which the main thread wanted to run and other programs had the processor (Linux). */
function clock() {
  if (process.platform !== 'linux') return performance.now()
  const waited = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]
  return performance.now() - Number(waited) / 1e6
}

/** @param {TurnEvent} event */
function isDelta(event) {
  return event.method === 'item/agentMessage/delta'
}
