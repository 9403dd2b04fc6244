// Rows T of the failure cases: turns whose events come early, late, never, in floods, or from elsewhere.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, JsonRpcError, TurnFailedError, TurnInactiveError, TurnLostError } from '../../index.mjs'
import { createGate, hang, rawEvent, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

/** @typedef {import('../../index.js').TurnEvent} TurnEvent */

const here = { threadId: '$threadId', turnId: '$turnId' }

// What hangs must fail the test, not the whole run.
describe('turns', { concurrency: true, timeout: 60_000 }, () => {
  // Whatever part of the turn the answer is late for.
  const parts = ['turnStarted', 'userMessage', 'agentMessage', 'tokenUsage', 'threadIdle', 'turnCompleted']
  for (let before = 1; before <= parts.length; before++) {
    test(`T1: nothing is lost when ${parts[before - 1]} comes before the answer to turn/start`, async (t) => {
      const list = [...parts.slice(0, before), 'turnReply', ...parts.slice(before)]
      const { codex } = rig(t, { on: { 'turn/start': [list] } })
      const thread = await codex.startThread()
      const turn = await thread.turn('go')
      assert.deepEqual((await collect(turn.stream({ coalesce: false }))).map(inShort), [
        'turn/started',
        'item/started userMessage',
        'item/completed userMessage',
        'item/started agentMessage',
        'Hello',
        ' from',
        ' the ',
        'rig.',
        'item/completed agentMessage',
        'thread/tokenUsage/updated',
        'turn/completed',
      ])
      const result = await thread.run('again')
      assert.equal(result.finalResponse, 'Hello from the rig.')
      assert.deepEqual(
        result.items.map((item) => item.type),
        ['userMessage', 'agentMessage'],
      )
      assert.equal(result.usage?.total.totalTokens, 120)
    })
  }

  test('T1: a second turn does not get what came early for the first', async (t) => {
    const early = ['turnStarted', 'agentMessage', 'turnEnd', 'turnReply']
    const { codex } = rig(t, { on: { 'turn/start': [early] } })
    const thread = await codex.startThread()
    const [first, second] = await Promise.all([thread.run('one'), thread.run('two')])
    assert.deepEqual([first.turnId, second.turnId], ['turn-1', 'turn-2'])
    assert.deepEqual([first.items.length, second.items.length], [1, 1])
  })

  test('T2: a turn whose end is not told settles by thread/read', async (t) => {
    const list = ['turnBegin', 'agentMessage', 'tokenUsage', { settle: 'completed' }, 'threadIdle']
    const { codex, log } = rig(t, { on: { 'turn/start': [list] } })
    const turn = await (await codex.startThread()).turn('go')
    const [events, result] = await Promise.all([collect(turn), turn.run()])
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Hello from the rig.')
    assert.equal(result.usage?.total.totalTokens, 120)
    assert.equal(events.at(-1)?.method, 'thread/tokenUsage/updated')
    assert.deepEqual(
      log.messages('thread/read').map((message) => message.params),
      [{ threadId: turn.threadId, includeTurns: true }],
    )
  })

  test('T2: all signs of the end may come before the answer to turn/start', async (t) => {
    const list = ['turnStarted', 'agentMessage', { settle: 'completed' }, 'threadIdle', 'turnReply']
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const result = await (await codex.startThread()).run('go')
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Hello from the rig.')
  })

  test('T2: a sign of the end that comes later counts as well', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const list = ['turnBegin', { waitForFile: go }, 'agentMessage', { settle: 'completed' }, 'threadIdle']
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const turn = await (await codex.startThread()).turn('go')
    writeFileSync(go, '')
    assert.equal((await turn.run()).finalResponse, 'Hello from the rig.')
  })

  test('T2: a turn that failed without a word is a failure by thread/read', async (t) => {
    const list = ['turnBegin', 'agentMessage', { settle: 'failed' }, 'threadIdle']
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const error = await rejection((await codex.startThread()).run('go'), TurnFailedError)
    assert.equal(error.result.finalResponse, 'Hello from the rig.')
  })

  test('T2: else the turn is lost, with what was collected', async (t) => {
    const thread = { id: '$threadId', status: { type: 'idle' }, turns: [] }
    const { codex } = rig(t, {
      on: {
        'turn/start': [['turnBegin', 'agentMessage', 'threadIdle']],
        'thread/read': [[{ reply: { thread } }]],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    const [fromRun, fromStream, fromText] = await Promise.all([
      rejection(turn.run(), TurnLostError),
      rejection(collect(turn), TurnLostError),
      rejection(collect(turn.text()), TurnLostError),
    ])
    for (const error of [fromRun, fromStream, fromText]) {
      assert.equal(error.code, 'TURN_LOST')
      assert.equal(error.result?.turnId, turn.id)
      assert.equal(error.result?.finalResponse, 'Hello from the rig.')
      assert.equal(error.result?.status, 'inProgress')
    }
  })

  for (const [answer, how] of /** @type {const} */ ([
    ['never', 'is not answered'],
    [{ error: { code: -32603, message: 'disk on fire' } }, 'fails'],
    [{ reply: {} }, 'answers with nonsense'],
  ])) {
    test(`T2: a thread/read that ${how} is no hang`, async (t) => {
      const { codex } = rig(
        t,
        {
          on: { 'turn/start': [['turnBegin', 'agentMessage', 'threadIdle']], 'thread/read': [[answer]] },
        },
        // The first request counts from before the start of the server.
        { requestTimeoutMs: 3_000 },
      )
      const error = await rejection((await codex.startThread()).run('go'), TurnLostError)
      assert.equal(error.result?.finalResponse, 'Hello from the rig.')
    })
  }

  test('T2: an abort does not wait for a thread/read that is not answered', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnBegin', 'agentMessage', 'threadIdle']],
        'thread/read': [['never']],
        'turn/interrupt': [['never']],
      },
    })
    const controller = new AbortController()
    const turn = await (await codex.startThread()).turn('go', { signal: controller.signal })
    const run = rejection(turn.run(), AbortError)
    await log.message('thread/read')
    const started = performance.now()
    controller.abort('enough')
    const error = await run
    assert.deepEqual([error.cause, error.result?.finalResponse], ['enough', 'Hello from the rig.'])
    const took = performance.now() - started
    assert.ok(took < 8_000, `it took ${took} ms`)
  })

  test('T2: a thread that was idle for a moment, but works on, does not end the turn', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'threadIdle', { waitForFile: go }, 'agentMessage', 'turnEnd']] },
    })
    const running = (await codex.startThread()).run('go')
    await log.message('thread/read')
    writeFileSync(go, '')
    const { status, finalResponse } = await running
    assert.equal(status, 'completed')
    assert.equal(finalResponse, 'Hello from the rig.')
  })

  test('T2: a turn that ends as it should is not asked for', async (t) => {
    const { codex, log } = rig(t)
    await (await codex.startThread()).run('go')
    assert.deepEqual(log.messages('thread/read'), [])
  })

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

  test('T8: silence beyond every deadline of requests ends nothing', async (t) => {
    const list = ['turnBegin', { sleepMs: 3_500 }, 'agentMessage', 'turnEnd']
    const options = { requestTimeoutMs: 3_000, connectTimeoutMs: 3_000 }
    const { codex, log } = rig(t, { on: { 'turn/start': [list] } }, options)
    const turn = await (await codex.startThread()).turn('go')
    const [result, events] = await Promise.all([turn.run(), collect(turn)])
    assert.equal(result.status, 'completed')
    assert.equal(events.at(-1)?.method, 'turn/completed')
    assert.deepEqual(
      // Who has the thread no more lets go of it, sooner or later.
      log.messages().filter(({ method }) => !['initialized', 'thread/unsubscribe'].includes(method)).length,
      3,
      'initialize, thread/start and turn/start, but no question in between',
    )
  })

  for (const where of ['turn', 'client']) {
    test(`T9: the inactivity timeout of the ${where} gives the turn up, which goes on`, async (t) => {
      const go = join(temporaryFolder(t), 'go')
      const inactivity = { inactivityTimeoutMs: 2_000 }
      const list = ['turnBegin', { waitForFile: go }, 'agentMessage', 'turnEnd']
      const { codex, log } = rig(
        t,
        { on: { 'turn/start': [list, 'default'] } },
        where === 'client' ? inactivity : {},
      )
      const thread = await codex.startThread()
      const turn = await thread.turn('go', where === 'turn' ? inactivity : {})
      /** @type {TurnEvent[]} */
      const events = []
      const read = async () => {
        for await (const event of turn) events.push(event)
      }
      const [fromRun, fromStream, fromText] = await Promise.all([
        rejection(turn.run(), TurnInactiveError),
        rejection(read(), TurnInactiveError),
        rejection(collect(turn.text()), TurnInactiveError),
      ])
      assert.equal(events.length, 3, 'what had come was read before')
      for (const [error, mode] of /** @type {const} */ ([
        [fromRun, 'run'],
        [fromStream, 'stream'],
        [fromText, 'text'],
      ])) {
        assert.equal(error.code, 'TURN_INACTIVE')
        assert.equal(error.retryable, false)
        assert.ok(error.idleMs >= 2_000)
        const { cursor, ...continuation } = error.continuation
        assert.deepEqual(continuation, { threadId: turn.threadId, turnId: turn.id, mode })
        assert.ok(Number.isInteger(cursor))
      }

      // It is neither interrupted nor forgotten: the next turn waits for it.
      const next = thread.run('next')
      await codex.request('model/list', {})
      assert.equal(log.messages('turn/start').length, 1)
      assert.deepEqual(log.messages('turn/interrupt'), [])
      writeFileSync(go, '')
      assert.equal((await next).status, 'completed')
      assert.deepEqual(log.messages('turn/interrupt'), [])
    })
  }

  test('T9: each event restarts the inactivity timeout', async (t) => {
    const often = { repeat: 10, do: [{ sleepMs: 300 }, { deltas: { text: 'x', pieces: 1 } }] }
    const list = ['turnBegin', 'messageStarted', often, 'messageCompleted', 'turnEnd']
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const { status } = await (await codex.startThread()).run('go', { inactivityTimeoutMs: 2_500 })
    assert.equal(status, 'completed')
  })

  test('T9: run() without a reader gives up, too', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const thread = await codex.startThread()
    const error = await rejection(thread.run('go', { inactivityTimeoutMs: 200 }), TurnInactiveError)
    assert.equal(error.continuation.threadId, thread.id)
    assert.equal(error.continuation.turnId, 'turn-1')
  })

  test('T10: a second run() on a thread waits for the first', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const list = ['turnBegin', { waitForFile: go }, 'agentMessage', 'turnEnd']
    const { codex, log } = rig(t, { on: { 'turn/start': [list, 'default'] } })
    const thread = await codex.startThread()
    const runs = [thread.run('one'), thread.run('two'), thread.run('three')]
    await log.message('turn/start')
    // Whatever had been sent with the first would stand before this.
    await codex.request('model/list', {})
    assert.equal(log.messages('turn/start').length, 1)
    writeFileSync(go, '')
    const results = await Promise.all(runs)
    assert.deepEqual(
      results.map(({ turnId }) => turnId),
      ['turn-1', 'turn-2', 'turn-3'],
    )
    assert.deepEqual(
      log.messages('turn/start').map(({ params }) => params.input[0].text),
      ['one', 'two', 'three'],
    )
  })

  test('T10: two handles of one thread share its order', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const list = ['turnBegin', { waitForFile: go }, 'agentMessage', 'turnEnd']
    const { codex, log } = rig(t, { on: { 'turn/start': [list, 'default'] } })
    const thread = await codex.startThread()
    const other = await codex.resumeThread(thread.id)
    const runs = [thread.run('one'), other.run('two')]
    await log.message('turn/start')
    await codex.request('model/list', {})
    assert.equal(log.messages('turn/start').length, 1)
    writeFileSync(go, '')
    const [first, second] = await Promise.all(runs)
    assert.deepEqual([first?.turnId, second?.turnId], ['turn-1', 'turn-2'])
  })

  test('T10: two turns at once on one thread of the real codex are two turns', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('One.'), say('Two.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const [first, second] = await Promise.all([thread.run('one'), thread.run('two')])
    assert.notEqual(first.turnId, second.turnId)
    assert.deepEqual([first.finalResponse, second.finalResponse], ['One.', 'Two.'])
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'two'])
  })

  test('T10: turns of two threads run at once', async (t) => {
    const { codex, provider, home } = await real(t)
    const [a, b] = [createGate(), createGate()]
    provider.when('for a', reply([say('A'), waitFor(a)])).when('for b', reply([say('B'), waitFor(b)]))
    const [first, second] = await Promise.all([
      codex.startThread({ cwd: home.workspace }),
      codex.startThread({ cwd: home.workspace }),
    ])
    const runs = [first.run('for a'), second.run('for b')]
    await Promise.all([a.reached, b.reached])
    b.open()
    assert.equal((await runs[1])?.finalResponse, 'B')
    a.open()
    assert.equal((await runs[0])?.finalResponse, 'A')
  })

  test('T11: steering a turn that has ended says so', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('Done.'))
    const turn = await (await codex.startThread({ cwd: home.workspace })).turn('go')
    await turn.run()
    const error = await rejection(turn.steer('and also this'), JsonRpcError)
    assert.equal(error.method, 'turn/steer')
    assert.match(error.message, /no active turn to steer/)
  })

  test('T11: steering a turn that another has followed says so, and reaches neither', async (t) => {
    const { codex, provider, home } = await real(t)
    const gate = createGate()
    provider.enqueue(say('One.'), reply([waitFor(gate), say('Two.')]))
    const thread = await codex.startThread({ cwd: home.workspace })
    const first = await thread.turn('one')
    await first.run()
    const second = await thread.turn('two')
    await gate.reached
    const error = await rejection(first.steer('for the first'), JsonRpcError)
    assert.match(error.message, /expected active turn id/)
    assert.match(error.message, new RegExp(first.id))
    gate.open()
    assert.equal((await second.run()).finalResponse, 'Two.')
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'two'])
  })

  test('T11: steering a review says that it takes no input', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('One.'), hang())
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('one')
    const started = codex.notifications({ methods: ['turn/started'] })
    const { turn } = await codex.request('review/start', {
      threadId: thread.id,
      target: { type: 'custom', instructions: 'Look at it.' },
      delivery: 'inline',
    })
    await started.next()
    const steer = codex.request('turn/steer', {
      threadId: thread.id,
      expectedTurnId: turn.id,
      input: [{ type: 'text', text: 'faster' }],
    })
    const error = await rejection(steer, JsonRpcError)
    assert.match(error.message, /review|steer/)
    assert.deepEqual(error.data, {
      message: 'cannot steer a review turn',
      codexErrorInfo: { activeTurnNotSteerable: { turnKind: 'review' } },
      additionalDetails: null,
      misalignment: null,
    })
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

