// Rows T8 to T11 of the failure cases: turns that are silent, that wait for each other, and that are steered too late.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { JsonRpcError, TurnInactiveError } from '../../index.mjs'
import { createGate, hang, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

/** @typedef {import('../../index.js').TurnEvent} TurnEvent */

describe('turns', { concurrency: true, timeout: 60_000 }, () => {
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
})
