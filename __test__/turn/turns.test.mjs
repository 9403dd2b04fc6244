// Rows T3 to T7, T12, T14 and T15 of the failure cases: turns that fail or that this version does not know, sub-agents,
// readers.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TurnFailedError } from '../../index.mjs'
import { rawEvent, reply, say } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'
import { ended, flood, inShort, numbered } from '../support/turns.mjs'

const here = { threadId: '$threadId', turnId: '$turnId' }

describe('turns', { concurrency: true, timeout: 60_000 }, () => {
  test('T3: what a sub-agent says does not touch the turn of its parent', async (t) => {
    const child = { threadId: 'child', turnId: 'child-turn', itemId: 'child-item' }
    const message = { type: 'agentMessage', id: 'child-item', text: 'I am the child.', phase: 'final_answer' }
    const usage = { totalTokens: 9, inputTokens: 9, cachedInputTokens: 0, outputTokens: 0 }
    const whole = { id: 'child-turn', items: [], status: 'completed', error: null }
    const say = [
      ['thread/status/changed', { threadId: 'child', status: { type: 'active', activeFlags: [] } }],
      ['turn/started', { threadId: 'child', turn: { ...whole, status: 'inProgress' } }],
      ['item/started', { ...child, item: { ...message, text: '' } }],
      ['item/agentMessage/delta', { ...child, delta: 'I am' }],
      ['item/completed', { ...child, item: message }],
      ['thread/tokenUsage/updated', { ...child, tokenUsage: { total: usage, last: usage } }],
      ['error', { ...child, error: { message: 'child failed' }, willRetry: false }],
      ['thread/status/changed', { threadId: 'child', status: { type: 'idle' } }],
      ['turn/completed', { threadId: 'child', turn: whole }],
    ].map(([method, params]) => ({ notify: { method, params } }))
    const list = [
      'turnBegin',
      ...say,
      'messageStarted',
      { deltas: { text: 'I am the parent.', pieces: 2 } },
      ...say,
      { play: 'messageCompleted', with: { text: 'I am the parent.' } },
      ...say,
      'turnEnd',
      ...say,
    ]
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const seen = codex.notifications()
    const turn = await (await codex.startThread()).turn('go')
    const [events, text, result] = await Promise.all([collect(turn), collect(turn.text()), turn.run()])

    assert.equal(result.finalResponse, 'I am the parent.')
    assert.equal(text.join(''), 'I am the parent.')
    assert.deepEqual(
      result.items.map((item) => item.type),
      ['userMessage', 'agentMessage'],
    )
    assert.equal(result.usage?.total.totalTokens, 120)
    assert.ok(events.every((event) => threadOf(event) === turn.threadId))
    assert.equal(events.filter((event) => event.method === 'turn/completed').length, 1)

    // The child can be followed, under its own id.
    const ofChild = []
    for await (const event of seen) {
      if (threadOf(event) === 'child') ofChild.push(event.method)
      if (ofChild.length === 4 * say.length) break
    }
    const once = say.map(({ notify }) => notify.method)
    assert.deepEqual(ofChild, [...once, ...once, ...once, ...once])
  })

  test('T4: a failed turn rejects with all that is known of the failure', async (t) => {
    const codexErrorInfo = { httpConnectionFailed: { httpStatusCode: 503 } }
    const failure = { play: 'turnFailed', with: { message: 'no luck', codexErrorInfo } }
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', 'tokenUsage', failure]] } })
    const turn = await (await codex.startThread()).turn('go')
    // The stream has an end of its own: it tells of the failure by its last event.
    const [error, events] = await Promise.all([rejection(turn.run(), TurnFailedError), collect(turn)])
    assert.deepEqual(events.slice(-2).map(inShort), ['error', 'turn/completed'])
    assert.equal(error.name, 'TurnFailedError')
    assert.equal(error.code, 'TURN_FAILED')
    assert.equal(error.message, 'no luck')
    assert.deepEqual(error.codexErrorInfo, codexErrorInfo)
    assert.equal(error.httpStatus, 503)
    assert.equal(error.retryable, true)
    assert.equal(error.additionalDetails, null)
    assert.equal(error.threadId, turn.threadId)
    assert.equal(error.turnId, turn.id)
    assert.equal(error.result.status, 'failed')
    assert.equal(error.result.finalResponse, 'Hello from the rig.')
    assert.deepEqual(
      error.result.items.map((item) => item.type),
      ['userMessage', 'agentMessage'],
    )
    assert.equal(error.result.usage?.total.totalTokens, 120)
  })

  test('T4: a thread goes on after a failed turn', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'turnFailed'], 'default'] } })
    const thread = await codex.startThread()
    await rejection(thread.run('one'), TurnFailedError)
    assert.equal((await thread.run('two')).status, 'completed')
  })

  test('T5: four retries, then success', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            'messageStarted',
            { deltas: { text: 'lost', pieces: 1 } },
            { repeat: 4, do: [{ play: 'error', with: { willRetry: true, message: 'Reconnecting... $n' } }] },
            { play: 'agentMessage', with: { itemId: 'msg-again' } },
            'turnEnd',
          ],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    const [events, result] = await Promise.all([collect(turn), turn.run()])
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Hello from the rig.')
    const errors = events.flatMap((event) => (event.method === 'error' ? [event.params] : []))
    assert.deepEqual(
      errors.map(({ willRetry, error }) => [willRetry, error.message]),
      [0, 1, 2, 3].map((n) => [true, `Reconnecting... ${n}`]),
    )
  })

  test('T5: four broken streams of the real codex, then success', async (t) => {
    const { codex, provider, home } = await real(t, {}, { streamMaxRetries: 4 })
    const item = { type: 'message', role: 'assistant', id: 'm', content: [] }
    const broken = reply(
      [
        rawEvent({ type: 'response.output_item.added', item }),
        rawEvent({ type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'lost' }),
      ],
      { cut: true },
    )
    provider.enqueue(broken, broken, broken, broken, say('found'))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('go')
    const [events, result] = await Promise.all([collect(turn), turn.run()])
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'found')
    const retries = events.flatMap((event) => (event.method === 'error' ? [event.params.willRetry] : []))
    assert.deepEqual(retries, [true, true, true, true])
    const messages = result.items.flatMap((item) => (item.type === 'agentMessage' ? [item.text] : []))
    assert.deepEqual(messages, ['found'])
  })

  test('T6: a failure that is announced, and then nothing', async (t) => {
    const error = { play: 'error', with: { message: 'out of credit', codexErrorInfo: 'usageLimitExceeded' } }
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', error]] } })
    const turn = await (await codex.startThread()).turn('go')
    const [fromRun, fromStream] = await Promise.all([
      rejection(turn.run(), TurnFailedError),
      rejection(collect(turn), TurnFailedError),
    ])
    for (const error of [fromRun, fromStream]) {
      assert.equal(error.message, 'out of credit')
      assert.equal(error.codexErrorInfo, 'usageLimitExceeded')
      assert.equal(error.retryable, false)
      assert.equal(error.result.finalResponse, 'Hello from the rig.')
    }
  })

  test('T7: the final response is what the stream brought, whatever turn/completed holds', async (t) => {
    const end = { id: '$turnId', items: [], itemsView: 'notLoaded', status: 'completed', error: null }
    const completed = { notify: { method: 'turn/completed', params: { threadId: '$threadId', turn: end } } }
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', completed]] } })
    const { finalResponse, items } = await (await codex.startThread()).run('go')
    assert.equal(finalResponse, 'Hello from the rig.')
    assert.equal(items.length, 2)
  })

  test('T12: what this version does not know passes through as it came', async (t) => {
    const item = { type: 'hologram', id: 'h-1', shape: { deep: [1, null, 'x'] }, phase: 'dreaming' }
    const odd = { type: 'agentMessage', id: 'odd', text: 'Not the answer.', phase: 'afterthought' }
    const unknown = [
      ['item/hologram/rotated', { ...here, angle: 1.5, ключ: '値' }],
      ['turn/weather/changed', { ...here, sky: null }],
      ['item/started', { ...here, item }],
      ['item/completed', { ...here, item }],
      ['item/completed', { ...here, item: odd }],
      ['item/completed', { ...here, item: null }],
      ['item/completed', { ...here }],
      ['item/completed', { ...here, item: { type: 7, text: [], phase: {} } }],
      ['item/agentMessage/delta', { ...here, itemId: 'h-1', delta: { not: 'text' } }],
      ['item/hologram/textDelta', { ...here, itemId: 'h-1', delta: 'text', extra: 1 }],
      ['thread/tokenUsage/updated', { ...here, tokenUsage: 'plenty' }],
      ['error', { ...here, error: { codexErrorInfo: { quantumFlux: { level: 9 } } }, willRetry: true }],
      ['error', { ...here, error: 'text' }],
      ['error', { ...here }],
    ]
    const list = [
      'turnBegin',
      ...unknown.map(([method, params]) => ({ notify: { method, params, extraTop: true } })),
      { notify: { method: 'account/updated', params: { planType: 'platinum', authMode: 'telepathy' } } },
      {
        notify: {
          method: 'thread/status/changed',
          params: { threadId: '$threadId', status: { type: 'dozing' } },
        },
      },
      'agentMessage',
      'turnEnd',
    ]
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const outside = codex.notifications({ methods: ['account/updated'] })
    const turn = await (await codex.startThread()).turn('go')
    const [events, result] = await Promise.all([collect(turn), turn.run()])

    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Hello from the rig.')
    assert.deepEqual(result.items.slice(1, 3), [item, odd])
    const ids = { threadId: turn.threadId, turnId: turn.id }
    const passed = events.slice(3, 3 + unknown.length).map(({ emittedAtMs, seq, ...event }) => event)
    assert.deepEqual(
      passed,
      unknown.map(([method, params]) => ({
        method,
        params: { .../** @type {object} */ (params), ...ids },
        extraTop: true,
      })),
    )
    const { value: plan } = await outside.next()
    assert.deepEqual(plan?.params, { planType: 'platinum', authMode: 'telepathy' })
  })

  test('T12: an unknown status of a turn ends it', async (t) => {
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'agentMessage', ended({ status: 'ascended' })]] },
    })
    const { finalResponse } = await (await codex.startThread()).run('go')
    assert.equal(finalResponse, 'Hello from the rig.')
  })

  test('T12: an unknown kind of failure is a failure, with what it says', async (t) => {
    const error = { message: 'flux', codexErrorInfo: { quantumFlux: { level: 9 } }, additionalDetails: 'x' }
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', ended({ status: 'failed', error })]] } })
    const failure = await rejection((await codex.startThread()).run('go'), TurnFailedError)
    assert.equal(failure.message, 'flux')
    assert.deepEqual(failure.codexErrorInfo, { quantumFlux: { level: 9 } })
    assert.equal(failure.additionalDetails, 'x')
    assert.equal(failure.httpStatus, null)
    assert.equal(failure.retryable, false)
  })

  test('T12: a failure without any reason is a failure', async (t) => {
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', ended({ status: 'failed', error: null })]] },
    })
    const failure = await rejection((await codex.startThread()).run('go'), TurnFailedError)
    assert.ok(failure.message.length > 0)
    assert.equal(failure.codexErrorInfo, null)
  })

  test('T14: interrupt() is answered at once while ten streams are open and idle', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const idle = await Promise.all(
      Array.from({ length: 10 }, async () => (await codex.startThread()).turn('wait')),
    )
    const streams = idle.map((turn) => turn.stream())
    for (const stream of streams) for (let event = 0; event < 3; event++) await stream.next()
    const waiting = streams.map((stream) => stream.next())

    const eleventh = await (await codex.startThread()).turn('stop me')
    const started = performance.now()
    await eleventh.interrupt()
    // One that was not answered is given up after 5 s.
    assert.ok(performance.now() - started < 3_000)
    assert.equal((await eleventh.run()).status, 'interrupted')

    // The ten are as they were.
    assert.equal(await Promise.race([...waiting, Promise.resolve('idle')]), 'idle')
    await Promise.all(idle.map((turn) => turn.interrupt()))
    for (const next of await Promise.all(waiting)) assert.equal(next.value?.method, 'turn/completed')
  })

  test('T15: two consumers of one turn each see every event once', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [flood({ count: 5_000 })] } })
    const turn = await (await codex.startThread()).turn('go')
    const [one, other] = await Promise.all([
      collect(turn.stream({ coalesce: false })),
      collect(turn.stream({ coalesce: false })),
    ])
    assert.deepEqual(one, other)
    const texts = one.flatMap((event) =>
      event.method === 'item/agentMessage/delta' ? [event.params.delta] : [],
    )
    assert.deepEqual(texts, numbered(5_000))
  })
})

/** @param {{ params?: unknown }} event */
function threadOf(event) {
  return /** @type {{ threadId?: string } | undefined} */ (event.params)?.threadId
}
