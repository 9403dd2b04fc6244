// Rows T1 and T2 of the failure cases: turns whose events come early, late, or whose end never comes.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, TurnFailedError, TurnLostError } from '../../index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'
import { inShort } from '../support/turns.mjs'

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
})