// Alone, for what they measure.
describe('T13: 100,000 deltas and a consumer that does not read', { timeout: 60_000 }, () => {
  const count = 100_000

  for (const coalesce of [false, true]) {
    test(`none is lost and the order is kept, coalesce: ${coalesce}`, async (t) => {
      const { codex } = rig(t, { on: { 'turn/start': [flood({ count, flooded: true }), 'default'] } })
      const flooded = codex.notifications({ methods: ['rig/flooded'] })
      const thread = await codex.startThread()
      const other = await codex.startThread()
      const before = nativeBytes()
      const turn = await thread.turn('go')
      const events = turn.stream({ coalesce })
      const first = await events.next()
      assert.equal(first.value?.method, 'turn/started')

      // Everything has come, and is kept for the consumer.
      await flooded.next()
      await turn.run()
      const kept = nativeBytes() - before
      const text = numbered(count).join('')
      // What is on the wire is ten times its text.
      assert.ok(kept < 4 * text.length, `${kept} bytes are kept for ${text.length} of text`)
      // Nobody else had to wait for it.
      assert.equal((await other.run('me too')).finalResponse, 'Hello from the rig.')

      /** @type {string[]} */
      const deltas = []
      /** @type {string[]} */
      const methods = []
      for await (const event of events) {
        if (event.method === 'item/agentMessage/delta') deltas.push(event.params.delta)
        if (event.method !== methods.at(-1)) methods.push(event.method)
      }
      assert.equal(deltas.join(''), text)
      if (coalesce) assert.ok(deltas.length < 100, `${deltas.length} events`)
      else assert.deepEqual(deltas, numbered(count))
      assert.deepEqual(methods, [
        'item/started',
        'item/completed',
        'item/started',
        'item/agentMessage/delta',
        'item/completed',
        'thread/tokenUsage/updated',
        'turn/completed',
      ])
    })
  }

  test('another turn goes on while it floods', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const endless = {
      flood: { count: 1_000_000_000, numbered: true, bytes: 16, text: 'x', perSecond: 50_000 },
    }
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          ['turnBegin', 'messageStarted', endless],
          [{ waitForFile: go }, 'default'],
        ],
      },
    })
    const [flooding, other] = [await codex.startThread(), await codex.startThread()]
    const turn = await flooding.turn('go')
    const events = turn.stream()
    await events.next()
    const running = other.run('me too')
    writeFileSync(go, '')
    assert.equal((await running).finalResponse, 'Hello from the rig.')
    await turn.interrupt()
    assert.equal((await turn.run()).status, 'interrupted')
  })
})

/**
 * A turn with so many numbered deltas of one message.
 *
 * @param {{ count: number, flooded?: boolean }} options
 */
function flood({ count, flooded = false }) {
  return [
    'turnBegin',
    'messageStarted',
    { flood: { count, numbered: true, bytes: 16, text: 'x' } },
    ...(flooded ? [{ notify: { method: 'rig/flooded', params: {} } }] : []),
    'messageCompleted',
    'turnEnd',
  ]
}

/**
 * The texts of that flood.
 *
 * @param {number} count
 */
function numbered(count) {
  return Array.from({ length: count }, (_, index) => `${String(index).padStart(8, '0')} xxxxxxx`)
}

/**
 * An end of a turn of one's own making.
 *
 * @param {object} turn
 */
function ended(turn) {
  const whole = { id: '$turnId', items: [], error: null, ...turn }
  return { notify: { method: 'turn/completed', params: { threadId: '$threadId', turn: whole } } }
}

/** @param {TurnEvent} event */
function inShort(event) {
  if (event.method === 'item/agentMessage/delta') return event.params.delta
  if (event.method === 'item/started' || event.method === 'item/completed') {
    return `${event.method} ${event.params.item.type}`
  }
  return event.method
}

/** @param {{ params?: unknown }} event */
function threadOf(event) {
  return /** @type {{ threadId?: string } | undefined} */ (event.params)?.threadId
}

/** Memory of this process that is not V8's. */
function nativeBytes() {
  const { rss, heapTotal, external } = process.memoryUsage()
  return rss - heapTotal - external
}
